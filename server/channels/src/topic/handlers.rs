//! What a room does with each message in its mailbox.

use std::sync::atomic::Ordering;

use actix::{Actor, Handler};
use vestibule_phoenix::message::{Status, Term};

use super::{Input, Join, Leave, MAX_WAITING, Overloaded, TopicActor, resting::Woken};
use crate::channel::{
    Channel, Continue, Incoming, JoinReply, Origin, PendingJoin, Stop, Subscriber, Waiting,
};

impl<C: Channel> Actor for TopicActor<C> {
    type Context = actix::Context<Self>;
}

impl<C: Channel> Handler<Join> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) {
        self.under_way.arrived();
        let Join { who, client, outbox, join_ref, reference, params, replaces, is_replaced, decision } = join;
        self.is_joining = true;
        let replaced = replaces.and_then(|old| self.replace(old));
        let member = Subscriber {
            client,
            outbox,
            reply_join_ref: join_ref.clone().or(reference.clone()),
            join_ref,
            is_replaced,
            joining: Some(PendingJoin { reference, decision, replaced }),
            busy: None,
            watches_presence: true,
            counted: None,
        };
        self.members.insert(who, member);
        match self.call(Some(who), |channel, context| channel.join(context, who, &params)) {
            Some(JoinReply::Ok(response)) => self.decide_join(who, true, response),
            Some(JoinReply::Error(response)) => self.decide_join(who, false, response),
            Some(JoinReply::Later) | None => {}
        }
        self.settle();
        self.is_joining = false;
        self.tell_presence();
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Input> for TopicActor<C> {
    type Result = ();

    /// A message of a join that has ended meanwhile is dropped, as a Phoenix channel's mailbox is.
    fn handle(&mut self, input: Input, ctx: &mut Self::Context) {
        self.under_way.arrived();
        let Input { who, event, payload, reference, at, share } = input;
        if !self.members.by_id.contains_key(&who) {
            return self.finish(ctx);
        }
        match event {
            Term::Text(event) => {
                let message = Incoming { from: who, event, payload, reference, at };
                match self.waiting(who) {
                    None => {
                        drop(share);
                        self.handle_in(message);
                    }
                    Some(waiting) if waiting.len() < MAX_WAITING => {
                        waiting.push_back(Waiting::Message(message, share));
                    }
                    Some(_) => {
                        self.members.by_id[&who].outbox.traffic().overloaded();
                        self.members.reply(who, message.reference, Status::Error, Overloaded::response());
                    }
                }
            }
            Term::Null | Term::Other(_) => self.stop(who, Stop::Crash),
        }
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Leave> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, leave: Leave, ctx: &mut Self::Context) {
        self.under_way.arrived();
        match leave {
            Leave::Asked { who, reference } => {
                let member = self.members.by_id.get(&who);
                if member.is_none_or(|member| member.is_replaced.load(Ordering::Acquire)) {
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
            Leave::Gone { who } => self.drop_out(who),
        }
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Woken<C>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, Woken(members): Woken<C>, ctx: &mut Self::Context) {
        self.under_way.arrived();
        self.take_in(members);
        self.finish(ctx);
    }
}

impl<C: Channel> Handler<Continue<C>> for TopicActor<C> {
    type Result = ();

    fn handle(&mut self, go_on: Continue<C>, ctx: &mut Self::Context) {
        match go_on.origin {
            Origin::Outside => self.under_way.arrived(),
            Origin::Resumed => self.in_flight -= 1,
            Origin::Timer => {}
        }
        if let Some(call) = go_on.call {
            self.call(go_on.who, call);
        }
        self.finish(ctx);
    }
}
