//! What is stored.

use std::collections::BTreeMap;

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    items::ReceiptResult,
    rules::{ApproveFacts, DenialFacts, RequestFacts, RoomFacts},
};

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    /// What the rules look at.
    pub facts: RoomFacts,
    /// Who published its first card: it counts among theirs, whoever is the creator now.
    pub founder: Option<Uid>,
}

/// A request, open or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// What the rules look at.
    pub facts: RequestFacts,
    /// The devices that asked, and whether each has the key. Empty once the request has ended.
    pub devices: BTreeMap<Id, bool>,
    /// When it ended.
    pub closed: Option<i64>,
}

/// An approve, live or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approve {
    /// What the rules look at.
    pub facts: ApproveFacts,
    /// The request it answers.
    pub request_id: Id,
}

/// The last denial of one newcomer in one room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Denial {
    /// What the rules look at.
    pub facts: DenialFacts,
    /// The request that was denied.
    pub request_id: Id,
    /// Who denied it.
    pub by: Uid,
    /// Its place among all that was stored.
    pub seq: Seq,
}

/// What one user is told about their own requests and approves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The room.
    pub rid: Rid,
    /// Who is told.
    pub uid: Uid,
    /// Its place among all that was stored.
    pub seq: Seq,
    /// When it happened.
    pub at: i64,
    /// What happened.
    pub news: News,
}

impl News {
    /// Whether it says who did something, and that is this user.
    pub(super) fn names(&self, user: &Uid) -> bool {
        match self {
            News::Receipt { to: uid, .. } | News::Denied { by: uid, .. } => uid == user,
            News::Expired { .. } | News::Withdrawn { .. } => false,
        }
    }
}

/// What happened to a user's request or approve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// To the approver: the newcomer has the key from it, or could not use it.
    Receipt {
        /// The approve.
        approve_id: Id,
        /// The request it answered.
        request_id: Id,
        /// The newcomer.
        to: Uid,
        /// Which of the two.
        result: ReceiptResult,
    },
    /// To the newcomer: a member said no.
    Denied {
        /// The request.
        request_id: Id,
        /// Who.
        by: Uid,
        /// Whether it holds until a member lifts it.
        is_block: bool,
    },
    /// To the newcomer: the request's time is over.
    Expired {
        /// The request.
        request_id: Id,
    },
    /// To the newcomer: the request was taken back.
    Withdrawn {
        /// The request.
        request_id: Id,
    },
}
