//! Somebody at a topic of the flow: what the room knows of a visitor, and what both rooms and inboxes do for one.

use std::{sync::Arc, time::Duration};

use vestibule_protocol::{
    approve::{
        frames::{Id, RoomKey},
        items::{ApproveItem, RequestGone, RequestItem},
        refusal::{Reason, Refusal},
        rules::{Caller, Change},
    },
    base64url::Fixed,
    message::Payload,
    signed::{Rid, Uid},
};

use super::{
    Flow, answering,
    events::{CaughtUp, Items, List},
    feed::Feed,
};
use crate::{
    channel::{Channel, Context, Joining, MemberId, Next, ReplyTo},
    store::{Arrival, Committed},
};

/// How long a refused join waits for its answer, so that a client that tries again at once is no load.
const REFUSAL_DELAY: Duration = Duration::from_millis(300);

/// Somebody who has joined, or is about to.
pub(super) struct Visitor {
    pub(super) uid: Uid,
    pub(super) device: Id,
    pub(super) server: String,
    pub(super) nonce: Fixed<32>,
    /// The room's public key, once this visitor has proved to hold the private one.
    pub(super) key: Option<RoomKey>,
    /// What the join found, until its answer is sent.
    pub(super) arrival: Option<Arrival>,
    /// Whether there is more than the join's answer could hold, and not all of it has been fetched.
    pub(super) is_behind: bool,
    /// Approves for this user.
    pub(super) approves: Feed<ApproveItem>,
    /// What members are told.
    pub(super) news: Feed<(&'static str, Payload)>,
}

/// A message's sender, and where it is answered.
pub(super) struct Visit {
    pub(super) rid: Rid,
    pub(super) caller: Caller,
    pub(super) to: ReplyTo,
}

/// What members are told.
pub(super) enum News {
    /// Somebody asks.
    Request(RequestItem),
    /// A request needs nobody any more.
    Gone(RequestGone),
}

/// The news of a command that closed a request of `uid`.
pub(super) fn closed(rid: Rid, uid: Uid, committed: &Committed) -> Option<News> {
    match committed.decision.change {
        Some(Change::Close { request_id, state }) => {
            Some(News::Gone(RequestGone { rid, uid, request_id, state, by: None, seq: committed.seq }))
        }
        _ => None,
    }
}

/// Refuses a join for want of a valid token.
pub(super) fn refuse_later<C: Channel>(cx: &mut Context<'_, C>, who: MemberId) -> Joining {
    let refusal = Refusal::from(Reason::Unauthorized);
    cx.spawn(who, tokio::time::sleep(REFUSAL_DELAY), move |_, cx, ()| cx.refuse(who, Payload::of(&refusal)));
    Joining::Later
}

/// Tells a joiner that everything stored before has been sent.
pub(super) fn push_caught_up<C: Channel>(cx: &Context<'_, C>, who: MemberId, flow: &Flow, seq: i64) {
    cx.push(who, "caught_up", Payload::of(&CaughtUp { epoch: flow.store.epoch(), seq }));
}

/// Answers `approved`: a page of the approves that wait for `uid`. With the last page, who was behind has caught up;
/// `was_behind` says whether, and that it is so no more.
pub(super) fn approved<C: Channel>(
    cx: &mut Context<'_, C>,
    flow: &Arc<Flow>,
    to: ReplyTo,
    uid: Uid,
    rid: Option<Rid>,
    list: &List,
    was_behind: impl FnOnce(&mut C) -> bool + Send + 'static,
) -> Next {
    let (reader, teller) = (Arc::clone(flow), Arc::clone(flow));
    let (from, limit) = (list.from(), list.limit());
    let read = async move { reader.store.approved(uid, rid, from, limit).await };
    answering::look_up(cx, to, read, move |channel, cx, to, page| {
        let end = page.items.last().map(|item| item.seq);
        let is_complete = page.next.is_none();
        answering::ok(cx, to, &Items { items: page.items, cursor: page.next });
        if is_complete && was_behind(channel) {
            push_caught_up(cx, to.member, &teller, end.unwrap_or(from.after));
        }
    })
}
