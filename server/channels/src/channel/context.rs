//! What a channel acts with while it is called.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{Message, Recipient};
use bytestring::ByteString;
use futures_util::FutureExt as _;
use vestibule_phoenix::{
    message::{Payload, Status},
    presence::Meta,
};

use super::{Channel, Client, HandleResult, ReplyTo, Stop, Subscriber, SubscriberId, Subscribers};

/// A channel's hands during one call. See the [module](super).
pub struct Context<'a, C: Channel> {
    members: &'a mut Subscribers,
    deferred: &'a mut Vec<Deferred>,
    mailbox: &'a Recipient<Continue<C>>,
    in_flight: &'a mut usize,
}

/// What a call decided that can only be done after it.
#[derive(Debug)]
pub(crate) enum Deferred {
    /// See [`Context::admit`] (`true`) and [`Context::refuse`].
    Join(SubscriberId, bool, Payload),
    /// See [`Context::proceed`].
    Proceed(SubscriberId, HandleResult),
    /// See [`Context::stop`].
    Stop(SubscriberId, Stop),
}

impl<'a, C: Channel> Context<'a, C> {
    /// Made by the room for each call.
    pub(crate) fn new(
        members: &'a mut Subscribers,
        deferred: &'a mut Vec<Deferred>,
        mailbox: &'a Recipient<Continue<C>>,
        in_flight: &'a mut usize,
    ) -> Self {
        Self { members, deferred, mailbox, in_flight }
    }

    /// The topic.
    pub fn topic(&self) -> &ByteString {
        &self.members.topic
    }

    /// The connection behind a member that is in, or is about to be.
    pub fn client(&self, who: SubscriberId) -> Option<&Arc<Client>> {
        self.members.by_id.get(&who).map(|member| &member.client)
    }

    /// A member that is in, or is about to be.
    pub fn member(&self, who: SubscriberId) -> Option<&Subscriber> {
        self.members.by_id.get(&who)
    }

    /// Lets in who was answered with [`JoinReply::Later`](super::Joining::Later). Nothing where the client is gone.
    pub fn admit(&mut self, who: SubscriberId, response: Payload) {
        self.deferred.push(Deferred::Join(who, true, response));
    }

    /// Keeps out who was answered with [`JoinReply::Later`](super::Joining::Later).
    pub fn refuse(&mut self, who: SubscriberId, response: Payload) {
        self.deferred.push(Deferred::Join(who, false, response));
    }

    /// Does what a message that was answered with [`HandleResult::Wait`] waited for, and lets the next ones through.
    pub fn proceed(&mut self, who: SubscriberId, next: HandleResult) {
        self.deferred.push(Deferred::Proceed(who, next));
    }

    /// Ends a member's join, also one that is not decided yet.
    pub fn stop(&mut self, who: SubscriberId, how: Stop) {
        self.deferred.push(Deferred::Stop(who, how));
    }

    /// Answers a message; nothing where its sender has left.
    pub fn reply(&self, to: &ReplyTo, status: Status, response: Payload) {
        self.members.reply(to.member, to.reference.clone(), status, response);
    }

    /// Sends to one member.
    pub fn push(&self, to: SubscriberId, event: &str, payload: Payload) {
        self.members.push(to, event, payload);
    }

    /// Sends to everybody.
    pub fn broadcast(&self, event: &str, payload: Payload) {
        self.broadcast_to(event, payload, |_, _| true);
    }

    /// Sends to everybody but one.
    pub fn broadcast_from(&self, from: SubscriberId, event: &str, payload: Payload) {
        self.broadcast_to(event, payload, |id, _| id != from);
    }

    /// Sends to everybody whom `to` accepts. Encoded once, however many they are.
    pub fn broadcast_to(
        &self,
        event: &str,
        payload: Payload,
        to: impl FnMut(SubscriberId, &Subscriber) -> bool,
    ) {
        self.members.broadcast(self.members.outgoing(event, payload), to);
    }

    /// Sends to these. Encoded once, however many they are.
    pub fn multicast(&self, event: &str, payload: Payload, to: &[SubscriberId]) {
        self.members.multicast(self.members.outgoing(event, payload), to);
    }

    /// Adds a member under a presence key, and says whether it was not there yet. If it was, its meta stays.
    pub fn track(&mut self, who: SubscriberId, key: &str, meta: Meta) -> bool {
        self.members.attendance.list.track(who, key, meta)
    }

    /// Changes a member's meta under a presence key.
    pub fn update(&mut self, who: SubscriberId, key: &str, change: impl FnOnce(&mut Meta)) {
        let list = &mut self.members.attendance.list;
        let Some(mut meta) = list.meta(who, key) else { return };
        change(&mut meta);
        list.update(who, key, meta);
    }

    /// Removes a member from one presence key.
    pub fn untrack(&mut self, who: SubscriberId, key: &str) {
        self.members.attendance.list.untrack(who, key);
    }

    /// Removes a member from every presence key. Leaving does that by itself.
    pub fn untrack_all(&mut self, who: SubscriberId) {
        self.members.attendance.list.untrack_all(who);
    }

    /// What those who watch presence are told beside the list, as `presence_count`: what is not in the list, since that has a
    /// bound, or is not for it.
    pub fn count_presence(&mut self, count: Payload) {
        self.members.attendance.set_count(count);
    }

    /// Everybody present whom the list has room for. Who is to be sent that as `presence_state` is shown it with
    /// [`Context::show_presence`]: changes that nobody has been told of are in here.
    pub fn presence_state(&self) -> Payload {
        Payload::of(self.members.attendance.list.state())
    }

    /// Sends `presence_state` to a member after this call, or with the changes that are being gathered, and `presence_diff`
    /// from then on.
    pub fn show_presence(&mut self, who: SubscriberId) {
        self.members.attendance.show(who);
    }

    /// Sends no `presence_diff` to this member, until it is shown presence. From the start everybody is sent it.
    pub fn hide_presence(&mut self, who: SubscriberId) {
        if let Some(member) = self.members.by_id.get_mut(&who) {
            member.watches_presence = false;
        }
    }

    /// Runs a future beside the room, then calls back into the channel, also when `who` has left meanwhile. A panic in
    /// either ends the join of `who`.
    pub fn spawn<F>(
        &mut self,
        who: SubscriberId,
        future: F,
        then: impl FnOnce(&mut C, &mut Context<'_, C>, F::Output) + Send + 'static,
    ) where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let resume = self.resume_later(who);
        actix::spawn(async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(output) => resume.run(move |channel, cx| then(channel, cx, output)),
                Err(panic) => resume.run(move |_, _| std::panic::resume_unwind(panic)),
            }
        });
    }

    /// A way to call back into the channel from any thread, once. The room stays until it is used or dropped.
    pub fn resume_later(&mut self, who: SubscriberId) -> Resume<C> {
        *self.in_flight += 1;
        Resume { who, mailbox: Some(self.mailbox.clone()) }
    }

    /// Calls back into the channel after a while. Does not keep the room: if it has gone or rests by then, nothing happens.
    pub fn after(
        &self,
        who: SubscriberId,
        delay: Duration,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static,
    ) {
        let mailbox = self.mailbox.clone();
        actix::spawn(async move {
            tokio::time::sleep(delay).await;
            mailbox.do_send(Continue { who: Some(who), call: Some(Box::new(call)), origin: Origin::Timer });
        });
    }
}

/// A call back into a channel. See [`Context::resume_later`].
pub struct Resume<C: Channel> {
    who: SubscriberId,
    mailbox: Option<Recipient<Continue<C>>>,
}

impl<C: Channel> Resume<C> {
    /// Calls.
    pub fn run(mut self, call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) {
        self.send(Some(Box::new(call)));
    }

    /// Past the mailbox's bound on purpose: there is one call for each message that the bound let in, and losing one would
    /// leave its sender without an answer.
    fn send(&mut self, call: Option<Call<C>>) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.do_send(Continue { who: Some(self.who), call, origin: Origin::Resumed });
        }
    }
}

impl<C: Channel> Drop for Resume<C> {
    fn drop(&mut self) {
        self.send(None);
    }
}

/// A call into a channel.
pub type Call<C> = Box<dyn FnOnce(&mut C, &mut Context<'_, C>) + Send>;

/// A room's message to itself: go on with this.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Continue<C: Channel> {
    /// Whose join ends if the call panics.
    pub(crate) who: Option<SubscriberId>,
    /// What to do; nothing where a [`Resume`] was dropped.
    pub(crate) call: Option<Call<C>>,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Where a [`Continue`] comes from, and so who keeps the room running until it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// [`Context::resume_later`]: the room itself counts it.
    Resumed,
    /// [`TopicRegistry::tell`](crate::topic::Rooms::tell): the registry counts it.
    Outside,
    /// [`Context::after`]: nobody does.
    Timer,
}

impl<C: Channel> Continue<C> {
    /// Tells what has been gathered about presence.
    pub(crate) fn when_presence_is_due() -> Self {
        let call = |_: &mut C, cx: &mut Context<'_, C>| cx.members.attendance.time_is_over();
        Self { who: None, call: Some(Box::new(call)), origin: Origin::Timer }
    }

    /// A call from outside the room.
    pub(crate) fn from_outside(call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) -> Self {
        Self { who: None, call: Some(Box::new(call)), origin: Origin::Outside }
    }
}
