//! All rooms of one kind of channel: starts them, finds them, lets them go.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix::{Actor as _, Addr};
use bytestring::ByteString;
use dashmap::{DashMap, Entry};
use serde_json::json;
use vestibule_protocol::message::Payload;

use super::{Input, Join, Leave, Mount, Room};
use crate::channel::{Channel, Context, Continue, MemberId};

/// The running rooms whose topics have channels `C`.
///
/// # Concurrency
/// One lock a shard of topics, held while a room is started or a message put into a mailbox, never across an await.
pub struct Rooms<C: Channel> {
    running: DashMap<ByteString, Running<C>>,
    make: Box<dyn Fn(&ByteString) -> C + Send + Sync>,
    mailbox: usize,
    lives: AtomicU64,
}

struct Running<C: Channel> {
    address: Addr<Room<C>>,
    life: u64,
    /// Joins and calls from outside in the mailbox: a room with any does not retire.
    under_way: usize,
}

/// A queue is full: the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl Overloaded {
    /// What the client is answered.
    pub fn response() -> Payload {
        Payload::of(&json!({ "reason": "overloaded", "retry_ms": 1000 }))
    }
}

/// One running room, whatever its channel is.
pub trait RoomHandle {
    /// Hands over a message.
    fn input(&self, input: Input) -> Result<(), Overloaded>;

    /// Hands over a client's leave.
    fn leave(&self, leave: Leave) -> Result<(), Overloaded>;

    /// Tells that a connection is gone.
    fn gone(&self, who: MemberId);
}

impl<C: Channel> Rooms<C> {
    /// No rooms yet. `make` makes a topic's channel and must not look for rooms; a mailbox holds `mailbox` messages.
    pub fn new(mailbox: usize, make: impl Fn(&ByteString) -> C + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { running: DashMap::new(), make: Box::new(make), mailbox, lives: AtomicU64::new(1) })
    }

    /// Calls into a topic's channel, if its room runs. Says whether it does; then the call is made before the room goes.
    ///
    /// Past the mailbox's bound: what calls from outside (a committed frame, an operator) is bounded by itself and must not
    /// be lost.
    pub fn tell(&self, topic: &str, call: impl FnOnce(&mut C, &mut Context<'_, C>) + Send + 'static) -> bool {
        let Some(mut room) = self.running.get_mut(topic) else { return false };
        room.under_way += 1;
        room.address.do_send(Continue::from_outside(call));
        true
    }

    /// How many rooms run.
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// What this counted when it was sent has arrived.
    pub(super) fn arrived(&self, topic: &str) {
        if let Some(mut room) = self.running.get_mut(topic) {
            room.under_way -= 1;
        }
    }

    /// Takes an idle room off the list, unless something is on its way to it.
    pub(super) fn retire(&self, topic: &str, life: u64) -> bool {
        self.running.remove_if(topic, |_, room| room.life == life && room.under_way == 0).is_some()
    }

    fn start(self: &Arc<Self>, topic: &ByteString) -> Running<C> {
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        let channel = (self.make)(topic);
        let address = Room::create(|ctx| {
            ctx.set_mailbox_capacity(self.mailbox);
            Room::new(topic.clone(), life, channel, Arc::clone(self), ctx)
        });
        Running { address, life, under_way: 0 }
    }
}

impl<C: Channel> Mount for Arc<Rooms<C>> {
    fn join(&self, topic: &ByteString, join: Join) -> Result<Box<dyn RoomHandle>, Overloaded> {
        let mut room = match self.running.entry(topic.clone()) {
            Entry::Occupied(room) => room.into_ref(),
            Entry::Vacant(vacant) => vacant.insert(self.start(topic)),
        };
        room.address.try_send(join).map_err(|_| Overloaded)?;
        room.under_way += 1;
        Ok(Box::new(room.address.clone()))
    }

    fn broadcast(&self, topic: &str, event: ByteString, payload: Payload) {
        self.tell(topic, move |_, cx| cx.broadcast(&event, payload));
    }
}

impl<C: Channel> RoomHandle for Addr<Room<C>> {
    fn input(&self, input: Input) -> Result<(), Overloaded> {
        self.try_send(input).map_err(|_| Overloaded)
    }

    fn leave(&self, leave: Leave) -> Result<(), Overloaded> {
        self.try_send(leave).map_err(|_| Overloaded)
    }

    /// Past the mailbox's bound: there is one for each member, and a member that stayed for ever would keep the room.
    fn gone(&self, who: MemberId) {
        self.do_send(Leave::Gone { who });
    }
}

impl<C: Channel> fmt::Debug for Rooms<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rooms").field("running", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        channel::{Client, Incoming, Joining, Next, Transport},
        outbox::{Form, Outbox, OutboxLimits},
        room::Backlog,
    };
    use tokio::sync::oneshot;
    use vestibule_protocol::{message::Term, serializer::Serializer, socket::JoinId};

    const MAILBOX: usize = 8;

    struct Quiet;

    impl Channel for Quiet {
        fn join(&mut self, _: &mut Context<'_, Self>, _: MemberId, _: &Payload) -> Joining {
            Joining::Ok(Payload::empty())
        }

        fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> Next {
            Next::NoReply
        }
    }

    fn join(who: MemberId) -> (Join, oneshot::Receiver<bool>) {
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

    #[actix_web::test]
    async fn a_full_mailbox_refuses_and_a_room_goes_when_the_last_member_has_left() {
        let rooms = Rooms::new(MAILBOX, |_| Quiet);
        let topic = ByteString::from_static("room:a");
        let who = MemberId { connection: 1, join: JoinId(0) };
        let (request, decided) = join(who);
        let room = rooms.join(&topic, request).unwrap();
        assert_eq!(decided.await, Ok(true));

        // Nothing here waits, so the room, on the same thread, cannot take anything out meanwhile.
        let backlog = Backlog::new(usize::MAX);
        let input = || {
            let share = backlog.take(0).unwrap();
            Input { who, event: "e".into(), payload: Payload::empty(), reference: Term::Null, share }
        };
        let taken = (0..10 * MAILBOX).take_while(|_| room.input(input()).is_ok()).count();
        assert!((MAILBOX..=MAILBOX + 2).contains(&taken), "{taken} of a mailbox of {MAILBOX}");
        assert_eq!(room.leave(Leave::Asked { who, reference: Term::Null }), Err(Overloaded));

        // That a connection is gone is heard all the same.
        room.gone(who);
        while rooms.count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
