//! The events by which users manage their own requests and approves, in rooms and inboxes alike.

use std::{future::Future, sync::Arc};

use serde_json::json;
use vestibule_approve::{
    items::{ApproveItem, NackCode},
    refusal::{Reason, Refusal},
    rules::{Caller, Command, RequestState},
    signed::{Rid, Uid},
};
use vestibule_channels::{Context, Handled, Payload, ReplyTo};
use vestibule_store::{Committed, Content, ListPage, Submission};

use super::{
    delivery::{Delivery, note_sent, schedule_redelivery},
    event::{OwnEvent, ServerEvent},
    notifications::Notifications,
    payloads::{AboutRequest, Ack, CaughtUp, Items, List, Nack, parse},
    replies::{self, ReplyTiming, read_late},
};

/// Handles an event about the sender's own requests and approves.
pub(super) fn handle<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    uid: Uid,
    event: OwnEvent,
    payload: &Payload,
) -> Result<Handled, Refusal> {
    let named = |rid: Option<Rid>| {
        let missing = || Reason::BadPayload.because("The field `rid` is missing.");
        delivery.scope().or(rid).ok_or_else(missing)
    };
    Ok(match event {
        OwnEvent::Withdraw => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Withdraw { request_id }, None)
        }
        OwnEvent::Ack => {
            let Ack { rid, approve_id, device } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Ack { approve_id, device }, None)
        }
        OwnEvent::Nack => {
            let Nack { rid, approve_id, code, .. } = parse(payload)?;
            settle(delivery, cx, to, named(rid)?, uid, Command::Nack { approve_id }, Some(code))
        }
        OwnEvent::Status => {
            let AboutRequest { rid, request_id } = parse(payload)?;
            let (services, rid) = (Arc::clone(delivery.services()), named(rid)?);
            let status =
                timed(delivery, to, async move { services.store.status(rid, uid, request_id).await });
            replies::look_up(cx, to.clone(), status, |_, cx, to, state: Option<RequestState>| {
                replies::ok(cx, to, &json!({ "state": state }));
            })
        }
        OwnEvent::Approved => approved(delivery, cx, to.clone(), uid, parse(payload)?),
        OwnEvent::Mine => {
            let (services, scope, list) =
                (Arc::clone(delivery.services()), delivery.scope(), parse::<List>(payload)?);
            let mine = async move { services.store.mine(uid, scope, list.from(), list.limit()).await };
            let mine = timed(delivery, to, mine);
            replies::list(cx, to.clone(), mine)
        }
        OwnEvent::Notices => {
            let (services, scope, list) =
                (Arc::clone(delivery.services()), delivery.scope(), parse::<List>(payload)?);
            let notices = async move { services.store.notices(uid, scope, list.from(), list.limit()).await };
            let notices = timed(delivery, to, notices);
            replies::list(cx, to.clone(), notices)
        }
    })
}

/// A read that takes as long as the sender's [timing](Delivery::timing) demands.
fn timed<R: Delivery, F: Future>(
    delivery: &R,
    to: &ReplyTo,
    read: F,
) -> impl Future<Output = F::Output> + use<R, F> {
    let (timing, asked) = (delivery.timing(to.subscriber), to.at);
    async move {
        match timing {
            ReplyTiming::Prompt => read.await,
            ReplyTiming::Uniform => read_late(asked, read).await,
        }
    }
}

/// Submits a command about the user's own request.
fn settle<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: &ReplyTo,
    rid: Rid,
    uid: Uid,
    command: Command,
    code: Option<NackCode>,
) -> Handled {
    let content = code.map_or(Content::Nothing, Content::Nack);
    // Other devices may still wait for the approve, but this one has answered it.
    let answered = match command {
        Command::Ack { approve_id, .. } | Command::Nack { approve_id } => Some(approve_id),
        _ => None,
    };
    let submission = Submission { rid, caller: Caller { uid, is_member: false }, command, content };
    let who = to.subscriber;
    replies::carry_out(
        delivery.services(),
        cx,
        to.clone(),
        delivery.timing(who),
        submission,
        move |delivery, cx, committed: &Committed| {
            if let (Some(approve_id), Some(recipient)) = (answered, delivery.recipient(who)) {
                recipient.answered(&approve_id);
            }
            delivery.notify(cx, rid, Notifications::of(rid, uid, None, committed));
        },
    )
}

/// Replies with a page of the approves that wait. After the last page, a client that was behind has
/// caught up.
fn approved<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    to: ReplyTo,
    uid: Uid,
    list: List,
) -> Handled {
    let (services, scope, from) = (Arc::clone(delivery.services()), delivery.scope(), list.from());
    let read = async move { services.store.approved(uid, scope, from, list.limit()).await };
    let read = timed(delivery, &to, read);
    replies::look_up(cx, to, read, move |delivery: &mut R, cx, to, page: ListPage<ApproveItem>| {
        let end = page.items.last().map(|item| item.seq);
        let is_complete = page.next.is_none();
        let Some(recipient) = delivery.recipient(to.subscriber) else { return };
        let epoch = recipient.epoch;
        note_sent(recipient, &page.items);
        replies::ok(cx, to, &Items { items: page.items, cursor: page.next });
        if is_complete && recipient.catch_up() {
            let seq = end.unwrap_or(from.after);
            cx.push(to.subscriber, ServerEvent::CaughtUp.name(), Payload::of(&CaughtUp { epoch, seq }));
        }
        schedule_redelivery(delivery, cx, to.subscriber);
    })
}
