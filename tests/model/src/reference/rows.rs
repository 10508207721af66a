//! The rows.

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
    /// The facts for the rules.
    pub facts: RoomFacts,
    /// The publisher of its first card, against whose quota it counts.
    pub founder: Option<Uid>,
}

/// A request, open or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The facts for the rules.
    pub facts: RequestFacts,
    /// The registered devices, and whether each has the key. Empty once the request has ended.
    pub devices: BTreeMap<Id, bool>,
    /// When it ended.
    pub closed: Option<i64>,
}

/// An approve, live or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approve {
    /// The facts for the rules.
    pub facts: ApproveFacts,
    /// The request it answers.
    pub request_id: Id,
}

/// The last denial of one newcomer in one room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Denial {
    /// The facts for the rules.
    pub facts: DenialFacts,
    /// The request that was denied.
    pub request_id: Id,
    /// The member who denied it.
    pub by: Uid,
    /// The seq.
    pub seq: Seq,
}

/// A notice to a user about their own requests and approves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The room.
    pub rid: Rid,
    /// The recipient.
    pub uid: Uid,
    /// The seq.
    pub seq: Seq,
    /// When it happened.
    pub at: i64,
    /// What happened.
    pub news: News,
}

impl News {
    /// Whether it names this user as the actor.
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
    /// To the approver: the newcomer saved the key, or could not use the approve.
    Receipt {
        /// The approve.
        approve_id: Id,
        /// The request it answered.
        request_id: Id,
        /// The newcomer.
        to: Uid,
        /// Which of the two happened.
        result: ReceiptResult,
    },
    /// To the newcomer: a member denied the request.
    Denied {
        /// The request.
        request_id: Id,
        /// The member.
        by: Uid,
        /// Whether it is a block.
        is_block: bool,
    },
    /// To the newcomer: the request has expired.
    Expired {
        /// The request.
        request_id: Id,
    },
    /// To the newcomer: the request was withdrawn.
    Withdrawn {
        /// The request.
        request_id: Id,
    },
}
