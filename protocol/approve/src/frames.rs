//! The signed objects of the flow: a room's card, a newcomer's request, a member's approve or no.
//!
//! Each knows its signed bytes and checks itself. A frame that passed `check` is what its names
//! say: the rules and the store need not look at signatures again.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use super::{
    exp,
    limits::{ALG_BYTES, CODE_BYTES, Limits, SIGN_PUB_BYTES},
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

/// Who may enter a room, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Policy {
    /// Members' clients may approve by themselves.
    Open,
    /// A person approves.
    Request,
    /// Takes no requests; its existence is not shown.
    Secret,
}

impl Policy {
    /// Its name in frames and rows.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a room says about itself, signed by its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The room's id.
    pub rid: Rid,
    /// The room's public key.
    pub room_pub: Blob,
    /// Its algorithm.
    pub alg: Alg,
    /// Grows with every change.
    #[serde(deserialize_with = "integer")]
    pub version: u64,
    /// Who may enter.
    pub policy: Policy,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The room key's signature.
    pub sig: Signature,
}

impl Card {
    /// What the room key signs.
    pub fn signed_bytes(rid: &Rid, version: u64, policy: Policy, name: Option<&str>) -> Signed {
        Signed::new("vestibule/1/card")
            .bytes(rid.as_bytes())
            .int(version)
            .text(policy.as_str())
            .text(name.unwrap_or_default())
    }

    /// Whether it is the room's own.
    pub fn check(&self, limits: &Limits) -> Result<Checked, Refusal> {
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

/// A newcomer asks for the room key, sealed to `box_pub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Names the request among the newcomer's.
    pub request_id: Id,
    /// The newcomer's public signing key.
    pub sign_pub: Blob,
    /// Its algorithm.
    pub sign_alg: Alg,
    /// The key that the answer must be sealed to.
    pub box_pub: Blob,
    /// Its algorithm, which the server does not know.
    pub box_alg: String,
    /// A word to the members.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// When it ends, in Unix milliseconds.
    #[serde(deserialize_with = "integer")]
    pub exp: i64,
    /// The newcomer's signature.
    pub sig: Signature,
}

impl Request {
    /// What the newcomer signs.
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

    /// The hash of the box key that an approve has to name.
    pub fn box_hash(&self) -> Hash {
        box_hash(&self.box_alg, &self.box_pub.0)
    }

    /// Whether it is `uid`'s own request to `rid`.
    pub fn check(&self, rid: &Rid, uid: &Uid, limits: &Limits, now: i64) -> Result<Checked, Refusal> {
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

/// A member sends the room key, sealed to the box key of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// Names the approve in the room.
    pub approve_id: Id,
    /// The request it answers.
    pub request_id: Id,
    /// The newcomer.
    pub to: Uid,
    /// The approver's public signing key.
    pub sign_pub: Blob,
    /// Its algorithm.
    pub sign_alg: Alg,
    /// The hash of the box key that `ct` is sealed to.
    pub r#box: Hash,
    /// How `ct` is sealed, which the server does not know.
    pub alg: String,
    /// The sealed room key.
    pub ct: Blob,
    /// When it ends, in Unix milliseconds.
    #[serde(deserialize_with = "integer")]
    pub exp: i64,
    /// The room key's signature.
    pub room_sig: Signature,
    /// The approver's signature.
    pub user_sig: Signature,
}

impl Approve {
    /// What both the room key and the approver sign.
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

    /// Whether `by` sends it, holding the key of the room whose public key is `room_pub`.
    pub fn check(
        &self,
        rid: &Rid,
        by: &Uid,
        room: &RoomKey,
        limits: &Limits,
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

/// A member says no to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deny {
    /// The request.
    pub request_id: Id,
    /// The newcomer.
    pub to: Uid,
    /// Why, for programs; the protocol knows no list of codes.
    pub code: String,
    /// Whether the newcomer may not ask again until a member says so.
    #[serde(default, deserialize_with = "null_is_default")]
    pub block: bool,
    /// The room key's signature.
    pub room_sig: Signature,
}

impl Deny {
    /// What the room key signs.
    pub fn signed_bytes(&self, rid: &Rid, by: &Uid) -> Signed {
        Signed::new("vestibule/1/deny")
            .bytes(rid.as_bytes())
            .bytes(self.request_id.as_bytes())
            .bytes(self.to.as_bytes())
            .bytes(by.as_bytes())
            .text(&self.code)
            .int(self.block.into())
    }

    /// Whether `by` says it, holding the key of the room whose public key is `room_pub`.
    pub fn check(&self, rid: &Rid, by: &Uid, room: &RoomKey) -> Result<(), Refusal> {
        check_size("code", self.code.len(), CODE_BYTES)?;
        check_printable("code", &self.code)?;
        verify(room.alg, &room.room_pub, &self.signed_bytes(rid, by), &self.room_sig)
    }
}

/// A room's public key, known from a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// The algorithm.
    pub alg: Alg,
    /// The public key.
    pub room_pub: Blob,
}

/// Shows that a frame's fields and signatures have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The hash of the signed bytes: what duplicates are compared by.
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

/// Checks a text that people are shown.
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
