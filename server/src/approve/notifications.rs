//! Whom a committed change concerns, and what they are told: a room's members, and one user.

use vestibule_approve::{
    frames::Card,
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, CreatorChanged, Notice, RequestGone, RequestItem},
    rules::{Answer, Change, RequestState},
};

use vestibule_store::Committed;

/// An update for the members of a room.
#[derive(Clone, Debug)]
pub(super) enum MemberUpdate {
    /// A request is new, or pending again.
    Request {
        /// The request.
        item: RequestItem,
        /// The seq of the change, by which members know whether they have read it. The item may
        /// have an older one.
        seq: Seq,
    },
    /// A request has ended or was answered by another member.
    Gone(RequestGone),
    /// The room has another card.
    Card(Card),
    /// The room has another creator.
    Creator(CreatorChanged),
}

/// An update for one user, on all their devices.
#[derive(Clone, Debug)]
pub(super) enum UserUpdate {
    /// An approve with the key.
    Approve(ApproveItem),
    /// A notice about one of their requests or approves.
    Notice(Notice),
}

impl UserUpdate {
    pub(super) fn seq(&self) -> Seq {
        match self {
            UserUpdate::Approve(item) => item.seq,
            UserUpdate::Notice(notice) => notice.seq,
        }
    }
}

/// The updates that follow from a committed change.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifications {
    pub(super) members: Vec<MemberUpdate>,
    pub(super) own: Option<(Uid, UserUpdate)>,
}

impl Notifications {
    /// Whether the change concerns nobody.
    pub(super) fn is_nothing(&self) -> bool {
        self.members.is_empty() && self.own.is_none()
    }

    /// Notifications for a change to `uid`'s request; `by` is the acting member, if any.
    pub(super) fn of(rid: Rid, uid: Uid, by: Option<Uid>, committed: &Committed) -> Self {
        let seq = committed.seq;
        let approvals = match committed.decision.answer {
            Answer::Approve { others, .. } => Some(others + 1),
            _ => None,
        };
        let gone = |request_id, state| {
            MemberUpdate::Gone(RequestGone { rid, uid, request_id, state, by, approvals, seq })
        };
        let ended = match committed.decision.change {
            Some(Change::AddApprove { request_id, .. }) => Some(gone(request_id, RequestState::Approved)),
            Some(Change::Deny { request_id, .. }) => Some(gone(request_id, RequestState::Denied)),
            Some(Change::Save { request_id, closes: true, .. }) => Some(gone(request_id, RequestState::Done)),
            // Members heard of a denied request when it was denied.
            Some(Change::Close { state: RequestState::Denied, .. }) => None,
            Some(Change::Close { request_id, state }) => Some(gone(request_id, state)),
            Some(Change::SetCreator { creator }) => {
                Some(MemberUpdate::Creator(CreatorChanged { rid, creator, seq }))
            }
            _ => None,
        };
        let again = committed.reopened.iter().cloned().map(|item| MemberUpdate::Request { item, seq });
        let members = ended.into_iter().chain(again).collect();
        let own = committed.notice.clone().map(|(uid, notice)| (uid, UserUpdate::Notice(notice)));
        Self { members, own }
    }
}
