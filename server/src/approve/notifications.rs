//! What a stored change means to others: the news for a room's members, and the notice for one user.

use vestibule_approve::{
    frames::Card,
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, CreatorChanged, Notice, RequestGone, RequestItem},
    rules::{Answer, Change, RequestState},
};

use vestibule_store::Committed;

/// What members are told.
#[derive(Clone, Debug)]
pub(super) enum MemberUpdate {
    /// Somebody asks, or a request is pending again.
    Request {
        /// What is asked.
        item: RequestItem,
        /// The seq of the change, by which it is told from what members have read; the item may keep its own.
        seq: Seq,
    },
    /// A request needs nobody any more, or somebody else looked after it.
    Gone(RequestGone),
    /// The room has another card.
    Card(Card),
    /// The room has another creator.
    Creator(CreatorChanged),
}

/// What one user is told, on whichever device.
#[derive(Clone, Debug)]
pub(super) enum UserUpdate {
    /// The key is here.
    Approve(ApproveItem),
    /// Something happened to a request or an approve of theirs.
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

/// What a change means to others.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifications {
    pub(super) news: Vec<MemberUpdate>,
    pub(super) own: Option<(Uid, UserUpdate)>,
}

impl Notifications {
    /// Whether it concerns nobody.
    pub(super) fn is_nothing(&self) -> bool {
        self.news.is_empty() && self.own.is_none()
    }

    /// Of a change of a request of `uid`, made by `by` where that is of interest.
    pub(super) fn of(rid: Rid, uid: Uid, by: Option<Uid>, committed: &Committed) -> Self {
        let seq = committed.seq;
        let approvals = match committed.decision.answer {
            Answer::Approve { others, .. } => Some(others + 1),
            _ => None,
        };
        let gone = |request_id, state| {
            MemberUpdate::Gone(RequestGone { rid, uid, request_id, state, by, approvals, seq })
        };
        let over = match committed.decision.change {
            Some(Change::AddApprove { request_id, .. }) => Some(gone(request_id, RequestState::Approved)),
            Some(Change::Deny { request_id, .. }) => Some(gone(request_id, RequestState::Denied)),
            Some(Change::Save { request_id, closes: true, .. }) => Some(gone(request_id, RequestState::Done)),
            // Of a denied request members heard when it was denied.
            Some(Change::Close { state: RequestState::Denied, .. }) => None,
            Some(Change::Close { request_id, state }) => Some(gone(request_id, state)),
            Some(Change::SetCreator { creator }) => {
                Some(MemberUpdate::Creator(CreatorChanged { rid, creator, seq }))
            }
            _ => None,
        };
        let again = committed.reopened.iter().cloned().map(|item| MemberUpdate::Request { item, seq });
        let news = over.into_iter().chain(again).collect();
        let own = committed.notice.clone().map(|(uid, notice)| (uid, UserUpdate::Notice(notice)));
        Self { news, own }
    }
}
