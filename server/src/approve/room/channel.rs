//! A room's channel: joins, messages, rest.

use std::{sync::Arc, time::Instant};

use vestibule_approve::{
    refusal::{Reason, Refusal},
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, Stop,
    SubscriberId, channel::Call,
};
use vestibule_store::{Committed, Content, JoinSnapshot, StoreError, Submission};

use super::state::{KeyRoom, Role, Subscriber, Visit};
use crate::approve::{
    catch_up::Feed,
    delivery::{Delivery, Recipient, read_arrival, welcome},
    event::{OwnEvent, RoomEvent, ServerEvent},
    identity::{Identity, user_and_server},
    notifications::Notifications,
    notifier::Notifier as _,
    own_events,
    payloads::{self, parse, parse_join},
    replies::{self, ReplyTiming, refuse, rest_of},
    services::Services,
};

impl Channel for KeyRoom {
    type ConnectAssigns = Identity;
    type Assigns = ();

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<()> {
        let Some((uid, server)) = user_and_server(cx, who) else {
            return Err(ErrorReply(Payload::of(&Refusal::from(Reason::Unauthorized))));
        };
        let recipient = match parse_join(params) {
            Ok(params) => Recipient::new(&self.services, uid, server, &params),
            Err(refusal) => return Err(ErrorReply(Payload::of(&refusal))),
        };
        cx.hide_presence(who);
        let asked = Instant::now();
        read_arrival(self, cx, who, &recipient, move |room, cx, arrival| {
            // As with requests: nobody should be able to measure whether a room is secret or
            // unknown.
            if matches!(&arrival, Ok(JoinSnapshot { card: None, .. })) {
                cx.after(who, rest_of(asked), move |room, cx| room.let_in(cx, who, arrival));
            } else {
                room.let_in(cx, who, arrival);
            }
        });
        let subscriber = Subscriber {
            recipient,
            nonce: self.services.nonce(),
            key: None,
            has_seen_card: false,
            proofs: Vec::new(),
            updates: Feed::held(),
            counted_as: None,
            _joined: self.services.joined_rooms.note(who, self.rid),
        };
        self.subscribers.insert(who, subscriber);
        Ok(JoinReply::Later)
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        welcome(self, cx, who);
        self.count_as(cx, who, Role::Guest);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let timing = self.timing(message.from);
        let next = self.dispatch(cx, &message).unwrap_or_else(|refusal| refuse(&self.services, &refusal));
        Ok(match next {
            Handled::Reply(status, response) if timing == ReplyTiming::Uniform => {
                replies::reply_late(cx, message.reply_to(), status, response);
                Handled::NoReply
            }
            next => next,
        })
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        if let Some(Subscriber { counted_as: Some(role), .. }) = self.subscribers.remove(&who) {
            self.count.subtract(role);
            self.tell_count(cx);
        }
    }

    /// While all subscribers are strangers, who are told the same whether the room exists or not.
    fn may_rest(&self) -> bool {
        self.subscribers.values().all(Subscriber::is_stranger)
    }

    fn is_quiet(&self, who: SubscriberId) -> bool {
        self.subscribers.get(&who).is_some_and(|subscriber| subscriber.recipient.is_quiet())
    }

    fn rest(&mut self, who: SubscriberId) -> Call<Self> {
        let mut subscriber = self.subscribers.remove(&who);
        if let Some(role) = subscriber.as_mut().and_then(|subscriber| subscriber.counted_as.take()) {
            self.count.subtract(role);
        }
        Box::new(move |room, cx| {
            if let Some(subscriber) = subscriber {
                room.subscribers.insert(who, subscriber);
                room.count_as(cx, who, Role::Guest);
            }
        })
    }
}

impl Delivery for KeyRoom {
    fn services(&self) -> &Arc<Services> {
        &self.services
    }

    fn scope(&self) -> Option<Rid> {
        Some(self.rid)
    }

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient> {
        self.subscribers.get_mut(&who).map(|subscriber| &mut subscriber.recipient)
    }

    fn timing(&self, who: SubscriberId) -> ReplyTiming {
        let is_stranger = self.subscribers.get(&who).is_some_and(Subscriber::is_stranger);
        if is_stranger { ReplyTiming::Uniform } else { ReplyTiming::Prompt }
    }

    fn notify(&mut self, cx: &mut Context<'_, Self>, rid: Rid, notifications: Notifications) {
        if self.may_rest() {
            // Other devices of the user may rest: a call from outside wakes them.
            self.notifier.notify(&rid, notifications);
        } else {
            self.notify_here(cx, notifications);
        }
    }
}

impl KeyRoom {
    fn let_in(
        &mut self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        arrival: Result<JoinSnapshot, StoreError>,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let reply = payloads::JoinReply::new(
                    &subscriber.recipient.server,
                    subscriber.recipient.epoch,
                    &self.services,
                    &arrival,
                );
                cx.admit(who, (), Payload::of(&reply.for_guest(subscriber.nonce)));
                subscriber.has_seen_card = arrival.card.is_some();
                subscriber.recipient.found(arrival);
            }
            Err(error) => cx.refuse(who, Payload::of(&replies::of_store(error))),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<Handled, Refusal> {
        let payload = &message.payload;
        let rid = self.rid;
        let subscriber = self.subscribers.get(&message.from).ok_or(Reason::Unauthorized)?;
        let caller = Caller { uid: subscriber.recipient.uid, is_member: subscriber.key.is_some() };
        let visit = Visit { rid, caller, to: message.reply_to() };
        if let Ok(event) = message.event.parse::<OwnEvent>() {
            return own_events::handle(self, cx, &visit.to, caller.uid, event, payload);
        }
        let Ok(event) = message.event.parse::<RoomEvent>() else {
            return self.forward(cx, &visit, &message.event, payload);
        };
        match event {
            RoomEvent::Prove => self.prove(cx, visit, parse(payload)?),
            RoomEvent::Card => self.publish(cx, visit, parse(payload)?),
            RoomEvent::HandOver => self.hand_over(cx, visit, &parse(payload)?),
            RoomEvent::Request => self.request(cx, visit, parse(payload)?),
            RoomEvent::Approve => self.approve(cx, visit, parse(payload)?),
            RoomEvent::Deny => self.deny(cx, visit, parse(payload)?),
            RoomEvent::Unblock => self.unblock(cx, visit, &parse(payload)?),
            RoomEvent::Pending => self.pending(cx, visit, parse(payload)?),
            RoomEvent::Denials => self.denials(cx, visit, parse(payload)?),
        }
    }

    pub(super) fn carry_out(
        &self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        command: Command,
        content: Content,
        then: impl FnOnce(&mut Self, &mut Context<'_, Self>, &Committed) + Send + 'static,
    ) -> Handled {
        let submission = Submission { rid: visit.rid, caller: visit.caller, command, content };
        let timing = self.timing(visit.to.subscriber);
        replies::carry_out(&self.services, cx, visit.to, timing, submission, then)
    }

    /// Tells a user's devices in the room that an operator has erased the user.
    pub(in crate::approve) fn tell_erased(&self, cx: &Context<'_, Self>, uid: &Uid) {
        let is_theirs = |subscriber: &Subscriber| subscriber.recipient.uid == *uid;
        let subscribers = &self.subscribers;
        cx.broadcast_to(ServerEvent::Erased.name(), Payload::empty(), |id, _| {
            subscribers.get(&id).is_some_and(is_theirs)
        });
    }

    /// Ends all joins.
    pub(in crate::approve) fn end_joins(&self, cx: &mut Context<'_, Self>, how: Stop) {
        for who in self.subscribers.keys() {
            cx.stop(*who, how);
        }
    }
}
