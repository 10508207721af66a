//! The signed objects of the flow: a room's card, a newcomer's request, a member's approve or
//! denial.
//!
//! Each knows its signed bytes and verifies itself. After `check` the rules and the store need not
//! look at signatures again.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use super::{
    exp,
    limits::{ALG_BYTES, CODE_BYTES, FieldLimits, SIGN_PUB_BYTES},
    refusal::{Reason, Refusal},
    text,
};
use crate::{
    base64url::{Blob, Fixed},
    fields::{integer, null_is_default},
    signed::{Alg, Hash, Rid, Signature, Signed, Uid, box_hash, room_id, user_id},
};

/// An id that a client chose: 128 random bits.
pub type Id = Fixed<16>;

/// How newcomers get into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Policy {
    /// Members' clients may approve automatically.
    Open,
    /// A member approves by hand.
    Request,
    /// The room takes no requests, and guests do not learn that it exists.
    Secret,
}

impl Policy {
    /// Its name in frames and rows.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A room's public description, signed by the room key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The room's id.
    pub rid: Rid,
    /// The room's public key.
    pub room_pub: Blob,
    /// Its algorithm.
    pub alg: Alg,
    /// The version, which grows with every change.
    #[serde(deserialize_with = "integer")]
    pub version: u64,
    /// The policy.
    pub policy: Policy,
    /// The name that people see.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The room key's signature.
    pub sig: Signature,
}

impl Card {
    /// The bytes that the room key signs.
    pub fn signed_bytes(rid: &Rid, version: u64, policy: Policy, name: Option<&str>) -> Signed {
        Signed::new("vestibule/1/card")
            .bytes(rid.as_bytes())
            .int(version)
            .text(policy.as_str())
            .text(name.unwrap_or_default())
    }

    /// Verifies that the room key signed the card.
    pub fn check(&self, limits: &FieldLimits) -> Result<Checked, Refusal> {
        check_text("name", self.name.as_deref(), limits.name)?;
        if self.version == 0 || i64::try_from(self.version).is_err() {
            return Err(Reason::BadPayload
                .because("The field `version` must be an integer from 1 to 9223372036854775807."));
        }
        if room_id(self.alg, &self.room_pub.0) != self.rid {
            return Err(Reason::BadSig.into());
        }
        let bytes = Self::signed_bytes(&self.rid, self.version, self.policy, self.name.as_deref());
        verify(self.alg, &self.room_pub, &bytes, &self.sig)?;
        Ok(Checked { digest: bytes.hash() })
    }
}

/// A newcomer's request for the room key, to be sealed to `box_pub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The request's id, unique for this newcomer.
    pub request_id: Id,
    /// The newcomer's public signing key.
    pub sign_pub: Blob,
    /// Its algorithm.
    pub sign_alg: Alg,
    /// The box key to which the answer must be sealed.
    pub box_pub: Blob,
    /// The box key's algorithm, which the server does not interpret.
    pub box_alg: String,
    /// A note to the members.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// When it expires, in Unix milliseconds.
    #[serde(deserialize_with = "integer")]
    pub exp: i64,
    /// The newcomer's signature.
    pub sig: Signature,
}

impl Request {
    /// The bytes that the newcomer signs.
    pub fn signed_bytes(&self, rid: &Rid, uid: &Uid) -> Signed {
        Signed::new("vestibule/1/request")
            .bytes(rid.as_bytes())
            .bytes(uid.as_bytes())
            .bytes(self.request_id.as_bytes())
            .text(&self.box_alg)
            .bytes(&self.box_pub.0)
            .text(self.note.as_deref().unwrap_or_default())
            .int(self.exp.cast_unsigned())
    }

    /// The hash of the box key, which an approve must name.
    pub fn box_hash(&self) -> Hash {
        box_hash(&self.box_alg, &self.box_pub.0)
    }

    /// Verifies that `uid` signed this request to `rid`.
    pub fn check(&self, rid: &Rid, uid: &Uid, limits: &FieldLimits, now: i64) -> Result<Checked, Refusal> {
        check_text("note", self.note.as_deref(), limits.note)?;
        check_size("box_pub", self.box_pub.0.len(), limits.box_pub)?;
        check_size("box_alg", self.box_alg.len(), ALG_BYTES)?;
        if self.box_pub.0.is_empty() || self.box_alg.is_empty() {
            return Err(Reason::BadPayload.because("The fields `box_pub` and `box_alg` must not be empty."));
        }
        exp::check(self.exp, limits, now)?;
        check_user(uid, self.sign_alg, &self.sign_pub)?;
        let bytes = self.signed_bytes(rid, uid);
        verify(self.sign_alg, &self.sign_pub, &bytes, &self.sig)?;
        Ok(Checked { digest: bytes.hash() })
    }
}

/// A member's answer: the room key, sealed to the box key of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// The approve's id, unique in the room.
    pub approve_id: Id,
    /// The request it answers.
    pub request_id: Id,
    /// The newcomer.
    pub to: Uid,
    /// The approver's public signing key.
    pub sign_pub: Blob,
    /// Its algorithm.
    pub sign_alg: Alg,
    /// The hash of the box key to which `ct` is sealed.
    pub r#box: Hash,
    /// The algorithm of the seal, which the server does not interpret.
    pub alg: String,
    /// The sealed room key.
    pub ct: Blob,
    /// When it expires, in Unix milliseconds.
    #[serde(deserialize_with = "integer")]
    pub exp: i64,
    /// The room key's signature.
    pub room_sig: Signature,
    /// The approver's signature.
    pub user_sig: Signature,
}

impl Approve {
    /// The bytes that both the room key and the approver sign.
    pub fn signed_bytes(&self, rid: &Rid, by: &Uid) -> Signed {
        Signed::new("vestibule/1/approve")
            .bytes(rid.as_bytes())
            .bytes(self.request_id.as_bytes())
            .bytes(self.approve_id.as_bytes())
            .bytes(self.to.as_bytes())
            .bytes(by.as_bytes())
            .bytes(self.r#box.as_bytes())
            .text(&self.alg)
            .bytes(&self.ct.0)
            .int(self.exp.cast_unsigned())
    }

    /// Verifies that `by` signed it, with the room key.
    pub fn check(
        &self,
        rid: &Rid,
        by: &Uid,
        room: &RoomKey,
        limits: &FieldLimits,
        now: i64,
    ) -> Result<Checked, Refusal> {
        check_size("ct", self.ct.0.len(), limits.ct)?;
        check_size("alg", self.alg.len(), ALG_BYTES)?;
        if self.ct.0.is_empty() || self.alg.is_empty() {
            return Err(Reason::BadPayload.because("The fields `ct` and `alg` must not be empty."));
        }
        exp::check(self.exp, limits, now)?;
        check_user(by, self.sign_alg, &self.sign_pub)?;
        let bytes = self.signed_bytes(rid, by);
        verify(room.alg, &room.room_pub, &bytes, &self.room_sig)?;
        verify(self.sign_alg, &self.sign_pub, &bytes, &self.user_sig)?;
        Ok(Checked { digest: bytes.hash() })
    }
}

/// A member's denial of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deny {
    /// The request.
    pub request_id: Id,
    /// The newcomer.
    pub to: Uid,
    /// The reason, for programs. The protocol does not list the codes.
    pub code: String,
    /// Whether it is a block: the newcomer may not ask again until a member lifts it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub block: bool,
    /// The room key's signature.
    pub room_sig: Signature,
}

impl Deny {
    /// The bytes that the room key signs.
    pub fn signed_bytes(&self, rid: &Rid, by: &Uid) -> Signed {
        Signed::new("vestibule/1/deny")
            .bytes(rid.as_bytes())
            .bytes(self.request_id.as_bytes())
            .bytes(self.to.as_bytes())
            .bytes(by.as_bytes())
            .text(&self.code)
            .int(self.block.into())
    }

    /// Verifies that `by` sent it, with the room key.
    pub fn check(&self, rid: &Rid, by: &Uid, room: &RoomKey) -> Result<(), Refusal> {
        check_size("code", self.code.len(), CODE_BYTES)?;
        check_printable("code", &self.code)?;
        verify(room.alg, &room.room_pub, &self.signed_bytes(rid, by), &self.room_sig)
    }
}

/// A room's public key, from a member's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// The algorithm.
    pub alg: Alg,
    /// The public key.
    pub room_pub: Blob,
}

/// Returned by `check`, which has verified a frame's fields and signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The hash of the signed bytes, by which repeats are recognised.
    pub digest: Hash,
}

fn check_user(uid: &Uid, alg: Alg, key: &Blob) -> Result<(), Refusal> {
    check_size("sign_pub", key.0.len(), SIGN_PUB_BYTES)?;
    if user_id(alg, &key.0) != *uid {
        return Err(
            Reason::Unauthorized.because("The field `sign_pub` must be the key of this connection's user.")
        );
    }
    Ok(())
}

fn verify(alg: Alg, key: &Blob, bytes: &Signed, signature: &Signature) -> Result<(), Refusal> {
    alg.verify(&key.0, bytes, signature).map_err(|_| Reason::BadSig.into())
}

fn check_size(field: &str, bytes: usize, limit: usize) -> Result<(), Refusal> {
    check_count(field, bytes, limit, "bytes")
}

fn check_count(field: &str, count: usize, limit: usize, unit: &str) -> Result<(), Refusal> {
    if count <= limit {
        return Ok(());
    }
    Err(Reason::TooLarge.because(format!("The field `{field}` must have at most {limit} {unit}.")))
}

/// Checks a text that people see.
fn check_text(field: &'static str, text: Option<&str>, limit: usize) -> Result<(), Refusal> {
    let text = text.unwrap_or_default();
    check_count(field, text.chars().count(), limit, "characters")?;
    check_printable(field, text)
}

fn check_printable(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text::is_printable(text) {
        return Ok(());
    }
    Err(Reason::BadPayload
        .because(format!("The field `{field}` must not have control or format characters.")))
}
