//! What rooms and inboxes have in common: somebody is told what waits for them, and then hears what comes.
//!
//! A [`Receiver`] is one join. What is stored comes with the answer to the join, what is stored later is pushed; both pass a
//! [`Feed`], so that nothing comes twice and nothing is missing. An approve that is neither acked nor nacked is sent again
//! after a while, a few times.

use std::{future::Future, mem::take, sync::Arc};

use serde_json::json;
use vestibule_approve::{
    frames::Id,
    items::{ApproveItem, Cursor, NackCode},
    limits::PAGE,
    refusal::{Reason, Refusal},
    rules::{Caller, Command, RequestState},
    signed::{Rid, Uid},
};
use vestibule_channels::channel::{Channel, Context, Joining, MemberId, Next, ReplyTo};
use vestibule_phoenix::message::Payload;
use vestibule_store::{Arrival, Committed, Content, Epoch, Page, Submission};

use super::{
    Flow,
    aftermath::{Aftermath, Own},
    answering::{self, Pace, read_late},
    events::{self, AboutRequest, Ack, ApprovePush, CaughtUp, Items, Last, List, Nack, Resync, parse},
    feed::Feed,
    tries::Tries,
};

/// One join of a user.
pub(super) struct Receiver {
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
    own: Feed<Own>,
    tries: Tries,
    /// Whether a timer runs for the next try.
    is_timed: bool,
}

impl Receiver {
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
    fn notices_after(&self) -> i64 {
        self.last.filter(|last| last.epoch == self.epoch).map_or(0, Last::notices_after)
    }
}

/// A channel that has receivers.
pub(super) trait Reception: Channel {
    fn flow(&self) -> &Arc<Flow>;

    /// The room that this is about; an inbox is about all of them.
    fn scope(&self) -> Option<Rid>;

    fn receiver(&mut self, who: MemberId) -> Option<&mut Receiver>;

    /// How soon somebody is answered.
    fn pace(&self, _who: MemberId) -> Pace {
        Pace::Prompt
    }

    /// Tells everybody whom a change in a room concerns.
    fn spread(&mut self, cx: &mut Context<'_, Self>, rid: Rid, aftermath: Aftermath);
}

/// Reads what waits for a receiver, then calls `found`.
pub(super) fn arrive<R: Reception>(
    reception: &R,
    cx: &mut Context<'_, R>,
    who: MemberId,
    receiver: &Receiver,
    found: impl FnOnce(&mut R, &mut Context<'_, R>, Result<Arrival, Refusal>) + Send + 'static,
) -> Joining {
    let (flow, uid, scope) = (Arc::clone(reception.flow()), receiver.uid, reception.scope());
    let notices_after = receiver.notices_after();
    let arrival = async move { flow.store.arrival(uid, scope, notices_after).await };
    cx.spawn(who, arrival, found);
    Joining::Later
}

/// After the answer to a join: what belongs behind it, then what came meanwhile.
pub(super) fn welcome<R: Reception>(reception: &mut R, cx: &mut Context<'_, R>, who: MemberId) {
    let Some(receiver) = reception.receiver(who) else { return };
    let Some(arrival) = receiver.arrival.take() else { return };
    let epoch = receiver.epoch;
    if receiver.last.is_some_and(|last| last.epoch != epoch) {
        cx.push(who, "resync", Payload::of(&Resync { epoch }));
    }
    receiver.is_behind = arrival.approves.next.is_some();
    if !receiver.is_behind {
        cx.push(who, "caught_up", Payload::of(&CaughtUp { epoch, seq: events::own_seq(&arrival) }));
    }
    let held = receiver.own.release(arrival.until);
    note_sent(receiver, &arrival.approves.items);
    for own in held {
        send(receiver, cx, who, &own);
    }
    try_again_later(reception, cx, who);
}

/// Sends what was just stored, unless this receiver has read it or is about to.
pub(super) fn deliver<R: Reception>(reception: &mut R, cx: &Context<'_, R>, who: MemberId, own: Own) {
    let flow = Arc::clone(reception.flow());
    let Some(receiver) = reception.receiver(who) else { return };
    if let Some(own) = receiver.own.offer(own.seq(), own) {
        send(receiver, cx, who, &own);
        flow.metrics.delivered(own.seq());
        try_again_later(reception, cx, who);
    }
}

fn send<C: Channel>(receiver: &mut Receiver, cx: &Context<'_, C>, who: MemberId, own: &Own) {
    vestibule_store::failpoint::pass("before_push");
    match own {
        Own::Approve(item) => send_approve(receiver, cx, who, item),
        Own::Notice(notice) => cx.push(who, notice.news.event(), Payload::of(notice)),
    }
    vestibule_store::failpoint::pass("after_push");
}

fn send_approve<C: Channel>(receiver: &mut Receiver, cx: &Context<'_, C>, who: MemberId, item: &ApproveItem) {
    let attempt = receiver.tries.count(item.approve.approve_id, item.seq);
    cx.push(who, "approve", Payload::of(&ApprovePush { item, attempt }));
}

/// Notes what an answer has listed.
fn note_sent(receiver: &mut Receiver, listed: &[ApproveItem]) {
    for item in listed {
        receiver.tries.listed(item.approve.approve_id, item.seq);
    }
}

/// Sees to it that what this receiver leaves unanswered is sent again. One timer a receiver at most.
fn try_again_later<R: Reception>(reception: &mut R, cx: &Context<'_, R>, who: MemberId) {
    let delay = reception.flow().terms.redelivery;
    let Some(receiver) = reception.receiver(who) else { return };
    if receiver.is_timed || receiver.tries.first().is_none() {
        return;
    }
    receiver.is_timed = true;
    cx.after(who, delay, move |reception, cx| try_again(reception, cx, who));
}

/// Reads a page of what waits, from the first that is worth it, and sends that again.
fn try_again<R: Reception>(reception: &mut R, cx: &mut Context<'_, R>, who: MemberId) {
    let (flow, scope) = (Arc::clone(reception.flow()), reception.scope());
    let Some(receiver) = reception.receiver(who) else { return };
    let Some(first) = receiver.tries.first() else {
        receiver.is_timed = false;
        return;
    };
    let uid = receiver.uid;
    let from = Cursor { after: first - 1, ..Cursor::START };
    let waiting = async move { flow.store.approved(uid, scope, from, PAGE).await };
    cx.spawn(who, waiting, move |reception, cx, waiting| {
        let flow = Arc::clone(reception.flow());
        let Some(receiver) = reception.receiver(who) else { return };
        receiver.is_timed = false;
        // Where the store cannot be read the next try may find it better.
        if let Ok(Page { items, next, until }) = waiting {
            // What was stored and sent since is not in it, and waits all the same.
            let end = next.map_or(until, |next| next.after);
            let waits = |id: &Id| items.iter().any(|item| item.approve.approve_id == *id);
            receiver.tries.keep_waiting(first, end, waits);
            // What a connection gets in the room it does not get in the inbox.
            let elsewhere = |item: &ApproveItem| scope.is_none() && flow.is_in_room(who, &item.rid);
            for item in items.iter().filter(|item| !elsewhere(item)) {
                if receiver.tries.is_due(&item.approve.approve_id, flow.terms.redelivery) {
                    flow.metrics.redeliveries.inc();
                    send_approve(receiver, cx, who, item);
                }
            }
        }
        try_again_later(reception, cx, who);
    });
}

/// Handles the events by which users look after what is their own; `None` for any other.
pub(super) fn handle_own<R: Reception>(
    reception: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    uid: Uid,
    event: &str,
    payload: &Payload,
) -> Result<Option<Next>, Refusal> {
    let named = |rid: Option<Rid>| {
        let missing = || Reason::BadPayload.because("The field `rid` is missing.");
        reception.scope().or(rid).ok_or_else(missing)
    };
    let next = match event {
        "withdraw" => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            settle(reception, cx, to, named(rid)?, uid, Command::Withdraw { request_id }, None)
        }
        "ack" => {
            let Ack { rid, approve_id, device } = parse(payload)?;
            settle(reception, cx, to, named(rid)?, uid, Command::Ack { approve_id, device }, None)
        }
        "nack" => {
            let Nack { rid, approve_id, code, .. } = parse(payload)?;
            settle(reception, cx, to, named(rid)?, uid, Command::Nack { approve_id }, Some(code))
        }
        "status" => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            let (flow, rid) = (Arc::clone(reception.flow()), named(rid)?);
            let status =
                unhurried(reception, to, async move { flow.store.status(rid, uid, request_id).await });
            answering::look_up(cx, to.clone(), status, |_, cx, to, state: Option<RequestState>| {
                answering::ok(cx, to, &json!({ "state": state }));
            })
        }
        "approved" => approved(reception, cx, to.clone(), uid, parse(payload)?),
        "mine" => {
            let (flow, scope, list) =
                (Arc::clone(reception.flow()), reception.scope(), parse::<List>(payload)?);
            let mine = async move { flow.store.mine(uid, scope, list.from(), list.limit()).await };
            let mine = unhurried(reception, to, mine);
            answering::list(cx, to.clone(), mine)
        }
        "notices" => {
            let (flow, scope, list) =
                (Arc::clone(reception.flow()), reception.scope(), parse::<List>(payload)?);
            let notices = async move { flow.store.notices(uid, scope, list.from(), list.limit()).await };
            let notices = unhurried(reception, to, notices);
            answering::list(cx, to.clone(), notices)
        }
        _ => return Ok(None),
    };
    Ok(Some(next))
}

/// A read that takes as long as this member's answers do.
fn unhurried<R: Reception, F: Future>(
    reception: &R,
    to: &ReplyTo,
    read: F,
) -> impl Future<Output = F::Output> + use<R, F> {
    let (pace, asked) = (reception.pace(to.member), to.at);
    async move {
        match pace {
            Pace::Prompt => read.await,
            Pace::Even => read_late(asked, read).await,
        }
    }
}

/// Carries out a command about the user's own request.
fn settle<R: Reception>(
    reception: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    rid: Rid,
    uid: Uid,
    command: Command,
    code: Option<NackCode>,
) -> Next {
    let content = code.map_or(Content::Nothing, Content::Nack);
    // Whatever other devices still wait for, this one has said what it thinks of the approve.
    let answered = match command {
        Command::Ack { approve_id, .. } | Command::Nack { approve_id } => Some(approve_id),
        _ => None,
    };
    let submission = Submission { rid, caller: Caller { uid, is_member: false }, command, content };
    let who = to.member;
    answering::carry_out(
        reception.flow(),
        cx,
        to.clone(),
        reception.pace(who),
        submission,
        move |reception, cx, committed: &Committed| {
            if let (Some(approve_id), Some(receiver)) = (answered, reception.receiver(who)) {
                receiver.tries.answered(&approve_id);
            }
            reception.spread(cx, rid, Aftermath::of(rid, uid, None, committed));
        },
    )
}

/// Answers `approved`: a page of the approves that wait. With the last page, who was behind has caught up.
fn approved<R: Reception>(reception: &R, cx: &mut Context<'_, R>, to: ReplyTo, uid: Uid, list: List) -> Next {
    let (flow, scope, from) = (Arc::clone(reception.flow()), reception.scope(), list.from());
    let read = async move { flow.store.approved(uid, scope, from, list.limit()).await };
    let read = unhurried(reception, &to, read);
    answering::look_up(cx, to, read, move |reception: &mut R, cx, to, page: Page<ApproveItem>| {
        let end = page.items.last().map(|item| item.seq);
        let is_complete = page.next.is_none();
        let Some(receiver) = reception.receiver(to.member) else { return };
        let epoch = receiver.epoch;
        note_sent(receiver, &page.items);
        answering::ok(cx, to, &Items { items: page.items, cursor: page.next });
        if is_complete && take(&mut receiver.is_behind) {
            let seq = end.unwrap_or(from.after);
            cx.push(to.member, "caught_up", Payload::of(&CaughtUp { epoch, seq }));
        }
        try_again_later(reception, cx, to.member);
    })
}
