//! How a topic actor handles each message in its mailbox.

use std::sync::atomic::Ordering;

use actix::{Actor, Handler};
use vestibule_phoenix::message::Status;

use super::{Input, Join, Leave, MAX_WAITING, Overloaded, TopicActor, resting::Woken};
use crate::channel::{Channel, Continue, JoinReply, Origin, PendingJoin, Stop, Subscriber, Waiting};

impl<C: Channel> Actor for TopicActor<C> {
    type Context = actix::Context<Self>;
}

impl<C: Channel> Handler<Join<C::ConnectAssigns>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, join: Join<C::ConnectAssigns>, ctx: &mut Self::Context) {
        self.in_mailbox.received();
        let Join { who, client, outbox, join_ref, reference, params, replaces, is_replaced, decision } = join;
        self.is_joining = true;
        let replaced = replaces.and_then(|old| self.replace(old));
        let subscriber = Subscriber {
            client,
            assigns: None,
            outbox,
            reply_join_ref: join_ref.clone().or(reference.clone()),
            join_ref,
            is_replaced,
            joining: Some(Box::new(PendingJoin { reference, decision, replaced })),
            busy: None,
            watches_presence: true,
            counted: None,
        };
        self.subscribers.insert(who, subscriber);
        match self.call(Some(who), |channel, context| channel.join(context, who, &params)) {
            Some(Ok(JoinReply::Ok(assigns, response))) => self.decide_join(who, Ok((assigns, response))),
            Some(Err(error)) => self.decide_join(who, Err(error.0)),
            Some(Ok(JoinReply::Later)) | None => {}
        }
        self.settle();
        self.is_joining = false;
        self.send_presence();
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Input> for TopicActor<C> {
    type Result = ();

    /// Drops the message of a join that has ended meanwhile, as a Phoenix channel's mailbox is
    /// dropped.
    fn handle(&mut self, Input(message, reserved): Input, ctx: &mut Self::Context) {
        self.in_mailbox.received();
        let who = message.from;
        if !self.subscribers.by_id.contains_key(&who) {
            return self.finish(ctx);
        }
        match self.waiting(who) {
            None => {
                drop(reserved);
                self.handle_in(message);
            }
            Some(waiting) if waiting.len() < MAX_WAITING => {
                waiting.push_back(Waiting::Message(message, reserved));
            }
            Some(_) => {
                if let Some(subscriber) = self.subscribers.by_id.get(&who) {
                    subscriber.outbox.traffic().overloaded();
                }
                let response = Overloaded::response();
                self.subscribers.reply(who, &message.reference, &Status::Error, &response);
            }
        }
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Leave> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, leave: Leave, ctx: &mut Self::Context) {
        self.in_mailbox.received();
        match leave {
            Leave::Asked { who, reference } => {
                let subscriber = self.subscribers.by_id.get(&who);
                if subscriber.is_none_or(|subscriber| subscriber.is_replaced.load(Ordering::Acquire)) {
                    return self.finish(ctx);
                }
                match self.waiting(who) {
                    // One place more than messages have: a client that floods can still leave.
                    Some(waiting) if waiting.len() <= MAX_WAITING => {
                        waiting.push_back(Waiting::Leave(reference));
                    }
                    _ => self.leave(who, reference),
                }
            }
            Leave::BadEvent { who } => self.stop(who, Stop::Crash),
            Leave::Gone { who } => self.drop_out(who),
        }
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Woken<C>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, Woken(subscribers): Woken<C>, ctx: &mut Self::Context) {
        self.in_mailbox.received();
        self.take_in(subscribers);
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Continue<C>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, go_on: Continue<C>, ctx: &mut Self::Context) {
        match go_on.origin {
            Origin::Outside => self.in_mailbox.received(),
            Origin::Resumed => self.in_flight -= 1,
            Origin::Timer => {}
        }
        if let Some(call) = go_on.call {
            self.call(go_on.who, call);
        }
        self.finish(ctx);
    }
}
