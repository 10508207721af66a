//! All topics of one kind of channel: starts and finds their actors, lets them rest and end.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use actix::{Actor as _, AsyncContext as _};
use bytestring::ByteString;
use dashmap::DashMap;
use serde_json::json;
use vestibule_phoenix::message::Payload;

use super::{
    Input, Join, Leave, Route, TopicActor,
    join_refusal::{Authorize, JoinRefusal},
    mailbox::{Mail, Mailbox, Reading},
    resting::Resting,
};
use crate::channel::{Channel, Client, Context, Continue, SubscriberId};

/// How many messages wait for a topic by default.
const MAILBOX: usize = 1024;

/// All topics of one kind of channel, in this process.
///
/// Make one with [`TopicRegistry::new`] or [`TopicRegistry::builder`], add it to a route of an
/// endpoint, and keep a clone of the [`Arc`] to call into its topics from outside.
///
/// # Concurrency
/// There is one lock for each topic. It is held while an actor starts, rests or ends, or while a
/// message is put into its mailbox, and never across an await. Messages of subscribers share it;
/// joins, and whatever wakes a subscriber, take it exclusively. Who adds or removes a topic holds
/// the lock of its shard of the table before and meanwhile.
pub struct TopicRegistry<C: Channel> {
    topics: DashMap<ByteString, Arc<Slot<C>>>,
    make: Box<Make<C>>,
    authorize: Box<Authorize<C::ConnectAssigns>>,
    mailbox: usize,
    generations: AtomicU64,
    running: AtomicUsize,
}

/// Makes the channel of a topic.
type Make<C> = dyn Fn(&ByteString) -> C + Send + Sync;

/// Settings of a [`TopicRegistry`].
pub struct TopicRegistryBuilder<C: Channel> {
    make: Box<Make<C>>,
    authorize: Box<Authorize<C::ConnectAssigns>>,
    mailbox: usize,
}

/// A topic's place in the table, which its joins know without searching. Once it is taken out of
/// the table it stays empty.
struct Slot<C: Channel> {
    name: ByteString,
    topic: RwLock<Topic<C>>,
}

/// A topic with subscribers.
struct Topic<C: Channel> {
    running: Option<Running<C>>,
    resting: Resting<C>,
}

/// A running topic actor.
struct Running<C: Channel> {
    /// An actor with anything in it does not end.
    mailbox: Arc<Mailbox<C>>,
    generation: u64,
}

/// A queue is full: the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl Overloaded {
    /// The response of the error reply.
    pub(crate) fn response() -> Payload {
        Payload::of(&json!({ "reason": "overloaded", "retry_ms": 1000 }))
    }
}

/// The way from one join to its topic, whatever the channel is.
pub(crate) trait TopicHandle {
    /// Hands over a message.
    fn input(&self, input: Input) -> Result<(), Overloaded>;

    /// Hands over the client's leave.
    fn leave(&self, leave: Leave) -> Result<(), Overloaded>;

    /// Tells that the connection is gone.
    fn gone(&self, who: SubscriberId);
}

/// What becomes of a join that was sent to a topic.
#[doc(hidden)]
pub struct Joined(pub(crate) Result<Box<dyn TopicHandle>, Overloaded>);

impl<C: Channel> TopicRegistryBuilder<C> {
    /// How many messages wait for one topic, 1024 by default. Further ones get the error reply
    /// `overloaded`, which tells clients to retry.
    #[must_use]
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.mailbox = messages;
        self
    }

    /// Checks joins before they reach the channel: no actor starts for a join that `authorize`
    /// refuses. It gets the topic, the client and the join's parameters.
    ///
    /// A join that replaces an earlier one of the same connection is not checked again, since the
    /// actor must end the earlier one anyway. Everything the channel must rely on belongs into
    /// [`Channel::join`].
    #[must_use]
    pub fn authorize(
        mut self,
        authorize: impl Fn(&str, &Client<C::ConnectAssigns>, &Payload) -> Result<(), JoinRefusal>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.authorize = Box::new(authorize);
        self
    }

    /// Makes the registry, with no topics yet.
    pub fn build(self) -> Arc<TopicRegistry<C>> {
        let Self { make, authorize, mailbox } = self;
        Arc::new(TopicRegistry {
            topics: DashMap::new(),
            make,
            authorize,
            mailbox,
            generations: AtomicU64::new(1),
            running: AtomicUsize::new(0),
        })
    }
}

impl<C: Channel> TopicRegistry<C> {
    /// A registry with the default settings. `make` makes the channel of a topic, when its first
    /// subscriber joins; it must not call into a registry.
    pub fn new(make: impl Fn(&ByteString) -> C + Send + Sync + 'static) -> Arc<Self> {
        Self::builder(make).build()
    }

    /// A registry with other settings. `make` as in [`TopicRegistry::new`].
    pub fn builder(make: impl Fn(&ByteString) -> C + Send + Sync + 'static) -> TopicRegistryBuilder<C> {
        TopicRegistryBuilder { make: Box::new(make), authorize: Box::new(|_, _, _| Ok(())), mailbox: MAILBOX }
    }

    /// Calls into a topic's channel, on the topic's thread, if it has subscribers; those that rest
    /// wake. Returns whether the call will be made. Phoenix applications send the channel process a
    /// message for this.
    ///
    /// This exceeds the mailbox's bound: callers from outside (a stored message, an operator) are
    /// bounded by other means, and their calls must not be lost.
    pub fn call(
        self: &Arc<Self>,
        topic: &str,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static,
    ) -> bool {
        let Some(slot) = self.topics.get(topic) else { return false };
        let mut topic = slot.write();
        let all = topic.resting.take_all();
        let running = self.wake(&slot.name, &mut topic, all);
        running.mailbox.push_past_bound(Mail::Call(Continue::from_outside(call)));
        true
    }

    /// Calls into the channels of all topics, as [`TopicRegistry::call`] does: for what changes
    /// them all, as other settings do. A topic that begins meanwhile may be left out.
    pub fn call_all(self: &Arc<Self>, call: impl Fn(&mut C, &mut Context<'_, C>) + Clone + Send + 'static) {
        let topics: Vec<ByteString> = self.topics.iter().map(|entry| entry.key().clone()).collect();
        for topic in topics {
            let call = call.clone();
            self.call(&topic, move |channel, cx| call(channel, cx));
        }
    }

    /// Sends to all subscribers of a topic. Phoenix's `Endpoint.broadcast/3`.
    pub fn broadcast(self: &Arc<Self>, topic: &str, event: impl Into<ByteString>, payload: Payload) {
        let event = event.into();
        self.call(topic, move |_, cx| cx.broadcast(&event, payload));
    }

    /// How many topic actors run. Topics that rest do not count.
    pub fn count(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// How many topics have subscribers, whether an actor runs or they rest.
    pub fn count_with_subscribers(&self) -> usize {
        self.topics.len()
    }

    /// Ends an idle actor, unless something is on its way to it.
    pub(super) fn retire(&self, topic: &str, generation: u64) -> bool {
        self.end(topic, generation, |_| {})
    }

    /// Ends an idle actor whose subscribers rest from now on, as `pack` leaves them, unless
    /// something is on its way to it.
    pub(super) fn rest(&self, topic: &str, generation: u64, pack: impl FnOnce(&mut Resting<C>)) -> bool {
        self.end(topic, generation, pack)
    }

    /// Takes out all subscribers that rest on a topic.
    pub(super) fn wake_all(&self, topic: &str) -> Option<Resting<C>> {
        self.topics.get(topic)?.write().resting.take_all()
    }

    fn end(&self, topic: &str, generation: u64, pack: impl FnOnce(&mut Resting<C>)) -> bool {
        let mut has_ended = false;
        self.topics.remove_if(topic, |_, slot| {
            let mut topic = slot.write();
            let may_end = |actor: &mut Running<C>| actor.generation == generation && actor.mailbox.is_empty();
            if topic.running.take_if(may_end).is_some() {
                has_ended = true;
                self.running.fetch_sub(1, Ordering::Relaxed);
                pack(&mut topic.resting);
            }
            topic.is_empty()
        });
        has_ended
    }

    /// The topic's actor, which is started if it does not run, with these subscribers awake.
    fn wake<'a>(
        self: &Arc<Self>,
        name: &ByteString,
        topic: &'a mut Topic<C>,
        woken: Option<Resting<C>>,
    ) -> &'a Running<C> {
        let others_rest = !topic.resting.is_empty();
        let running = topic.running.get_or_insert_with(|| self.start(name, others_rest));
        if let Some(woken) = woken {
            running.mailbox.push_past_bound(Mail::Woken(woken));
        }
        running
    }

    fn start(self: &Arc<Self>, name: &ByteString, others_rest: bool) -> Running<C> {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let channel = (self.make)(name);
        let mailbox = Mailbox::new();
        TopicActor::create(|ctx| {
            ctx.spawn(Reading(Arc::clone(&mailbox)));
            TopicActor::new(name.clone(), generation, channel, Arc::clone(self), others_rest, ctx)
        });
        self.running.fetch_add(1, Ordering::Relaxed);
        Running { mailbox, generation }
    }

    /// Sends a subscriber's message to its topic's actor, which is started if the subscriber rests.
    /// Dropped where the join is over and the actor has ended, as a Phoenix channel's mailbox is.
    fn send(self: &Arc<Self>, slot: &Slot<C>, who: SubscriberId, mail: Mail<C>) -> Result<(), Overloaded> {
        // The lock is shared, and released before it is taken exclusively.
        let topic = slot.read();
        if !topic.resting.has(who) {
            let running = topic.running.as_ref();
            return running.map_or(Ok(()), |running| running.mailbox.push(mail, self.mailbox));
        }
        drop(topic);
        let mut topic = slot.write();
        let woken = topic.resting.take(who);
        if woken.is_none() && topic.running.is_none() {
            return Ok(());
        }
        self.wake(&slot.name, &mut topic, woken).mailbox.push(mail, self.mailbox)
    }

    /// Forgets a subscriber that rests, or tells its topic's actor.
    fn gone(&self, topic: &ByteString, who: SubscriberId) {
        self.topics.remove_if(topic, |_, slot| {
            let mut topic = slot.write();
            if topic.resting.take(who).is_none()
                && let Some(running) = &topic.running
            {
                running.mailbox.push_past_bound(Mail::Leave(Leave::Gone { who }));
            }
            topic.is_empty()
        });
    }

    pub(super) fn try_join(
        self: &Arc<Self>,
        topic: &ByteString,
        join: Join<C::ConnectAssigns>,
    ) -> Result<Box<dyn TopicHandle>, Overloaded> {
        if join.replaces.is_none()
            && let Err(refusal) = (self.authorize)(topic, &join.client, &join.params)
        {
            return Ok(refusal.reply(topic.clone(), join));
        }
        let entry = if let Some(known) = self.topics.get_mut(&**topic) {
            known
        } else {
            // A copy: the topic is a slice of the message that it came in, which need not last as
            // long as the join.
            let name = ByteString::from(&**topic);
            self.topics.entry(name.clone()).or_insert_with(|| Arc::new(Slot::new(name)))
        };
        let mut topic = entry.write();
        let replaced = join.replaces.and_then(|old| topic.resting.take(old));
        let running = self.wake(&entry.name, &mut topic, replaced);
        running.mailbox.push(Mail::Join(Box::new(join)), self.mailbox)?;
        Ok(Box::new(Handle { registry: Arc::clone(self), slot: Arc::clone(&entry) }))
    }
}

impl<C: Channel> Slot<C> {
    fn new(name: ByteString) -> Self {
        Self { name, topic: RwLock::default() }
    }

    /// A panic while the lock was held, in an application's code, leaves a consistent topic.
    fn read(&self) -> RwLockReadGuard<'_, Topic<C>> {
        self.topic.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Slot::read`].
    fn write(&self) -> RwLockWriteGuard<'_, Topic<C>> {
        self.topic.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Channel> Topic<C> {
    fn is_empty(&self) -> bool {
        self.running.is_none() && self.resting.is_empty()
    }
}

impl<C: Channel> Default for Topic<C> {
    fn default() -> Self {
        Self { running: None, resting: Resting::default() }
    }
}

impl<C: Channel> Route<C::ConnectAssigns> for Arc<TopicRegistry<C>> {
    fn join(&self, topic: &ByteString, join: Join<C::ConnectAssigns>) -> Joined {
        Joined(self.try_join(topic, join))
    }

    fn broadcast(&self, topic: &str, event: ByteString, payload: Payload) {
        TopicRegistry::broadcast(self, topic, event, payload);
    }

    fn shrink(&self) {
        self.topics.shrink_to_fit();
    }
}

/// One join's way to its topic, whose actor may rest and wake meanwhile.
struct Handle<C: Channel> {
    registry: Arc<TopicRegistry<C>>,
    slot: Arc<Slot<C>>,
}

impl<C: Channel> TopicHandle for Handle<C> {
    fn input(&self, input: Input) -> Result<(), Overloaded> {
        let who = input.0.from;
        self.registry.send(&self.slot, who, Mail::Input(input))
    }

    fn leave(&self, leave: Leave) -> Result<(), Overloaded> {
        self.registry.send(&self.slot, leave.who(), Mail::Leave(leave))
    }

    /// Exceeds the mailbox's bound: there is one for each subscriber, and a subscriber that stayed
    /// for ever would keep the actor.
    fn gone(&self, who: SubscriberId) {
        self.registry.gone(&self.slot.name, who);
    }
}

impl<C: Channel> fmt::Debug for TopicRegistry<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TopicRegistry").field("running", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
