//! Decisions: the answer to a command, and the change that it makes.

use super::RequestState;
use crate::{
    frames::Id,
    ids::{Seq, Uid},
};

/// Decisions: the answer to a command, and the change that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer to the sender.
    pub answer: Answer,
    /// The change to write; `None` for a duplicate.
    pub change: Option<Change>,
}

impl Decision {
    pub(super) fn change(answer: Answer, change: Change) -> Self {
        Self { answer, change: Some(change) }
    }

    pub(super) fn nothing(answer: Answer) -> Self {
        Self { answer, change: None }
    }
}

/// The answer to the sender. If there is a change, the store adds its seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a card.
    Publish {
        /// The published version.
        version: u64,
        /// Whether it was already published.
        dup: bool,
    },
    /// To a change of the creator.
    Creator {
        /// The new creator.
        creator: Uid,
        /// Whether they already were the creator.
        dup: bool,
    },
    /// To a request.
    Request {
        /// The request's id, which may be that of an earlier request for the same box key.
        request_id: Id,
        /// The state.
        state: RequestState,
        /// The seq of the earlier one, if it is a duplicate.
        seq: Option<Seq>,
        /// Whether it was already stored.
        dup: bool,
    },
    /// To an approve.
    Approve {
        /// The request's state.
        state: RequestState,
        /// The seq of the earlier one, if it is a duplicate.
        seq: Option<Seq>,
        /// Whether it was already stored.
        dup: bool,
        /// How many live approves by others there are.
        others: usize,
    },
    /// To a denial.
    Deny {
        /// The request's state.
        state: RequestState,
        /// Whether it was already denied.
        dup: bool,
    },
    /// To an unblock.
    Unblock {
        /// Whether there was no denial.
        dup: bool,
    },
    /// To a withdrawal.
    Withdraw {
        /// Whether there was nothing to withdraw.
        dup: bool,
    },
    /// To an ack.
    Ack {
        /// Whether this device had already acked, or there was nothing to ack.
        dup: bool,
        /// Whether the request and its approves are now deleted.
        deleted: bool,
    },
    /// To a nack.
    Nack {
        /// The request's state, if there is one.
        state: Option<RequestState>,
        /// Whether there was nothing to nack.
        dup: bool,
    },
    /// To the sweep, or to an operator.
    Sweep {
        /// Whether it was too early, or there was nothing to end.
        dup: bool,
    },
}

/// A change to write, all of it with one new seq. The comments say who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The card replaces the previous one; the room is told.
    PutCard {
        /// Whether the directory lists the room.
        is_listed: bool,
    },
    /// The room is listed in the directory, or removed from it; the card stays. Nobody is told.
    List {
        /// Whether the directory lists it.
        is_listed: bool,
    },
    /// The room has another creator; members are told.
    SetCreator {
        /// The new creator.
        creator: Uid,
    },
    /// The request is stored as pending, and the device registered with it; members are told.
    AddRequest,
    /// Another device is registered with the request. Nobody is told.
    AddDevice {
        /// The request.
        request_id: Id,
    },
    /// The approve is stored, and its request approved; the newcomer gets it, and members are told.
    AddApprove {
        /// The request.
        request_id: Id,
        /// Whether the request was denied: then the denial is lifted, as with [`Change::Unblock`].
        overrules: bool,
    },
    /// The request is denied, and the denial stored; the newcomer and the members are told.
    Deny {
        /// The request.
        request_id: Id,
        /// Whether it is a block.
        is_block: bool,
        /// Whether its frame is kept, so that a member may still approve it. Otherwise it ends, as
        /// with [`Change::Close`].
        keeps: bool,
    },
    /// The denial is lifted. The requests that it denied, if they can still be approved, are
    /// pending again; members are told.
    Unblock,
    /// A device has saved the key.
    Save {
        /// The request.
        request_id: Id,
        /// Whether it is the first from this approve: then its approver is told, and all other
        /// approves are dropped.
        is_first: bool,
        /// Whether no device waits any more: then the request is done, as with [`Change::Close`].
        closes: bool,
    },
    /// The approve cannot be used, and its frame is deleted; its approver is told.
    Nack {
        /// Whether its request has no other live approve: then it is pending again, and members are
        /// told.
        reopens: bool,
    },
    /// The approve has expired, and its frame is deleted.
    Lapse {
        /// As for [`Change::Nack`].
        reopens: bool,
    },
    /// The request ends, and its frames are deleted; members are told. Its id is remembered for a
    /// while.
    Close {
        /// The request.
        request_id: Id,
        /// How it ended. A denied request stays denied, and nobody is told a second time.
        state: RequestState,
    },
}
