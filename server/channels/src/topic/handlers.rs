//! How a topic actor handles each message in its mailbox.

use std::sync::atomic::Ordering;

use actix::{Actor, Handler};
use vestibule_phoenix::message::Status;

use super::{Input, Join, Leave, MAX_WAITING, Overloaded, TopicActor, mailbox::Mail};
use crate::channel::{Channel, Continue, JoinReply, Origin, PendingJoin, Stop, Subscriber, Waiting};

impl<C: Channel> Actor for TopicActor<C> {
    type Context = actix::Context<Self>;
}

impl<C: Channel> TopicActor<C> {
    /// Handles what was in the mailbox.
    pub(super) fn open(&mut self, mail: Mail<C>, ctx: &mut actix::Context<Self>) {
        match mail {
            Mail::Join(join) => self.handle_join(*join),
            Mail::Input(input) => self.handle_input(input),
            Mail::Leave(leave) => self.handle_leave(leave),
            Mail::Woken(subscribers) => self.take_in(subscribers),
            Mail::Call(go_on) => self.go_on(go_on),
        }
        self.finish(ctx);
    }

    fn handle_join(&mut self, join: Join<C::ConnectAssigns>) {
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
    }

    /// Drops the message of a join that has ended meanwhile, as a Phoenix channel's mailbox is
    /// dropped.
    fn handle_input(&mut self, Input(message, reserved): Input) {
        let who = message.from;
        let Some(subscriber) = self.subscribers.by_id.get_mut(&who) else { return };
        match &mut subscriber.busy {
            None => {
                drop(reserved);
                self.handle_in(message);
            }
            Some(busy) if busy.waiting.len() < MAX_WAITING => {
                busy.waiting.push_back(Waiting::Message(message, reserved));
            }
            Some(_) => {
                subscriber.outbox.traffic().overloaded();
                let response = Overloaded::response();
                self.subscribers.reply(who, &message.reference, &Status::Error, &response);
            }
        }
    }

    fn handle_leave(&mut self, leave: Leave) {
        match leave {
            Leave::Asked { who, reference } => {
                let subscriber = self.subscribers.by_id.get(&who);
                if subscriber.is_none_or(|subscriber| subscriber.is_replaced.load(Ordering::Acquire)) {
                    return;
                }
                match self.waiting(who) {
                    // One place more than messages have: a client that floods can still leave.
                    Some(waiting) if waiting.len() <= MAX_WAITING => {
                        waiting.push_back(Waiting::Leave(reference));
                    }
                    _ => self.leave(who, &reference),
                }
            }
            Leave::BadEvent { who } => self.stop(who, Stop::Crash),
            Leave::Gone { who } => self.drop_out(who),
        }
    }

    fn go_on(&mut self, Continue { who, call, origin }: Continue<C>) {
        match origin {
            Origin::Resumed => self.in_flight -= 1,
            Origin::Outside | Origin::Timer => {}
        }
        if let Some(call) = call {
            self.call(who, call);
        }
    }
}

impl<C: Channel> Handler<Continue<C>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, go_on: Continue<C>, ctx: &mut Self::Context) {
        self.go_on(go_on);
        self.finish(ctx);
    }
}
