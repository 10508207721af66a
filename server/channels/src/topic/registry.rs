//! All rooms of one kind of channel: starts them, finds them, lets them rest and go.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use actix::{Actor as _, Addr};
use bytestring::ByteString;
use dashmap::DashMap;
use serde_json::json;
use vestibule_phoenix::message::Payload;

use super::{
    Input, Join, Leave, Mount, TopicActor,
    guard::{Guard, TurnedAway},
    resting::{Resting, Woken},
};
use crate::channel::{Channel, Client, Context, Continue, SubscriberId};

/// The rooms whose topics have channels `C`: those that run, and those that rest.
///
/// # Concurrency
/// One lock a shard of topics, held while a room is started, laid to rest or let go, or a message put into its mailbox, never
/// across an await. Messages from members share it; joins, and what wakes somebody, have it alone.
pub struct TopicRegistry<C: Channel> {
    topics: DashMap<ByteString, Topic<C>>,
    make: Box<dyn Fn(&ByteString) -> C + Send + Sync>,
    guard: Box<Guard>,
    mailbox: usize,
    lives: AtomicU64,
    running: AtomicUsize,
}

/// A topic that somebody is in.
struct Topic<C: Channel> {
    room: Option<Running<C>>,
    resting: Resting<C>,
}

struct Running<C: Channel> {
    address: Addr<TopicActor<C>>,
    life: u64,
    under_way: UnderWay,
}

/// How many messages are in a room's mailbox: a room with any does not go.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<AtomicUsize>);

/// A queue is full: the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl Overloaded {
    /// What the client is answered.
    pub fn response() -> Payload {
        Payload::of(&json!({ "reason": "overloaded", "retry_ms": 1000 }))
    }
}

/// The room of one join, whatever its channel is.
pub trait TopicHandle {
    /// Hands over a message.
    fn input(&self, input: Input) -> Result<(), Overloaded>;

    /// Hands over a client's leave.
    fn leave(&self, leave: Leave) -> Result<(), Overloaded>;

    /// Tells that a connection is gone.
    fn gone(&self, who: SubscriberId);
}

impl<C: Channel> TopicRegistry<C> {
    /// No rooms yet. `make` makes a topic's channel and must not look for rooms; a mailbox holds `mailbox` messages.
    pub fn new(mailbox: usize, make: impl Fn(&ByteString) -> C + Send + Sync + 'static) -> Arc<Self> {
        Self::guarded(mailbox, make, |_, _, _| Ok(()))
    }

    /// As [`TopicRegistry::new`], with a guard: no room is started for whom it turns away. Who joins anew is not shown to it, since the
    /// room has the earlier join to end.
    pub fn guarded(
        mailbox: usize,
        make: impl Fn(&ByteString) -> C + Send + Sync + 'static,
        guard: impl Fn(&str, &Client, &Payload) -> Result<(), TurnedAway> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            topics: DashMap::new(),
            make: Box::new(make),
            guard: Box::new(guard),
            mailbox,
            lives: AtomicU64::new(1),
            running: AtomicUsize::new(0),
        })
    }

    /// Calls into a topic's channel, if anybody is in it; who rests is woken. Says whether the call is made.
    ///
    /// Past the mailbox's bound: what calls from outside (a committed frame, an operator) is bounded by itself and must not
    /// be lost.
    pub fn tell(
        self: &Arc<Self>,
        topic: &str,
        call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static,
    ) -> bool {
        let Some(mut entry) = self.topics.get_mut(topic) else { return false };
        let (topic, entry) = entry.pair_mut();
        let all = entry.resting.take_all();
        let room = self.wake(topic, entry, all);
        room.send_past_bound(|room| room.do_send(Continue::from_outside(call)));
        true
    }

    /// How many rooms run. Rooms that rest do not.
    pub fn count(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// How many topics anybody is in.
    #[cfg(test)]
    pub(super) fn topics_known(&self) -> usize {
        self.topics.len()
    }

    /// Lets an idle room go, unless something is on its way to it.
    pub(super) fn retire(&self, topic: &str, life: u64) -> bool {
        self.end(topic, life, |_| {})
    }

    /// Lets an idle room go whose members rest from now on, as `pack` leaves them; unless something is on its way to it.
    pub(super) fn rest(&self, topic: &str, life: u64, pack: impl FnOnce(&mut Resting<C>)) -> bool {
        self.end(topic, life, pack)
    }

    /// Takes out everybody who rests in a topic.
    pub(super) fn rouse(&self, topic: &str) -> Option<Resting<C>> {
        self.topics.get_mut(topic)?.resting.take_all()
    }

    fn end(&self, topic: &str, life: u64, pack: impl FnOnce(&mut Resting<C>)) -> bool {
        let mut has_ended = false;
        self.topics.remove_if_mut(topic, |_, entry| {
            let is_it = |room: &mut Running<C>| room.life == life && room.under_way.is_nothing();
            if entry.room.take_if(is_it).is_some() {
                has_ended = true;
                self.running.fetch_sub(1, Ordering::Relaxed);
                pack(&mut entry.resting);
            }
            entry.is_empty()
        });
        has_ended
    }

    /// The topic's room, which is started if it does not run, with these members awake.
    fn wake<'a>(
        self: &Arc<Self>,
        topic: &ByteString,
        entry: &'a mut Topic<C>,
        woken: Option<Resting<C>>,
    ) -> &'a Running<C> {
        let others_rest = !entry.resting.is_empty();
        let room = entry.room.get_or_insert_with(|| self.start(topic, others_rest));
        if let Some(woken) = woken {
            room.send_past_bound(|room| room.do_send(Woken(woken)));
        }
        room
    }

    fn start(self: &Arc<Self>, topic: &ByteString, others_rest: bool) -> Running<C> {
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        let channel = (self.make)(topic);
        let under_way = UnderWay::default();
        let address = TopicActor::create(|ctx| {
            ctx.set_mailbox_capacity(self.mailbox);
            TopicActor::new(
                topic.clone(),
                life,
                channel,
                Arc::clone(self),
                under_way.clone(),
                others_rest,
                ctx,
            )
        });
        self.running.fetch_add(1, Ordering::Relaxed);
        Running { address, life, under_way }
    }

    /// Sends a member's message to its room, which is started if the member rests. Dropped where the member's join is over and its
    /// room is gone, as a Phoenix channel's mailbox is.
    fn send(
        self: &Arc<Self>,
        topic: &ByteString,
        who: SubscriberId,
        post: impl FnOnce(&Addr<TopicActor<C>>) -> Result<(), Overloaded>,
    ) -> Result<(), Overloaded> {
        // The lock is shared, and given back before it is asked for alone.
        if let Some(entry) = self.topics.get(topic)
            && !entry.resting.has(who)
        {
            return entry.room.as_ref().map_or(Ok(()), |room| room.send(post));
        }
        let Some(mut entry) = self.topics.get_mut(topic) else { return Ok(()) };
        let (topic, entry) = entry.pair_mut();
        let woken = entry.resting.take(who);
        if woken.is_none() && entry.room.is_none() {
            return Ok(());
        }
        self.wake(topic, entry, woken).send(post)
    }

    /// Forgets a member that rests, or tells its room.
    fn gone(&self, topic: &ByteString, who: SubscriberId) {
        self.topics.remove_if_mut(topic, |_, entry| {
            if entry.resting.take(who).is_none()
                && let Some(room) = &entry.room
            {
                room.send_past_bound(|room| room.do_send(Leave::Gone { who }));
            }
            entry.is_empty()
        });
    }
}

impl<C: Channel> Topic<C> {
    fn is_empty(&self) -> bool {
        self.room.is_none() && self.resting.is_empty()
    }
}

impl<C: Channel> Default for Topic<C> {
    fn default() -> Self {
        Self { room: None, resting: Resting::default() }
    }
}

impl<C: Channel> Running<C> {
    fn send(
        &self,
        post: impl FnOnce(&Addr<TopicActor<C>>) -> Result<(), Overloaded>,
    ) -> Result<(), Overloaded> {
        self.under_way.set_out();
        post(&self.address).inspect_err(|_| self.under_way.arrived())
    }

    /// Sends what must not be lost, and is bounded by itself.
    fn send_past_bound(&self, post: impl FnOnce(&Addr<TopicActor<C>>)) {
        self.under_way.set_out();
        post(&self.address);
    }
}

impl UnderWay {
    /// One more. Only while the topic's lock is held, at least shared: who has it alone can rely on what is counted.
    fn set_out(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// One less: it is being handled.
    pub(super) fn arrived(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_nothing(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

impl<C: Channel> Mount for Arc<TopicRegistry<C>> {
    fn join(&self, topic: &ByteString, join: Join) -> Result<Box<dyn TopicHandle>, Overloaded> {
        if join.replaces.is_none()
            && let Err(turned_away) = (self.guard)(topic, &join.client, &join.params)
        {
            return Ok(turned_away.tell(topic.clone(), join));
        }
        // A copy: the topic is part of the message that it came in, which need not last as long as the join.
        let mut entry = self.topics.entry(ByteString::from(&**topic)).or_default();
        let (topic, entry) = entry.pair_mut();
        let replaced = join.replaces.and_then(|old| entry.resting.take(old));
        self.wake(topic, entry, replaced).send(|room| room.try_send(join).map_err(|_| Overloaded))?;
        Ok(Box::new(Handle { rooms: Arc::clone(self), topic: topic.clone() }))
    }

    fn broadcast(&self, topic: &str, event: ByteString, payload: Payload) {
        self.tell(topic, move |_, cx| cx.broadcast(&event, payload));
    }
}

/// One join's way to its room, which may rest and wake meanwhile.
struct Handle<C: Channel> {
    rooms: Arc<TopicRegistry<C>>,
    topic: ByteString,
}

impl<C: Channel> TopicHandle for Handle<C> {
    fn input(&self, input: Input) -> Result<(), Overloaded> {
        self.rooms.send(&self.topic, input.who, |room| room.try_send(input).map_err(|_| Overloaded))
    }

    fn leave(&self, leave: Leave) -> Result<(), Overloaded> {
        self.rooms.send(&self.topic, leave.who(), |room| room.try_send(leave).map_err(|_| Overloaded))
    }

    /// Past the mailbox's bound: there is one for each member, and a member that stayed for ever would keep the room.
    fn gone(&self, who: SubscriberId) {
        self.rooms.gone(&self.topic, who);
    }
}

impl<C: Channel> fmt::Debug for TopicRegistry<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TopicRegistry").field("running", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::sync::oneshot;
    use vestibule_phoenix::{message::Term, serializer::Serializer, socket::JoinId};

    use super::*;
    use crate::{
        channel::{Client, HandleResult, Incoming, JoinReply, Transport},
        outbox::{Form, Outbox, OutboxLimits},
        topic::Backlog,
    };

    const MAILBOX: usize = 8;

    struct Quiet;

    impl Channel for Quiet {
        fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinReply {
            JoinReply::Ok(Payload::empty())
        }

        fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
            HandleResult::NoReply
        }
    }

    fn join(who: SubscriberId) -> (Join, oneshot::Receiver<bool>) {
        let (decision, decided) = oneshot::channel();
        let client = Client::new(who.connection, None, Transport::WebSocket, Arc::new(()));
        let limits = OutboxLimits { frames: 100, bytes: 10_000 };
        let outbox = Outbox::new(Serializer::V2, Form::Any, limits, Arc::default());
        let join = Join {
            who,
            client: Arc::new(client),
            outbox,
            join_ref: Term::Null,
            reference: Term::Null,
            params: Payload::empty(),
            replaces: None,
            is_replaced: Arc::default(),
            decision,
        };
        (join, decided)
    }

    fn input(who: SubscriberId) -> Input {
        let share = Backlog::new(usize::MAX).take(0).unwrap();
        let (payload, reference) = (Payload::empty(), Term::Null);
        Input { who, event: "e".into(), payload, reference, at: Instant::now(), share }
    }

    async fn until_none_runs(rooms: &TopicRegistry<Quiet>) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while rooms.count() > 0 {
            assert!(Instant::now() < deadline, "a room runs for nobody");
            tokio::task::yield_now().await;
        }
    }

    #[actix_web::test]
    async fn a_room_goes_though_something_comes_after_its_last_member() {
        let rooms = TopicRegistry::new(MAILBOX, |_| Quiet);
        let topic = ByteString::from_static("room:a");
        for leave in [false, true] {
            let who = SubscriberId { connection: 1, join: JoinId(0) };
            let (request, decided) = join(who);
            let room = rooms.join(&topic, request).unwrap();
            assert_eq!(decided.await, Ok(true));
            room.gone(who);
            if leave {
                room.leave(Leave::Asked { who, reference: Term::Null }).unwrap();
            } else {
                room.input(input(who)).unwrap();
            }
            until_none_runs(&rooms).await;
        }
    }

    #[actix_web::test]
    async fn a_full_mailbox_refuses_and_a_room_goes_when_the_last_member_has_left() {
        let rooms = TopicRegistry::new(MAILBOX, |_| Quiet);
        let topic = ByteString::from_static("room:a");
        let who = SubscriberId { connection: 1, join: JoinId(0) };
        let (request, decided) = join(who);
        let room = rooms.join(&topic, request).unwrap();
        assert_eq!(decided.await, Ok(true));

        // Nothing here waits, so the room, on the same thread, cannot take anything out meanwhile.
        let taken = (0..10 * MAILBOX).take_while(|_| room.input(input(who)).is_ok()).count();
        assert!((MAILBOX..=MAILBOX + 2).contains(&taken), "{taken} of a mailbox of {MAILBOX}");
        assert_eq!(room.leave(Leave::Asked { who, reference: Term::Null }), Err(Overloaded));

        // That a connection is gone is heard all the same.
        room.gone(who);
        until_none_runs(&rooms).await;
    }
}
