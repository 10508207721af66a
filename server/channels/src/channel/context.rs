//! What a channel acts with while it is called.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{Message, Recipient};
use bytestring::ByteString;
use futures_util::FutureExt as _;
use serde::Serialize;
use vestibule_phoenix::{
    message::{Payload, Status},
    presence::Meta,
};

use super::{Channel, Client, Handled, ReplyTo, Stop, Subscriber, SubscriberId, Subscribers};

/// What a channel acts with during one call. See the [module](super).
///
/// Nothing here waits: frames go into the subscribers' outboxes, and whatever else takes time is
/// done after the call.
pub struct Context<'a, C: Channel> {
    subscribers: &'a mut Subscribers<C>,
    deferred: &'a mut Vec<Deferred<C>>,
    mailbox: &'a Recipient<Continue<C>>,
    in_flight: &'a mut usize,
}

/// A decision of a call that can only be carried out after it.
pub(crate) enum Deferred<C: Channel> {
    /// See [`Context::admit`].
    Admit(SubscriberId, C::Assigns, Payload),
    /// See [`Context::refuse`].
    Refuse(SubscriberId, Payload),
    /// See [`Context::proceed`].
    Proceed(SubscriberId, Handled),
    /// See [`Context::stop`].
    Stop(SubscriberId, Stop),
}

/// The topic and its subscribers.
impl<'a, C: Channel> Context<'a, C> {
    pub(crate) fn new(
        subscribers: &'a mut Subscribers<C>,
        deferred: &'a mut Vec<Deferred<C>>,
        mailbox: &'a Recipient<Continue<C>>,
        in_flight: &'a mut usize,
    ) -> Self {
        Self { subscribers, deferred, mailbox, in_flight }
    }

    /// The topic.
    pub fn topic(&self) -> &ByteString {
        &self.subscribers.topic
    }

    /// The connection of a subscriber that has joined, is joining or is just leaving.
    pub fn client(&self, who: SubscriberId) -> Option<&Arc<Client<C::ConnectAssigns>>> {
        self.subscriber(who).map(|subscriber| &subscriber.client)
    }

    /// All who have joined.
    pub fn subscribers(&self) -> impl Iterator<Item = SubscriberId> {
        let all = self.subscribers.by_id.iter();
        all.filter(|(_, subscriber)| subscriber.joining.is_none()).map(|(who, _)| *who)
    }

    /// A subscriber that has joined, is joining or is just leaving.
    pub fn subscriber(&self, who: SubscriberId) -> Option<&Subscriber<C>> {
        self.subscribers.find(who)
    }

    /// What the socket handler keeps of a subscriber's connection: what Phoenix's `socket.assigns`
    /// are before the join.
    ///
    /// # Panics
    /// If `who` is gone. It is there in every call that names it, except in callbacks of
    /// [`Context::spawn`], [`Context::resume_later`] and [`Context::after`]: ask
    /// [`Context::client`] there.
    pub fn connect_assigns(&self, who: SubscriberId) -> &C::ConnectAssigns {
        &self.client(who).expect("the subscriber is gone").assigns
    }

    /// What the channel keeps for a subscriber: Phoenix's `socket.assigns`.
    ///
    /// # Panics
    /// If `who` has not joined yet or is gone. It is there in [`joined`](Channel::joined),
    /// [`handle_in`](Channel::handle_in) and, if it had joined, in [`left`](Channel::left). In
    /// callbacks it may be gone: ask [`Context::subscriber`] there.
    pub fn assigns(&self, who: SubscriberId) -> &C::Assigns {
        let subscriber = self.subscribers.find(who).expect("the subscriber is gone");
        subscriber.assigns.as_ref().expect("the subscriber has not joined")
    }

    /// As [`Context::assigns`], to change them. Phoenix's `assign/3`.
    ///
    /// # Panics
    /// As [`Context::assigns`].
    pub fn assigns_mut(&mut self, who: SubscriberId) -> &mut C::Assigns {
        let subscriber = self.subscribers.find_mut(who).expect("the subscriber is gone");
        subscriber.assigns.as_mut().expect("the subscriber has not joined")
    }
}

/// Messages to clients.
#[allow(clippy::needless_pass_by_value, reason = "channels make a payload for the call")]
impl<C: Channel> Context<'_, C> {
    /// Replies to a message; does nothing if its sender has left. Phoenix's `reply/2`.
    pub fn reply(&self, to: &ReplyTo, status: Status, response: Payload) {
        self.subscribers.reply(to.subscriber, &to.reference, &status, &response);
    }

    /// Sends to one subscriber. Phoenix's `push/3`.
    pub fn push(&self, to: SubscriberId, event: &str, payload: Payload) {
        self.subscribers.push(to, event, &payload);
    }

    /// Sends to all subscribers. Phoenix's `broadcast/3`.
    pub fn broadcast(&self, event: &str, payload: Payload) {
        self.broadcast_to(event, payload, |_, _| true);
    }

    /// Sends to all subscribers except one. Phoenix's `broadcast_from/3`.
    pub fn broadcast_from(&self, from: SubscriberId, event: &str, payload: Payload) {
        self.broadcast_to(event, payload, |id, _| id != from);
    }

    /// Sends to all subscribers that `to` accepts. The message is encoded once, however many they
    /// are. In Phoenix this takes `intercept/1` and `handle_out/3`.
    pub fn broadcast_to(
        &self,
        event: &str,
        payload: Payload,
        to: impl FnMut(SubscriberId, &Subscriber<C>) -> bool,
    ) {
        self.subscribers.broadcast(self.subscribers.outgoing(event, payload), to);
    }

    /// Sends to these subscribers. The message is encoded once, however many they are.
    pub fn multicast(&self, event: &str, payload: Payload, to: &[SubscriberId]) {
        self.subscribers.multicast(self.subscribers.outgoing(event, payload), to);
    }
}

/// Decisions that come later.
impl<C: Channel> Context<'_, C> {
    /// Accepts a join that was answered with [`JoinReply::Later`](super::JoinReply::Later). Does
    /// nothing if the client is gone.
    pub fn admit(&mut self, who: SubscriberId, assigns: C::Assigns, response: Payload) {
        self.deferred.push(Deferred::Admit(who, assigns, response));
    }

    /// Refuses a join that was answered with [`JoinReply::Later`](super::JoinReply::Later).
    pub fn refuse(&mut self, who: SubscriberId, response: Payload) {
        self.deferred.push(Deferred::Refuse(who, response));
    }

    /// Decides a message that was answered with [`Handled::Wait`], and lets the next ones through.
    pub fn proceed(&mut self, who: SubscriberId, handled: Handled) {
        self.deferred.push(Deferred::Proceed(who, handled));
    }

    /// Ends a subscriber's join, even one that is not decided yet.
    pub fn stop(&mut self, who: SubscriberId, how: Stop) {
        self.deferred.push(Deferred::Stop(who, how));
    }
}

/// Presence: the list of users on the topic that clients show. Phoenix's `Phoenix.Presence`.
///
/// Clients get `presence_state` and `presence_diff`, which phoenix.js's `Presence` understands. The
/// list is bounded so that it fits a client's outbox; entries beyond it wait for a place.
impl<C: Channel> Context<'_, C> {
    /// Lists a subscriber under a presence key, and returns whether it was not listed under it yet.
    /// If it was, its meta stays. Phoenix's `track/3`.
    pub fn track(&mut self, who: SubscriberId, key: &str, meta: Meta) -> bool {
        self.subscribers.presence().list.track(who, key, meta)
    }

    /// Changes a subscriber's meta under a presence key. Phoenix's `update/3`.
    pub fn update(&mut self, who: SubscriberId, key: &str, change: impl FnOnce(&mut Meta)) {
        let Some(presence) = &mut self.subscribers.presence else { return };
        let list = &mut presence.list;
        let Some(mut meta) = list.meta(who, key) else { return };
        change(&mut meta);
        list.update(who, key, meta);
    }

    /// Removes a subscriber from one presence key. Phoenix's `untrack/2`.
    pub fn untrack(&mut self, who: SubscriberId, key: &str) {
        if let Some(presence) = &mut self.subscribers.presence {
            presence.list.untrack(who, key);
        }
    }

    /// Removes a subscriber from every presence key. A leave does that by itself.
    pub fn untrack_all(&mut self, who: SubscriberId) {
        if let Some(presence) = &mut self.subscribers.presence {
            presence.list.untrack_all(who);
        }
    }

    /// Sends `count` to everyone who watches presence: for what is not in the list because the list
    /// is bounded or must not say it. It goes as the field `count` of a `presence_diff` if the list
    /// changes as well, and alone as `presence_count`. Phoenix has neither.
    ///
    /// # Panics
    /// If `count` does not serialize to JSON.
    pub fn count_presence(&mut self, count: &impl Serialize) {
        self.subscribers.presence().set_count(count);
    }

    /// The list as a payload. Phoenix's `list/1`.
    ///
    /// It contains changes that nobody has been sent yet. To send it as `presence_state`, use
    /// [`Context::show_presence`], which keeps the order.
    pub fn presence_state(&self) -> Payload {
        let list = self.subscribers.presence.as_ref().map(|presence| presence.list.state());
        list.map_or_else(Payload::empty, |list| Payload::of(&list))
    }

    /// Sends a subscriber `presence_state`, after this call or with the changes that are being
    /// gathered, and `presence_diff` from then on.
    pub fn show_presence(&mut self, who: SubscriberId) {
        self.subscribers.presence().show(who);
    }

    /// Sends a subscriber no `presence_diff` until [`Context::show_presence`]. Without this call,
    /// every subscriber gets `presence_diff`, as in Phoenix.
    pub fn hide_presence(&mut self, who: SubscriberId) {
        if let Some(subscriber) = self.subscribers.by_id.get_mut(&who) {
            subscriber.watches_presence = false;
        }
    }
}

/// Work that takes time.
impl<C: Channel> Context<'_, C> {
    /// Runs a future beside the topic, on its thread, then calls back into the channel, even if
    /// `who` has left meanwhile. A panic in either ends the join of `who`.
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

    /// Returns a way to call back into the channel once, from any thread. The topic actor stays
    /// until it is used or dropped.
    pub fn resume_later(&mut self, who: SubscriberId) -> Resume<C> {
        *self.in_flight += 1;
        Resume { who, mailbox: Some(self.mailbox.clone()) }
    }

    /// Calls back into the channel after a delay, if the subscriber is still there. This does not
    /// keep the topic actor: if it has ended or rests by then, nothing happens.
    pub fn after(
        &self,
        who: SubscriberId,
        delay: Duration,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static,
    ) {
        self.call_back(Some(who), delay, call);
    }

    /// As [`Context::after`], whoever is there then.
    pub fn later(&self, delay: Duration, call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) {
        self.call_back(None, delay, call);
    }

    fn call_back(
        &self,
        who: Option<SubscriberId>,
        delay: Duration,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static,
    ) {
        let mailbox = self.mailbox.clone();
        actix::spawn(async move {
            tokio::time::sleep(delay).await;
            mailbox.do_send(Continue { who, call: Some(Box::new(call)), origin: Origin::Timer });
        });
    }
}

/// One call back into a channel. See [`Context::resume_later`].
pub struct Resume<C: Channel> {
    who: SubscriberId,
    mailbox: Option<Recipient<Continue<C>>>,
}

impl<C: Channel> Resume<C> {
    /// Calls back, on the topic's thread.
    pub fn run(mut self, call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) {
        self.send(Some(Box::new(call)));
    }

    /// Deliberately exceeds the mailbox's bound: there is one call for each message that the bound
    /// admitted, and losing one would leave its sender without a reply.
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

/// A topic actor's message to itself: make this call.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Continue<C: Channel> {
    /// Whose join ends if the call panics.
    pub(crate) who: Option<SubscriberId>,
    /// The call; `None` where a [`Resume`] was dropped.
    pub(crate) call: Option<Call<C>>,
    pub(crate) origin: Origin,
}

/// Where a [`Continue`] comes from, and so what keeps the topic actor running until it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// [`Context::resume_later`]: the actor counts it.
    Resumed,
    /// [`TopicRegistry::call`](crate::TopicRegistry::call): the registry counts it.
    Outside,
    /// [`Context::after`]: nothing counts it.
    Timer,
}

impl<C: Channel> Continue<C> {
    /// Sends the changes of presence that were gathered.
    pub(crate) fn when_presence_is_due() -> Self {
        let call = |_: &mut C, cx: &mut Context<'_, C>| cx.subscribers.presence_is_due();
        Self { who: None, call: Some(Box::new(call)), origin: Origin::Timer }
    }

    /// A call from outside the topic.
    pub(crate) fn from_outside(call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) -> Self {
        Self { who: None, call: Some(Box::new(call)), origin: Origin::Outside }
    }
}
