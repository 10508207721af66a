//! What a command does.

use super::RequestState;
use crate::{
    frames::Id,
    ids::{Seq, Uid},
};

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What its sender is told.
    pub answer: Answer,
    /// What is written; nothing for a duplicate.
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

/// What the sender is told. Where something is written, the store adds the seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a card.
    Publish {
        /// The published version.
        version: u64,
        /// Whether it was published before.
        dup: bool,
    },
    /// To a change of the creator.
    Creator {
        /// The creator from now on.
        creator: Uid,
        /// Whether they were it before.
        dup: bool,
    },
    /// To a request.
    Request {
        /// The id it is known by, which may be an earlier request's for the same box key.
        request_id: Id,
        /// Where it stands.
        state: RequestState,
        /// The seq of the earlier one.
        seq: Option<Seq>,
        /// Whether it was stored before.
        dup: bool,
    },
    /// To an approve.
    Approve {
        /// Where the request stands.
        state: RequestState,
        /// The seq of the earlier one.
        seq: Option<Seq>,
        /// Whether it was stored before.
        dup: bool,
        /// How many other approves wait for the newcomer.
        others: usize,
    },
    /// To a denial.
    Deny {
        /// Where the request stands.
        state: RequestState,
        /// Whether it was denied before.
        dup: bool,
    },
    /// To an end of a denial.
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
        /// Whether it was known that this device has the key, or there was nothing to ack.
        dup: bool,
        /// Whether the stored request and its approves are deleted now.
        deleted: bool,
    },
    /// To a nack.
    Nack {
        /// Where the request stands, if there is one.
        state: Option<RequestState>,
        /// Whether there was nothing to nack.
        dup: bool,
    },
    /// To the server itself, or its operator.
    Sweep {
        /// Whether it was not time, or there was nothing to end.
        dup: bool,
    },
}

/// What is written, all of it with one fresh seq, and told to whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The card replaces the one before; the room is told.
    PutCard {
        /// Whether the directory lists the room.
        is_listed: bool,
    },
    /// The directory lists the room from now on, or does not; the card stays. Nobody is told.
    List {
        /// Whether it does.
        is_listed: bool,
    },
    /// Somebody else is the room's creator; members are told.
    SetCreator {
        /// The creator from now on.
        creator: Uid,
    },
    /// The request is stored as pending, and the device registered with it; members are shown it.
    AddRequest,
    /// One more device waits for the answer to this request. Nobody is told.
    AddDevice {
        /// The request.
        request_id: Id,
    },
    /// The approve is stored, and its request is approved; it is sent to the newcomer, and members
    /// are told.
    AddApprove {
        /// The request.
        request_id: Id,
        /// Whether the request was denied: the denial is lifted, as with [`Change::Unblock`].
        overrules: bool,
    },
    /// The request is denied, and the denial is written down; the newcomer and the members are
    /// told.
    Deny {
        /// The request.
        request_id: Id,
        /// Whether the newcomer may not ask until a member says so.
        is_block: bool,
        /// Whether its frame is kept, so that a member may approve it all the same. Else it ends,
        /// as with [`Change::Close`].
        keeps: bool,
    },
    /// The denial is lifted: what it denied, and still could be approved, is pending again, and
    /// members are shown it anew.
    Unblock,
    /// A device has the key.
    Save {
        /// The request.
        request_id: Id,
        /// Whether it is the first to have it from this approve: its approver is told, and all
        /// other approves are dropped.
        is_first: bool,
        /// Whether no device waits any more: the request is done, as with [`Change::Close`].
        closes: bool,
    },
    /// The approve is no good and its frame is deleted; its approver is told.
    Nack {
        /// Whether its request has no other one: it is pending again, and members are shown it
        /// anew.
        reopens: bool,
    },
    /// The approve's time is over and its frame is deleted.
    Lapse {
        /// As for [`Change::Nack`].
        reopens: bool,
    },
    /// The request ends and its frames are deleted; members are told. Its id is remembered for a
    /// while.
    Close {
        /// The request.
        request_id: Id,
        /// How it ended. A request that was denied before stays so, and nobody is told a second
        /// time.
        state: RequestState,
    },
}
