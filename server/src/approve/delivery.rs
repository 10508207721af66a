//! Delivery to one subscriber: stored items with the reply to the join, later ones as pushes.
//!
//! Rooms and inboxes deliver alike. A [`Recipient`] is one join; both kinds of items pass its
//! [`Feed`], so that none comes twice and none is missing. An approve that is neither acked nor
//! nacked is sent again after a while, a few times.

use std::{mem::take, sync::Arc};

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, Cursor},
    limits::PAGE,
};
use vestibule_channels::{Channel, Context, Payload, SubscriberId};
use vestibule_store::{Epoch, JoinSnapshot, ListPage, StoreError};

use super::{
    catch_up::Feed,
    event::ServerEvent,
    identity::Identity,
    notifications::{Notifications, UserUpdate},
    payloads::{self, ApprovePush, CaughtUp, JoinParams, Last, Resync},
    redelivery::UnansweredApproves,
    replies::ReplyTiming,
    services::Services,
};

/// One join of a user.
pub(super) struct Recipient {
    pub(super) uid: Uid,
    pub(super) device: Id,
    pub(super) server: Arc<str>,
    last: Option<Last>,
    /// The epoch that the client is told.
    pub(super) epoch: Epoch,
    /// What the join has read, until the reply is sent.
    arrival: Option<Box<JoinSnapshot>>,
    /// Whether more approves wait than the reply to the join had room for, and the client has not
    /// fetched all of them.
    is_behind: bool,
    own: Feed<UserUpdate>,
    unanswered: UnansweredApproves,
    /// Whether a timer runs for the next redelivery.
    is_timed: bool,
}

impl Recipient {
    pub(super) fn new(services: &Services, uid: Uid, server: &Arc<str>, params: &JoinParams) -> Self {
        let last = params.last();
        Self {
            uid,
            device: params.device,
            server: Arc::clone(server),
            last,
            epoch: services.store.epoch_for(last.map(|last| (last.epoch, last.seq))),
            arrival: None,
            is_behind: false,
            own: Feed::held(),
            unanswered: UnansweredApproves::default(),
            is_timed: false,
        }
    }

    /// Keeps what the join has read until the reply is sent.
    pub(super) fn found(&mut self, arrival: JoinSnapshot) {
        self.arrival = Some(Box::new(arrival));
    }

    /// Whether it has been sent everything, and nothing may have to be sent again.
    pub(super) fn is_quiet(&self) -> bool {
        let is_open = self.arrival.is_none() && !self.is_behind && !self.own.holds();
        is_open && !self.is_timed && self.unanswered.is_empty()
    }

    /// Forgets an approve that was acked or nacked.
    pub(super) fn answered(&mut self, approve_id: &Id) {
        self.unanswered.answered(approve_id);
    }

    /// Notes that the client has fetched all approves, and returns whether it was behind before.
    pub(super) fn catch_up(&mut self) -> bool {
        take(&mut self.is_behind)
    }

    /// The seq after which notices are sent. A seq of another epoch means nothing here, so then all
    /// of them are.
    fn notices_after(&self) -> Seq {
        self.last.filter(|last| last.epoch == self.epoch).map_or(Seq::ZERO, Last::notices_after)
    }
}

/// A channel that delivers items to its subscribers.
pub(super) trait Delivery: Channel<ConnectAssigns = Identity, Assigns = ()> {
    fn services(&self) -> &Arc<Services>;

    /// The room whose items are delivered; an inbox delivers those of all rooms.
    fn scope(&self) -> Option<Rid>;

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient>;

    /// When a subscriber gets replies.
    fn timing(&self, _who: SubscriberId) -> ReplyTiming {
        ReplyTiming::Prompt
    }

    /// Tells everybody whom a change in a room concerns.
    fn notify(&mut self, cx: &mut Context<'_, Self>, rid: Rid, notifications: Notifications);
}

/// Reads what waits for a recipient, then calls `found`, which answers the join.
pub(super) fn read_arrival<R: Delivery>(
    delivery: &R,
    cx: &mut Context<'_, R>,
    who: SubscriberId,
    recipient: &Recipient,
    found: impl FnOnce(&mut R, &mut Context<'_, R>, Result<JoinSnapshot, StoreError>) + Send + 'static,
) {
    let (services, uid, scope) = (Arc::clone(delivery.services()), recipient.uid, delivery.scope());
    let notices_after = recipient.notices_after();
    let arrival = async move { services.store.join_snapshot(uid, scope, notices_after).await };
    cx.spawn(who, arrival, found);
}

/// Sends what follows the reply to a join, then what was committed meanwhile.
pub(super) fn welcome<R: Delivery>(delivery: &mut R, cx: &mut Context<'_, R>, who: SubscriberId) {
    let Some(recipient) = delivery.recipient(who) else { return };
    let Some(arrival) = recipient.arrival.take() else { return };
    let epoch = recipient.epoch;
    if recipient.last.is_some_and(|last| last.epoch != epoch) {
        cx.push(who, ServerEvent::Resync.name(), Payload::of(&Resync { epoch }));
    }
    recipient.is_behind = arrival.approves.next.is_some();
    if !recipient.is_behind {
        let caught_up = CaughtUp { epoch, seq: payloads::own_seq(&arrival) };
        cx.push(who, ServerEvent::CaughtUp.name(), Payload::of(&caught_up));
    }
    let held = recipient.own.release(arrival.until);
    note_sent(recipient, &arrival.approves.items);
    for own in held {
        send(recipient, cx, who, &own);
    }
    schedule_redelivery(delivery, cx, who);
}

/// Sends an update that was just committed, unless this recipient has read it or is about to.
pub(super) fn deliver<R: Delivery>(
    delivery: &mut R,
    cx: &Context<'_, R>,
    who: SubscriberId,
    own: UserUpdate,
) {
    let services = Arc::clone(delivery.services());
    let Some(recipient) = delivery.recipient(who) else { return };
    if let Some(own) = recipient.own.offer(own.seq(), own) {
        send(recipient, cx, who, &own);
        services.metrics.delivered(own.seq());
        schedule_redelivery(delivery, cx, who);
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
    let attempt = recipient.unanswered.count(item.approve.approve_id, item.seq);
    cx.push(who, ServerEvent::Approve.name(), Payload::of(&ApprovePush { item, attempt }));
}

/// Counts approves that a reply has listed as sent.
pub(super) fn note_sent(recipient: &mut Recipient, listed: &[ApproveItem]) {
    for item in listed {
        recipient.unanswered.listed(item.approve.approve_id, item.seq);
    }
}

/// Starts the timer after which unanswered approves are sent again, unless it runs already.
pub(super) fn schedule_redelivery<R: Delivery>(delivery: &mut R, cx: &Context<'_, R>, who: SubscriberId) {
    let delay = delivery.services().config.redelivery;
    let Some(recipient) = delivery.recipient(who) else { return };
    if recipient.is_timed || recipient.unanswered.first().is_none() {
        return;
    }
    recipient.is_timed = true;
    cx.after(who, delay, move |delivery, cx| redeliver(delivery, cx, who));
}

/// Reads a page of the approves that wait, from the first to send again, and sends those again.
fn redeliver<R: Delivery>(delivery: &mut R, cx: &mut Context<'_, R>, who: SubscriberId) {
    let (services, scope) = (Arc::clone(delivery.services()), delivery.scope());
    let Some(recipient) = delivery.recipient(who) else { return };
    let Some(first) = recipient.unanswered.first() else {
        recipient.is_timed = false;
        return;
    };
    let uid = recipient.uid;
    let from = Cursor { after: Seq(first.0 - 1), ..Cursor::START };
    let waiting = async move { services.store.approved(uid, scope, from, PAGE).await };
    cx.spawn(who, waiting, move |delivery, cx, waiting| {
        let services = Arc::clone(delivery.services());
        let Some(recipient) = delivery.recipient(who) else { return };
        recipient.is_timed = false;
        // If the store cannot be read, the next attempt may succeed.
        if let Ok(ListPage { items, next, until }) = waiting {
            // Approves stored and sent since the read are not in it, and still wait.
            let end = next.map_or(until, |next| next.after);
            let waits = |id: &Id| items.iter().any(|item| item.approve.approve_id == *id);
            recipient.unanswered.keep_waiting(first, end, waits);
            // A connection that is in the room gets them there, not in the inbox.
            let elsewhere =
                |item: &ApproveItem| scope.is_none() && services.joined_rooms.contains(who, &item.rid);
            for item in items.iter().filter(|item| !elsewhere(item)) {
                if recipient.unanswered.is_due(&item.approve.approve_id, services.config.redelivery) {
                    services.metrics.redeliveries.inc();
                    send_approve(recipient, cx, who, item);
                }
            }
        }
        schedule_redelivery(delivery, cx, who);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_takes_few_bytes() {
        assert_eq!(size_of::<Recipient>(), 184);
    }
}
