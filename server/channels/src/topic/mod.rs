//! Rooms: one actix actor for each topic that anybody has joined on this machine.
//!
//! A [`TopicActor`] owns its topic's [`Channel`] and members, calls the one on behalf of the others, and puts frames into their
//! outboxes. [`TopicRegistry`] starts rooms and finds them, [`Router`] knows which topics have any.
//!
//! # What a room never does
//! It never waits for a socket (outboxes do not block), never touches the store (its channel hands that work away), and
//! never takes a message past its mailbox's bound, but for what the bound has let in before (see [`Resume`](crate::channel::Resume)) and for the
//! news that a connection is gone, of which there is one for each member.
//!
//! Nor does it keep its thread: after so many bytes, or ahead of a reader that was woken and has not run, it waits until the
//! others had their turn. That is no wait for a socket: a reader's turn comes, whatever its client does.
//!
//! # Lifecycle
//! Started by the first join, on the thread of the connection that joins; gone after the last leave, once nothing that it
//! waits for is under way. A join that comes in between is either in the mailbox before the room retires (then it does not)
//! or finds no room (then it starts the next): [`TopicRegistry`] decides that under one lock.
//!
//! # Rest
//! A room also goes while there are members if its channel says that they [may rest](Channel::may_rest). What is kept of each
//! is small, and has no actor. A message of one that rests starts the room with that one awake, which costs no more however
//! many rest; a call from outside wakes all, and so does it if one may not rest any more. Nothing is lost by it: a room
//! with anything in its mailbox, or under way, goes on.
//!
//! # Panics
//! A panic in a channel would kill the actor, and with it everybody's join. It is caught, and ends the join of the member
//! on whose behalf the channel was called. A broadcast that fits no frame ends that join too.

mod backlog;
mod guard;
mod handlers;
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

use self::{
    registry::UnderWay,
    resting::{Rested, Resting},
};
use crate::channel::{
    Busy, Channel, Context, Continue, Deferred, HandleResult, Incoming, Parting, PendingJoin, Stop,
    Subscriber, SubscriberId, Subscribers, Waiting,
};
pub use backlog::{Backlog, Share};
pub use guard::TurnedAway;
pub use messages::{Input, Join, Leave};
pub use registry::{Overloaded, TopicHandle, TopicRegistry};
pub use router::{Mount, Router};

/// Messages that wait for one busy member.
const MAX_WAITING: usize = 64;

/// The actor. See the [module](self).
pub struct TopicActor<C: Channel> {
    channel: C,
    members: Subscribers,
    deferred: Vec<Deferred>,
    mailbox: Recipient<Continue<C>>,
    in_flight: usize,
    life: u64,
    /// Whether a join is being handled: what it changes about presence is told at its end, so that a connection which joins
    /// anew leaves and joins in one change.
    is_joining: bool,
    rooms: Arc<TopicRegistry<C>>,
    under_way: UnderWay,
    /// Whether some of the topic's members may rest while this room runs. None go to rest without the room.
    others_rest: bool,
}

impl<C: Channel> TopicActor<C> {
    fn new(
        topic: ByteString,
        life: u64,
        channel: C,
        rooms: Arc<TopicRegistry<C>>,
        under_way: UnderWay,
        others_rest: bool,
        ctx: &actix::Context<Self>,
    ) -> Self {
        Self {
            channel,
            members: Subscribers::new(topic, life),
            deferred: Vec::new(),
            mailbox: ctx.address().recipient(),
            in_flight: 0,
            life,
            is_joining: false,
            rooms,
            under_way,
            others_rest,
        }
    }

    /// Calls the channel on behalf of `who`. `None` if it panicked, or broadcast what fits no frame: then the join of `who` is
    /// over.
    fn call<T>(
        &mut self,
        who: Option<SubscriberId>,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) -> T,
    ) -> Option<T> {
        let mut context =
            Context::new(&mut self.members, &mut self.deferred, &self.mailbox, &mut self.in_flight);
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut self.channel, &mut context)));
        if outcome.is_err() {
            tracing::error!(topic = %self.members.topic, "a channel panicked");
        }
        if !self.is_joining {
            self.tell_presence();
        }
        // Phoenix raises here. Clients can bring it about, by what their events carry, so it is not logged as an error.
        let has_misspoken = self.members.has_misspoken.take();
        if has_misspoken {
            tracing::debug!("a broadcast fits no frame");
        }
        let outcome = outcome.ok().filter(|_| !has_misspoken);
        if let (None, Some(who)) = (&outcome, who) {
            self.crash(who);
        }
        outcome
    }

    /// Tells what a call has changed about presence, now or together with what is yet to change.
    fn tell_presence(&mut self) {
        let Some(rest) = self.members.tell_presence() else { return };
        let mailbox = self.mailbox.clone();
        actix::spawn(async move {
            sleep(rest).await;
            mailbox.do_send(Continue::when_presence_is_due());
        });
    }

    /// Ends the join of `who` as a crash: as a failed join if it was not yet in.
    fn crash(&mut self, who: SubscriberId) {
        if self.members.by_id.get(&who).is_some_and(|member| member.joining.is_some()) {
            self.decide_join(who, false, Payload::of(&json!({ "reason": "join crashed" })));
        } else {
            self.stop(who, Stop::Crash);
        }
    }

    /// Does what calls deferred, and ends the joins of those who missed a message.
    fn settle(&mut self) {
        loop {
            let (deferred, missed) = (std::mem::take(&mut self.deferred), self.members.missed.take());
            if deferred.is_empty() && missed.is_empty() {
                break;
            }
            for who in missed {
                self.crash(who);
            }
            for deferred in deferred {
                match deferred {
                    Deferred::Join(who, is_in, response) => self.decide_join(who, is_in, response),
                    Deferred::Proceed(who, next) => self.proceed(who, next),
                    Deferred::Stop(who, how) => self.stop(who, how),
                }
            }
        }
    }

    fn decide_join(&mut self, who: SubscriberId, is_in: bool, response: Payload) {
        let Some(member) = self.members.by_id.get_mut(&who) else { return };
        let Some(PendingJoin { reference, decision, replaced }) = member.joining.take() else { return };
        member.counted = is_in.then(|| member.outbox.traffic().joined());
        if is_in {
            member.client.entered(self.members.topic.clone());
        }
        let status = if is_in { Status::Ok } else { Status::Error };
        let is_told = self.members.reply_to_join(who, reference, status, response).is_ok();
        if let Some(old) = replaced {
            for message in old.held.into_iter().flat_map(RefCell::into_inner) {
                old.member.outbox.send(message);
            }
            self.members.say_goodbye(&old.member, Stop::Normal);
        }
        // Nobody listens where the connection is gone; its leave is on the way.
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
        if let Some(next) = self.call(Some(who), |channel, context| channel.handle_in(context, message)) {
            self.follow(who, reference, next);
        }
    }

    fn follow(&mut self, who: SubscriberId, reference: Term, next: HandleResult) {
        match next {
            HandleResult::Reply(status, response) => self.members.reply(who, reference, status, response),
            HandleResult::NoReply => {}
            HandleResult::Wait => {
                if let Some(member) = self.members.by_id.get_mut(&who) {
                    member.busy = Some(Busy { reference, waiting: VecDeque::new() });
                }
            }
            HandleResult::Stop { reply, how } => {
                if let Some((status, response)) = reply {
                    self.members.reply(who, reference, status, response);
                }
                self.stop(who, how);
            }
        }
    }

    fn proceed(&mut self, who: SubscriberId, next: HandleResult) {
        let Some(busy) = self.members.by_id.get_mut(&who).and_then(|member| member.busy.take()) else {
            return;
        };
        self.follow(who, busy.reference, next);
        let mut waiting = busy.waiting;
        while let Some(next) = waiting.pop_front() {
            match next {
                Waiting::Message(message, share) => {
                    drop(share);
                    self.handle_in(message);
                }
                Waiting::Leave(reference) => self.leave(who, reference),
            }
            match self.members.by_id.get_mut(&who) {
                Some(Subscriber { busy: Some(again), .. }) => again.waiting.append(&mut waiting),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The messages that wait behind the one that this member waits for, if it does.
    fn waiting(&mut self, who: SubscriberId) -> Option<&mut VecDeque<Waiting>> {
        self.members.by_id.get_mut(&who)?.busy.as_mut().map(|busy| &mut busy.waiting)
    }

    fn leave(&mut self, who: SubscriberId, reference: Term) {
        self.members.reply(who, reference, Status::Ok, Payload::empty());
        self.stop(who, Stop::Normal);
    }

    /// Ends a join: the connection is told first, so that the client's next frame finds the topic left.
    ///
    /// The channel's last words come after `phx_close` and before `phx_error`: a Phoenix channel says that it stops before it
    /// runs `terminate`, and a crash is noticed when that is over.
    fn stop(&mut self, who: SubscriberId, how: Stop) {
        let Some(member) = self.remove(who) else { return };
        member.outbox.note_ended(self.members.topic.clone(), who.join);
        if how == Stop::Normal {
            self.members.say_goodbye(&member, how);
        }
        let parted = self.part(Parting { who, member, held: None });
        if let (Some(parted), Stop::Crash) = (parted, how) {
            self.members.say_goodbye(&parted.member, how);
        }
    }

    /// Takes out a join whose client has joined again. The channel's last words wait for the answer to that.
    fn replace(&mut self, who: SubscriberId) -> Option<Box<Parting>> {
        let member = self.remove(who)?;
        self.part(Parting { who, member, held: Some(RefCell::default()) }).map(Box::new)
    }

    /// Takes out a member to whom nothing is said any more.
    fn drop_out(&mut self, who: SubscriberId) {
        if self.remove(who).is_some() {
            self.tell_left(who);
        }
    }

    fn remove(&mut self, who: SubscriberId) -> Option<Subscriber> {
        let member = self.members.by_id.remove(&who)?;
        member.client.left(&self.members.topic);
        Some(member)
    }

    /// Tells the channel, which may say something to who is out.
    fn part(&mut self, parting: Parting) -> Option<Parting> {
        let who = parting.who;
        self.members.parting = Some(parting);
        self.tell_left(who);
        self.members.parting.take()
    }

    fn tell_left(&mut self, who: SubscriberId) {
        self.call(None, |channel, context| {
            context.untrack_all(who);
            channel.left(context, who);
        });
    }

    /// After each message: what it left to do, and then whether the room goes on at once.
    fn finish(&mut self, ctx: &mut actix::Context<Self>) {
        self.settle();
        self.retire_if_idle(ctx);
        if let Some(others) = self.members.fan_out.break_due() {
            ctx.wait(actix::fut::wrap_future(others));
        }
    }

    /// Ends the room if nothing is under way, and nobody is in it or all may rest. Who rests where members may not any more is woken.
    fn retire_if_idle(&mut self, ctx: &mut actix::Context<Self>) {
        if self.others_rest && !self.channel.may_rest() {
            self.others_rest = false;
            if let Some(others) = self.rooms.rouse(&self.members.topic) {
                self.take_in(others);
                self.settle();
            }
        }
        if self.in_flight == 0 && self.has_ended() {
            ctx.stop();
        }
    }

    fn has_ended(&mut self) -> bool {
        let Self { channel, members, rooms, life, .. } = self;
        if members.by_id.is_empty() {
            return rooms.retire(&members.topic, *life);
        }
        let is_quiet = |(who, member): (&SubscriberId, &Subscriber)| {
            member.joining.is_none() && member.busy.is_none() && channel.is_quiet(*who)
        };
        channel.may_rest()
            && members.by_id.iter().all(is_quiet)
            && rooms.rest(&members.topic, *life, |resting| {
                for (who, member) in members.by_id.drain() {
                    resting.add(who, Rested { member, back: channel.rest(who) });
                }
            })
    }

    /// Takes back members that rested.
    fn take_in(&mut self, woken: Resting<C>) {
        for (who, Rested { member, back }) in woken {
            self.members.insert(who, member);
            self.call(Some(who), back);
        }
    }
}
