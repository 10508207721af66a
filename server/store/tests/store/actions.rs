//! What somebody does: a command with the frame that belongs to it.

use std::fmt;

use vestibule_approve::{
    base64url::{Blob, Fixed},
    frames::{Approve, Card, Deny, Id, Policy, Request},
    items::NackCode,
    rules::{Caller, Command},
    signed::{Alg, Hash, Rid, Signature, Uid},
};
use vestibule_store::{Content, Submission, pack};

/// The store looks at no signature: that is done before.
pub(crate) const SIGNATURE: Signature = Fixed([7; 64]);
/// The code of every denial.
pub(crate) const DENIAL_CODE: &str = "no";
/// The code of every nack.
pub(crate) const NACK_CODE: NackCode = NackCode::WrongKey;

/// Something done in one room.
#[derive(Clone)]
pub(crate) struct Deed {
    pub(crate) rid: Rid,
    pub(crate) caller: Caller,
    pub(crate) act: Act,
}

/// What is done.
#[derive(Clone)]
pub(crate) enum Act {
    /// A card, and whether the directory is to list the room.
    Publish(Card, Option<bool>),
    Ask {
        request: Request,
        device: Id,
    },
    Approve(Approve),
    Deny(Deny),
    /// What brings nothing along but its command.
    Plain(Command),
}

impl Deed {
    pub(crate) fn command(&self) -> Command {
        let Self { rid, caller, act } = self;
        match act {
            Act::Publish(card, listed) => {
                let Card { version, policy, ref name, .. } = *card;
                let digest = Card::signed_bytes(rid, version, policy, name.as_deref()).hash();
                Command::Publish { version, policy, digest, listed: *listed }
            }
            Act::Ask { request, device } => Command::Request {
                request_id: request.request_id,
                device: *device,
                box_hash: request.box_hash(),
                digest: request.signed_bytes(rid, &caller.uid).hash(),
                exp: request.exp,
            },
            Act::Approve(approve) => Command::Approve {
                approve_id: approve.approve_id,
                to: approve.to,
                request_id: approve.request_id,
                box_hash: approve.r#box,
                digest: approve.signed_bytes(rid, &caller.uid).hash(),
                exp: approve.exp,
            },
            Act::Deny(Deny { to, request_id, block, .. }) => {
                Command::Deny { to: *to, request_id: *request_id, is_block: *block }
            }
            Act::Plain(command) => command.clone(),
        }
    }

    pub(crate) fn submission(&self) -> Submission {
        let content = match &self.act {
            Act::Publish(card, _) => Content::Frame(pack(card)),
            Act::Ask { request, .. } => Content::Request { frame: pack(request), account: None },
            Act::Approve(approve) => Content::Frame(pack(approve)),
            Act::Deny(deny) => Content::Deny(deny.clone()),
            Act::Plain(Command::Nack { .. }) => Content::Nack(NACK_CODE),
            Act::Plain(_) => Content::Nothing,
        };
        Submission { rid: self.rid, caller: self.caller, command: self.command(), content }
    }
}

impl fmt::Debug for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rid, caller, .. } = self;
        write!(formatter, "in {rid:?} by {caller:?}: {:?}", self.command())
    }
}

pub(crate) fn card(rid: Rid, version: u64, policy: Policy) -> Card {
    let room_pub = Blob(rid.0.to_vec());
    Card { rid, room_pub, alg: Alg::Ed25519, version, policy, name: None, sig: SIGNATURE }
}

pub(crate) fn request(uid: Uid, request_id: Id, box_key: u8, exp: i64) -> Request {
    Request {
        request_id,
        sign_pub: Blob(uid.0.to_vec()),
        sign_alg: Alg::Ed25519,
        box_pub: Blob(vec![box_key]),
        box_alg: "box".to_owned(),
        note: None,
        exp,
        sig: SIGNATURE,
    }
}

pub(crate) fn approve(to: Uid, request_id: Id, approve_id: Id, r#box: Hash, exp: i64) -> Approve {
    Approve {
        approve_id,
        request_id,
        to,
        sign_pub: Blob(vec![1]),
        sign_alg: Alg::Ed25519,
        r#box,
        alg: "sealed".to_owned(),
        ct: Blob(vec![2]),
        exp,
        room_sig: SIGNATURE,
        user_sig: SIGNATURE,
    }
}
