//! Topic actors: one for each topic that anybody has joined in this process.
//!
//! A `TopicActor` owns its topic's [`Channel`] and subscribers, calls the channel on behalf of
//! the subscribers, and puts frames into their outboxes. A [`TopicRegistry`] starts and finds the
//! actors of one kind of channel; a [`Router`] knows which topics belong to which registry.
//!
//! # What a topic actor never does
//! It never waits for a socket (outboxes do not block) and never does I/O (its channel hands that
//! away). Its mailbox is bounded; only two kinds of message pass the bound: a
//! [`Resume`](crate::channel::Resume), one for each message that the bound has admitted, and the
//! news that a connection is gone, one for each subscriber.
//!
//! It does not keep its thread either: after a certain number of bytes, or when it is ahead of a
//! reader that was woken and has not run, it lets the others run first. That is no wait for a
//! socket: a reader runs, whatever its client does.
//!
//! # Lifecycle
//! The first join starts the actor, on the thread of the connection that joins. It ends after the
//! last leave, once nothing that it waits for is under way. A join that comes in between either is
//! in the mailbox before the actor retires (then the actor stays) or finds no actor (then it starts
//! the next): [`TopicRegistry`] decides that under one lock.
//!
//! # Rest
//! An actor also ends while there are subscribers if its channel says that they
//! [may rest](Channel::may_rest). What is kept of each is small and has no actor. A message of a
//! resting subscriber starts an actor with that one awake, at the same cost however many rest; a
//! call from outside wakes all, and so does a channel that no longer allows rest. Nothing is lost:
//! an actor with anything in its mailbox, or under way, goes on.
//!
//! # Panics
//! A panic in a channel would kill the actor, and with it everybody's join. It is caught, and ends
//! only the join of the subscriber on whose behalf the channel was called. So does a broadcast that
//! fits no frame.

mod byte_budget;
mod handlers;
mod join_refusal;
mod mailbox;
mod messages;
mod registry;
mod resting;
mod router;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use actix::{ActorContext as _, AsyncContext as _, Recipient};
use bytestring::ByteString;
use serde_json::json;
use tokio::time::sleep;
use vestibule_phoenix::message::{Payload, Status, Term};

use self::resting::{Rested, Resting};
use crate::channel::{
    Busy, Channel, Context, Continue, Deferred, Handled, Incoming, LastWords, Parting, PendingJoin, Stop,
    Subscriber, SubscriberId, Subscribers, Waiting,
};
pub(crate) use byte_budget::{ByteBudget, Reserved};
pub use join_refusal::JoinRefusal;
pub(crate) use messages::{Input, Join, Leave};
pub(crate) use registry::{Overloaded, TopicHandle};
pub use registry::{TopicRegistry, TopicRegistryBuilder};
pub use router::{Route, Router};

/// How many messages may wait for one busy subscriber.
const MAX_WAITING: usize = 64;

/// The actor. See the [module](self).
pub(crate) struct TopicActor<C: Channel> {
    channel: C,
    subscribers: Subscribers<C>,
    deferred: Vec<Deferred<C>>,
    mailbox: Recipient<Continue<C>>,
    in_flight: usize,
    /// Tells this actor from earlier and later ones of the same topic.
    generation: u64,
    /// Whether a join is being handled. What it changes about presence is sent at its end, so that
    /// a connection that joins anew leaves and joins in one change.
    is_joining: bool,
    registry: Arc<TopicRegistry<C>>,
    /// Whether some of the topic's subscribers may rest while this actor runs. None go to rest
    /// without the actor.
    others_rest: bool,
}

/// The actor's state is never pinned, so channels and their assigns may be of any type.
impl<C: Channel> Unpin for TopicActor<C> {}

impl<C: Channel> TopicActor<C> {
    fn new(
        topic: ByteString,
        generation: u64,
        channel: C,
        registry: Arc<TopicRegistry<C>>,
        others_rest: bool,
        ctx: &actix::Context<Self>,
    ) -> Self {
        Self {
            channel,
            subscribers: Subscribers::new(topic, generation),
            deferred: Vec::new(),
            mailbox: ctx.address().recipient(),
            in_flight: 0,
            generation,
            is_joining: false,
            registry,
            others_rest,
        }
    }

    /// Calls the channel on behalf of `who`. `None` if it panicked, or broadcast a message that
    /// fits no frame: then the join of `who` is over.
    fn call<T>(
        &mut self,
        who: Option<SubscriberId>,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) -> T,
    ) -> Option<T> {
        let mut context =
            Context::new(&mut self.subscribers, &mut self.deferred, &self.mailbox, &mut self.in_flight);
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut self.channel, &mut context)));
        if outcome.is_err() {
            tracing::error!(topic = %self.subscribers.topic, "a channel panicked");
        }
        if !self.is_joining {
            self.send_presence();
        }
        // Phoenix raises here. Clients can cause it, by the length of their events, so it is not
        // logged as an error.
        let has_misfit = self.subscribers.has_misfit.take();
        if has_misfit {
            tracing::debug!("a broadcast fits no frame");
        }
        let outcome = outcome.ok().filter(|_| !has_misfit);
        if let (None, Some(who)) = (&outcome, who) {
            self.crash(who);
        }
        outcome
    }

    /// Sends what a call has changed about presence, now or together with later changes.
    fn send_presence(&mut self) {
        let Some(delay) = self.subscribers.send_presence() else { return };
        let mailbox = self.mailbox.clone();
        actix::spawn(async move {
            sleep(delay).await;
            mailbox.do_send(Continue::when_presence_is_due());
        });
    }

    /// Ends the join of `who` as a crash: as a failed join if it was not yet decided.
    fn crash(&mut self, who: SubscriberId) {
        if self.subscribers.by_id.get(&who).is_some_and(|subscriber| subscriber.joining.is_some()) {
            self.decide_join(who, Err(Payload::of(&json!({ "reason": "join crashed" }))));
        } else {
            self.stop(who, Stop::Crash);
        }
    }

    /// Carries out what calls deferred, and ends the joins of those that missed a message.
    fn settle(&mut self) {
        while !self.deferred.is_empty() || !self.subscribers.missed.get_mut().is_empty() {
            let (deferred, missed) = (std::mem::take(&mut self.deferred), self.subscribers.missed.take());
            for who in missed {
                self.crash(who);
            }
            for deferred in deferred {
                match deferred {
                    Deferred::Admit(who, assigns, response) => self.decide_join(who, Ok((assigns, response))),
                    Deferred::Refuse(who, response) => self.decide_join(who, Err(response)),
                    Deferred::Proceed(who, handled) => self.proceed(who, handled),
                    Deferred::Stop(who, how) => self.stop(who, how),
                }
            }
        }
    }

    /// Carries out the decision on a join: its assigns and the response, or the response of an
    /// error.
    fn decide_join(&mut self, who: SubscriberId, decided: Result<(C::Assigns, Payload), Payload>) {
        let Some(subscriber) = self.subscribers.by_id.get_mut(&who) else { return };
        let Some(joining) = subscriber.joining.take() else { return };
        let PendingJoin { reference, decision, replaced } = *joining;
        let is_in = decided.is_ok();
        let (status, response) = match decided {
            Ok((assigns, response)) => {
                subscriber.assigns = Some(assigns);
                subscriber.counted = Some(subscriber.outbox.traffic().joined());
                subscriber.client.entered(self.subscribers.topic.clone());
                (Status::Ok, response)
            }
            Err(response) => (Status::Error, response),
        };
        let is_told = self.subscribers.reply_to_join(who, &reference, &status, &response).is_ok();
        if let Some(old) = replaced {
            if let LastWords::Held(held) = old.last_words {
                for message in held.into_inner() {
                    old.subscriber.outbox.send(message);
                }
            }
            self.subscribers.say_goodbye(&old.subscriber, Stop::Normal);
        }
        // Nothing receives this where the connection is gone; its leave is on the way.
        let _ = decision.send(is_in && is_told);
        if !is_told {
            self.stop(who, Stop::Crash);
        } else if is_in {
            self.call(Some(who), |channel, context| channel.joined(context, who));
        } else {
            self.drop_out(who);
        }
    }

    fn handle_in(&mut self, message: Incoming) {
        let who = message.from;
        let reference = message.reference.clone();
        if let Some(handled) = self.call(Some(who), |channel, context| channel.handle_in(context, message)) {
            self.follow(who, reference, handled.unwrap_or_else(|error| Handled::error(error.0)));
        }
    }

    fn follow(&mut self, who: SubscriberId, reference: Term, handled: Handled) {
        match handled {
            Handled::Reply(status, response) => self.subscribers.reply(who, &reference, &status, &response),
            Handled::NoReply => {}
            Handled::Wait => {
                if let Some(subscriber) = self.subscribers.by_id.get_mut(&who) {
                    subscriber.busy = Some(Box::new(Busy { reference, waiting: VecDeque::new() }));
                }
            }
            Handled::Stop { reply, how } => {
                if let Some((status, response)) = reply {
                    self.subscribers.reply(who, &reference, &status, &response);
                }
                self.stop(who, how);
            }
        }
    }

    fn proceed(&mut self, who: SubscriberId, handled: Handled) {
        let subscriber = self.subscribers.by_id.get_mut(&who);
        let Some(busy) = subscriber.and_then(|subscriber| subscriber.busy.take()) else {
            return;
        };
        let Busy { reference, mut waiting } = *busy;
        self.follow(who, reference, handled);
        while let Some(next) = waiting.pop_front() {
            match next {
                Waiting::Message(message, reserved) => {
                    drop(reserved);
                    self.handle_in(message);
                }
                Waiting::Leave(reference) => self.leave(who, &reference),
            }
            match self.subscribers.by_id.get_mut(&who) {
                Some(Subscriber { busy: Some(again), .. }) => again.waiting.append(&mut waiting),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The messages that wait behind the one that this subscriber waits for, if it does.
    fn waiting(&mut self, who: SubscriberId) -> Option<&mut VecDeque<Waiting>> {
        self.subscribers.by_id.get_mut(&who)?.busy.as_mut().map(|busy| &mut busy.waiting)
    }

    fn leave(&mut self, who: SubscriberId, reference: &Term) {
        self.subscribers.reply(who, reference, &Status::Ok, &Payload::empty());
        self.stop(who, Stop::Normal);
    }

    /// Ends a join. The connection is told first, so that the client's next frame finds the topic
    /// left.
    ///
    /// The channel's last pushes come after `phx_close` and before `phx_error`: a Phoenix channel
    /// announces that it stops before it runs `terminate`, and a crash is noticed when that is
    /// over.
    fn stop(&mut self, who: SubscriberId, how: Stop) {
        let Some(subscriber) = self.remove(who) else { return };
        subscriber.outbox.note_ended(self.subscribers.topic.clone(), who.join);
        if how == Stop::Normal {
            self.subscribers.say_goodbye(&subscriber, how);
        }
        let parted = self.part(Parting { who, subscriber, last_words: LastWords::Sent });
        if let (Some(parted), Stop::Crash) = (parted, how) {
            self.subscribers.say_goodbye(&parted.subscriber, how);
        }
    }

    /// Takes out a join whose client has joined again. The channel's last pushes wait for the reply
    /// to that join.
    fn replace(&mut self, who: SubscriberId) -> Option<Box<Parting<C>>> {
        let subscriber = self.remove(who)?;
        let last_words = LastWords::Held(RefCell::default());
        self.part(Parting { who, subscriber, last_words })
    }

    /// Takes out a subscriber that is sent nothing any more.
    fn drop_out(&mut self, who: SubscriberId) {
        if let Some(subscriber) = self.remove(who) {
            self.part(Parting { who, subscriber, last_words: LastWords::Dropped });
        }
    }

    fn remove(&mut self, who: SubscriberId) -> Option<Subscriber<C>> {
        let subscriber = self.subscribers.by_id.remove(&who)?;
        subscriber.client.left(&self.subscribers.topic);
        Some(subscriber)
    }

    /// Tells the channel that a subscriber has left.
    fn part(&mut self, parting: Parting<C>) -> Option<Box<Parting<C>>> {
        let who = parting.who;
        self.subscribers.parting = Some(Box::new(parting));
        self.call(None, |channel, context| {
            context.untrack_all(who);
            channel.left(context, who);
        });
        self.subscribers.parting.take()
    }

    /// Ends the handling of a message: carries out what it deferred, then decides whether the actor
    /// goes on at once.
    fn finish(&mut self, ctx: &mut actix::Context<Self>) {
        self.settle();
        self.retire_if_idle(ctx);
        if let Some(others) = self.subscribers.fan_out.break_due() {
            ctx.wait(actix::fut::wrap_future(others));
        }
    }

    /// Ends the actor if nothing is under way, and all subscribers have left or may rest. Wakes
    /// those that rest where that is no longer allowed.
    fn retire_if_idle(&mut self, ctx: &mut actix::Context<Self>) {
        if self.others_rest && !self.channel.may_rest() {
            self.others_rest = false;
            if let Some(others) = self.registry.wake_all(&self.subscribers.topic) {
                self.take_in(others);
                self.settle();
            }
        }
        if self.in_flight == 0 && self.has_ended() {
            ctx.stop();
        }
    }

    fn has_ended(&mut self) -> bool {
        let Self { channel, subscribers, registry, generation, .. } = self;
        if subscribers.by_id.is_empty() {
            return registry.retire(&subscribers.topic, *generation);
        }
        let is_quiet = |(who, subscriber): (&SubscriberId, &Subscriber<C>)| {
            subscriber.joining.is_none() && subscriber.busy.is_none() && channel.is_quiet(*who)
        };
        channel.may_rest()
            && subscribers.by_id.iter().all(is_quiet)
            && registry.rest(&subscribers.topic, *generation, |resting| {
                for (who, subscriber) in subscribers.by_id.take() {
                    resting.add(who, Rested { subscriber, wake: channel.rest(who) });
                }
            })
    }

    /// Takes subscribers back that rested.
    fn take_in(&mut self, woken: Resting<C>) {
        for (who, Rested { subscriber, wake }) in woken {
            self.subscribers.insert(who, subscriber);
            self.call(Some(who), wake);
        }
    }
}
