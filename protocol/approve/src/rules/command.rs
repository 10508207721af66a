//! What somebody wants done.

use strum::{IntoStaticStr, VariantNames};

use super::Policy;
use crate::{
    frames::Id,
    signed::{Hash, Uid},
};

/// Who sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user.
    pub uid: Uid,
    /// Whether this connection proved the room key.
    pub is_member: bool,
}

/// What somebody wants done in one room. Signatures have been checked; a `digest` is the hash of
/// the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Command {
    /// Publish a card.
    Publish {
        /// Its version.
        version: u64,
        /// Its policy.
        policy: Policy,
        /// Its digest.
        digest: Hash,
        /// Whether the directory lists the room; nothing leaves that as it is.
        listed: Option<bool>,
    },
    /// Hand the creator's role to another user.
    HandOver {
        /// The next creator.
        to: Uid,
    },
    /// An operator's: set the room's creator, whoever it was.
    Appoint {
        /// The next creator.
        to: Uid,
    },
    /// Ask for the room key.
    Request {
        /// The request's id.
        request_id: Id,
        /// The device that asks.
        device: Id,
        /// The hash of the box key.
        box_hash: Hash,
        /// The request's digest.
        digest: Hash,
        /// When it ends.
        exp: i64,
    },
    /// Send the room key.
    Approve {
        /// The approve's id.
        approve_id: Id,
        /// The newcomer.
        to: Uid,
        /// The request it answers.
        request_id: Id,
        /// The hash of the box key it is sealed to.
        box_hash: Hash,
        /// The approve's digest.
        digest: Hash,
        /// When it ends.
        exp: i64,
    },
    /// Say no to a request.
    Deny {
        /// The newcomer.
        to: Uid,
        /// The request.
        request_id: Id,
        /// Whether the newcomer may not ask again until a member says so.
        is_block: bool,
    },
    /// Let somebody ask again who was denied.
    Unblock {
        /// Who.
        uid: Uid,
    },
    /// Take a request back.
    Withdraw {
        /// The request.
        request_id: Id,
    },
    /// The key is saved.
    Ack {
        /// The approve it came in.
        approve_id: Id,
        /// The device that has it now.
        device: Id,
    },
    /// The approve is no good.
    Nack {
        /// The approve.
        approve_id: Id,
    },
    /// The server's own: end the caller's request if its time is over.
    Expire {
        /// The request.
        request_id: Id,
    },
    /// An operator's: end the caller's request, whether or not its time is over.
    End {
        /// The request.
        request_id: Id,
    },
    /// The server's own: end an approve for the caller if its time is over.
    Lapse {
        /// The approve.
        approve_id: Id,
    },
    /// An operator's: end an approve for the caller, whether or not its time is over.
    Revoke {
        /// The approve.
        approve_id: Id,
    },
}
