//! What rooms and inboxes have in common: somebody is told what waits for them, and then hears what comes.
//!
//! A [`Recipient`] is one join. What is stored comes with the answer to the join, what is stored later is pushed; both pass a
//! [`Feed`], so that nothing comes twice and nothing is missing. An approve that is neither acked nor nacked is sent again
//! after a while, a few times.

use std::{future::Future, mem::take, sync::Arc};

use serde_json::json;
use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, Cursor, NackCode},
    limits::PAGE,
    refusal::{Reason, Refusal},
    rules::{Caller, Command, RequestState},
};
use vestibule_channels::channel::{Channel, Context, HandleResult, JoinReply, ReplyTo, SubscriberId};
use vestibule_phoenix::message::Payload;
use vestibule_store::{Arrival, Committed, Content, Epoch, Page, StoreError, Submission};

use super::{
    Flow,
    catch_up::Feed,
    events::{self, AboutRequest, Ack, ApprovePush, CaughtUp, Items, Last, List, Nack, Resync, parse},
    notifications::{Notifications, UserUpdate},
    redelivery::Tries,
    replies::{self, FrameRateLimit, read_late},
};

/// One join of a user.
pub(super) struct Recipient {
    pub(super) uid: Uid,
    pub(super) device: Id,
    pub(super) server: String,
    last: Option<Last>,
    /// The epoch that this client is told.
    pub(super) epoch: Epoch,
    /// What the join found, until its answer is sent.
    arrival: Option<Box<Arrival>>,
    /// Whether there is more than the join's answer could hold, and not all of it has been fetched.
    is_behind: bool,
    own: Feed<UserUpdate>,
    tries: Tries,
    /// Whether a timer runs for the next try.
    is_timed: bool,
}

impl Recipient {
    pub(super) fn new(flow: &Flow, uid: Uid, server: &str, params: &events::JoinParams) -> Self {
        let last = params.last();
        Self {
            uid,
            device: params.device,
            server: server.to_owned(),
            last,
            epoch: flow.store.epoch_for(last.map(|last| (last.epoch, last.seq))),
            arrival: None,
            is_behind: false,
            own: Feed::held(),
            tries: Tries::default(),
            is_timed: false,
        }
    }

    /// Keeps what the join found until its answer is sent.
    pub(super) fn found(&mut self, arrival: Arrival) {
        self.arrival = Some(Box::new(arrival));
    }

    /// Whether it has been told all there is, and nothing is to be sent again.
    pub(super) fn is_quiet(&self) -> bool {
        let is_open = self.arrival.is_none() && !self.is_behind && !self.own.holds();
        is_open && !self.is_timed && self.tries.is_empty()
    }

    /// From where notices are sent: from the start in another epoch, whose numbers mean nothing here.
    fn notices_after(&self) -> Seq {
        self.last.filter(|last| last.epoch == self.epoch).map_or(Seq::ZERO, Last::notices_after)
    }
}

/// A channel that has receivers.
pub(super) trait Delivery: Channel {
    fn flow(&self) -> &Arc<Flow>;

    /// The room that this is about; an inbox is about all of them.
    fn scope(&self) -> Option<Rid>;

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient>;

    /// How soon somebody is answered.
    fn pace(&self, _who: SubscriberId) -> FrameRateLimit {
        FrameRateLimit::Prompt
    }

    /// Tells everybody whom a change in a room concerns.
    fn spread(&mut self, cx: &mut Context<'_, Self>, rid: Rid, notifications: Notifications);
}

/// Reads what waits for a recipient, then calls `found`.
pub(super) fn arrive<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    who: SubscriberId,
    recipient: &Recipient,
    found: impl FnOnce(&mut R, &mut Context<'_, R>, Result<Arrival, StoreError>) + Send + 'static,
) -> JoinReply {
    let (flow, uid, scope) = (Arc::clone(delivery.flow()), recipient.uid, delivery.scope());
    let notices_after = recipient.notices_after();
    let arrival = async move { flow.store.arrival(uid, scope, notices_after).await };
    cx.spawn(who, arrival, found);
    JoinReply::Later
}

/// After the answer to a join: what belongs behind it, then what came meanwhile.
pub(super) fn welcome<R: Delivery>(delivery: &mut R, cx: &mut Context<'_, R>, who: SubscriberId) {
    let Some(recipient) = delivery.recipient(who) else { return };
    let Some(arrival) = recipient.arrival.take() else { return };
    let epoch = recipient.epoch;
    if recipient.last.is_some_and(|last| last.epoch != epoch) {
        cx.push(who, "resync", Payload::of(&Resync { epoch }));
    }
    recipient.is_behind = arrival.approves.next.is_some();
    if !recipient.is_behind {
        cx.push(who, "caught_up", Payload::of(&CaughtUp { epoch, seq: events::own_seq(&arrival) }));
    }
    let held = recipient.own.release(arrival.until);
    note_sent(recipient, &arrival.approves.items);
    for own in held {
        send(recipient, cx, who, &own);
    }
    try_again_later(delivery, cx, who);
}

/// Sends what was just stored, unless this recipient has read it or is about to.
pub(super) fn deliver<R: Delivery>(
    delivery: &mut R,
    cx: &Context<'_, R>,
    who: SubscriberId,
    own: UserUpdate,
) {
    let flow = Arc::clone(delivery.flow());
    let Some(recipient) = delivery.recipient(who) else { return };
    if let Some(own) = recipient.own.offer(own.seq(), own) {
        send(recipient, cx, who, &own);
        flow.metrics.delivered(own.seq());
        try_again_later(delivery, cx, who);
    }
}

fn send<C: Channel>(recipient: &mut Recipient, cx: &Context<'_, C>, who: SubscriberId, own: &UserUpdate) {
    vestibule_store::failpoint::pass("before_push");
    match own {
        UserUpdate::Approve(item) => send_approve(recipient, cx, who, item),
        UserUpdate::Notice(notice) => cx.push(who, notice.news.event(), Payload::of(notice)),
    }
    vestibule_store::failpoint::pass("after_push");
}

fn send_approve<C: Channel>(
    recipient: &mut Recipient,
    cx: &Context<'_, C>,
    who: SubscriberId,
    item: &ApproveItem,
) {
    let attempt = recipient.tries.count(item.approve.approve_id, item.seq);
    cx.push(who, "approve", Payload::of(&ApprovePush { item, attempt }));
}

/// Notes what an answer has listed.
fn note_sent(recipient: &mut Recipient, listed: &[ApproveItem]) {
    for item in listed {
        recipient.tries.listed(item.approve.approve_id, item.seq);
    }
}

/// Sees to it that what this recipient leaves unanswered is sent again. One timer a recipient at most.
fn try_again_later<R: Delivery>(delivery: &mut R, cx: &Context<'_, R>, who: SubscriberId) {
    let delay = delivery.flow().terms.redelivery;
    let Some(recipient) = delivery.recipient(who) else { return };
    if recipient.is_timed || recipient.tries.first().is_none() {
        return;
    }
    recipient.is_timed = true;
    cx.after(who, delay, move |delivery, cx| try_again(delivery, cx, who));
}

/// Reads a page of what waits, from the first that is worth it, and sends that again.
fn try_again<R: Delivery>(delivery: &mut R, cx: &mut Context<'_, R>, who: SubscriberId) {
    let (flow, scope) = (Arc::clone(delivery.flow()), delivery.scope());
    let Some(recipient) = delivery.recipient(who) else { return };
    let Some(first) = recipient.tries.first() else {
        recipient.is_timed = false;
        return;
    };
    let uid = recipient.uid;
    let from = Cursor { after: Seq(first.0 - 1), ..Cursor::START };
    let waiting = async move { flow.store.approved(uid, scope, from, PAGE).await };
    cx.spawn(who, waiting, move |delivery, cx, waiting| {
        let flow = Arc::clone(delivery.flow());
        let Some(recipient) = delivery.recipient(who) else { return };
        recipient.is_timed = false;
        // Where the store cannot be read the next try may find it better.
        if let Ok(Page { items, next, until }) = waiting {
            // What was stored and sent since is not in it, and waits all the same.
            let end = next.map_or(until, |next| next.after);
            let waits = |id: &Id| items.iter().any(|item| item.approve.approve_id == *id);
            recipient.tries.keep_waiting(first, end, waits);
            // What a connection gets in the room it does not get in the inbox.
            let elsewhere = |item: &ApproveItem| scope.is_none() && flow.is_in_room(who, &item.rid);
            for item in items.iter().filter(|item| !elsewhere(item)) {
                if recipient.tries.is_due(&item.approve.approve_id, flow.terms.redelivery) {
                    flow.metrics.redeliveries.inc();
                    send_approve(recipient, cx, who, item);
                }
            }
        }
        try_again_later(delivery, cx, who);
    });
}

/// Handles the events by which users look after what is their own; `None` for any other.
pub(super) fn handle_own<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    uid: Uid,
    event: &str,
    payload: &Payload,
) -> Result<Option<HandleResult>, Refusal> {
    let named = |rid: Option<Rid>| {
        let missing = || Reason::BadPayload.because("The field `rid` is missing.");
        delivery.scope().or(rid).ok_or_else(missing)
    };
    let next = match event {
        "withdraw" => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Withdraw { request_id }, None)
        }
        "ack" => {
            let Ack { rid, approve_id, device } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Ack { approve_id, device }, None)
        }
        "nack" => {
            let Nack { rid, approve_id, code, .. } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Nack { approve_id }, Some(code))
        }
        "status" => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            let (flow, rid) = (Arc::clone(delivery.flow()), named(rid)?);
            let status =
                unhurried(delivery, to, async move { flow.store.status(rid, uid, request_id).await });
            replies::look_up(cx, to.clone(), status, |_, cx, to, state: Option<RequestState>| {
                replies::ok(cx, to, &json!({ "state": state }));
            })
        }
        "approved" => approved(delivery, cx, to.clone(), uid, parse(payload)?),
        "mine" => {
            let (flow, scope, list) =
                (Arc::clone(delivery.flow()), delivery.scope(), parse::<List>(payload)?);
            let mine = async move { flow.store.mine(uid, scope, list.from(), list.limit()).await };
            let mine = unhurried(delivery, to, mine);
            replies::list(cx, to.clone(), mine)
        }
        "notices" => {
            let (flow, scope, list) =
                (Arc::clone(delivery.flow()), delivery.scope(), parse::<List>(payload)?);
            let notices = async move { flow.store.notices(uid, scope, list.from(), list.limit()).await };
            let notices = unhurried(delivery, to, notices);
            replies::list(cx, to.clone(), notices)
        }
        _ => return Ok(None),
    };
    Ok(Some(next))
}

/// A read that takes as long as this member's answers do.
fn unhurried<R: Delivery, F: Future>(
    delivery: &R,
    to: &ReplyTo,
    read: F,
) -> impl Future<Output = F::Output> + use<R, F> {
    let (pace, asked) = (delivery.pace(to.member), to.at);
    async move {
        match pace {
            FrameRateLimit::Prompt => read.await,
            FrameRateLimit::Even => read_late(asked, read).await,
        }
    }
}

/// Carries out a command about the user's own request.
fn settle<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    rid: Rid,
    uid: Uid,
    command: Command,
    code: Option<NackCode>,
) -> HandleResult {
    let content = code.map_or(Content::Nothing, Content::Nack);
    // Whatever other devices still wait for, this one has said what it thinks of the approve.
    let answered = match command {
        Command::Ack { approve_id, .. } | Command::Nack { approve_id } => Some(approve_id),
        _ => None,
    };
    let submission = Submission { rid, caller: Caller { uid, is_member: false }, command, content };
    let who = to.member;
    replies::carry_out(
        delivery.flow(),
        cx,
        to.clone(),
        delivery.pace(who),
        submission,
        move |delivery, cx, committed: &Committed| {
            if let (Some(approve_id), Some(recipient)) = (answered, delivery.recipient(who)) {
                recipient.tries.answered(&approve_id);
            }
            delivery.spread(cx, rid, Notifications::of(rid, uid, None, committed));
        },
    )
}

/// Answers `approved`: a page of the approves that wait. With the last page, who was behind has caught up.
fn approved<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: ReplyTo,
    uid: Uid,
    list: List,
) -> HandleResult {
    let (flow, scope, from) = (Arc::clone(delivery.flow()), delivery.scope(), list.from());
    let read = async move { flow.store.approved(uid, scope, from, list.limit()).await };
    let read = unhurried(delivery, &to, read);
    replies::look_up(cx, to, read, move |delivery: &mut R, cx, to, page: Page<ApproveItem>| {
        let end = page.items.last().map(|item| item.seq);
        let is_complete = page.next.is_none();
        let Some(recipient) = delivery.recipient(to.member) else { return };
        let epoch = recipient.epoch;
        note_sent(recipient, &page.items);
        replies::ok(cx, to, &Items { items: page.items, cursor: page.next });
        if is_complete && take(&mut recipient.is_behind) {
            let seq = end.unwrap_or(from.after);
            cx.push(to.member, "caught_up", Payload::of(&CaughtUp { epoch, seq }));
        }
        try_again_later(delivery, cx, to.member);
    })
}
