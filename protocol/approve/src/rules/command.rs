//! Commands, and who sends them.

use strum::{IntoStaticStr, VariantNames};

use super::Policy;
use crate::{
    frames::Id,
    signed::{Hash, Uid},
};

/// The sender of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user.
    pub uid: Uid,
    /// Whether this connection proved the room key.
    pub is_member: bool,
}

/// A command to one room. Its signatures have been verified; a `digest` is the hash of the signed
/// bytes.
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
        /// Whether the directory lists the room; `None` leaves that unchanged.
        listed: Option<bool>,
    },
    /// Hand the creator's role to another user.
    HandOver {
        /// The new creator.
        to: Uid,
    },
    /// From an operator: set the room's creator.
    Appoint {
        /// The new creator.
        to: Uid,
    },
    /// Ask for the room key.
    Request {
        /// The request's id.
        request_id: Id,
        /// The requesting device.
        device: Id,
        /// The hash of the box key.
        box_hash: Hash,
        /// The request's digest.
        digest: Hash,
        /// When it expires, in Unix milliseconds.
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
        /// The hash of the box key to which it is sealed.
        box_hash: Hash,
        /// The approve's digest.
        digest: Hash,
        /// When it expires, in Unix milliseconds.
        exp: i64,
    },
    /// Deny a request.
    Deny {
        /// The newcomer.
        to: Uid,
        /// The request.
        request_id: Id,
        /// Whether it is a block: the newcomer may not ask again until a member lifts it.
        is_block: bool,
    },
    /// Lift a user's denial.
    Unblock {
        /// The denied user.
        uid: Uid,
    },
    /// Withdraw a request.
    Withdraw {
        /// The request.
        request_id: Id,
    },
    /// Tell that a device has saved the key.
    Ack {
        /// The approve with the key.
        approve_id: Id,
        /// The device.
        device: Id,
    },
    /// Tell that an approve cannot be used.
    Nack {
        /// The approve.
        approve_id: Id,
    },
    /// From the sweep: end the caller's request if it has expired.
    Expire {
        /// The request.
        request_id: Id,
    },
    /// From an operator: end the caller's request in any case.
    End {
        /// The request.
        request_id: Id,
    },
    /// From the sweep: end an approve for the caller if it has expired.
    Lapse {
        /// The approve.
        approve_id: Id,
    },
    /// From an operator: end an approve for the caller in any case.
    Revoke {
        /// The approve.
        approve_id: Id,
    },
}
