//! What every transport drives: a client's frames in, the channels' work out.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::oneshot, time::sleep};
use vestibule_protocol::{
    disconnect::Disconnect,
    message::{Frame, Payload, Reply, Status, Term},
    serializer::Serializer,
    socket::{self, Action, JoinId, Socket},
};

use super::{Endpoint, Limits, pace::Pace};
use crate::{
    channel::{Client, MemberId},
    outbox::Outbox,
    room::{Input, Join, Leave, Overloaded, RoomHandle},
};

/// One client's connection. Dropping it takes the client out of every room.
pub(super) struct Connection {
    endpoint: Arc<Endpoint>,
    serializer: Serializer,
    client: Arc<Client>,
    outbox: Outbox,
    pace: Pace,
    socket: Socket,
    rooms: HashMap<JoinId, Joined>,
}

struct Joined {
    room: Box<dyn RoomHandle>,
    is_replaced: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        serializer: Serializer,
        client: Arc<Client>,
        outbox: Outbox,
        limits: &Limits,
    ) -> Self {
        let pace = Pace::new(limits);
        let socket = Socket::new(limits.channels);
        Self { endpoint, serializer, client, outbox, pace, socket, rooms: HashMap::new() }
    }

    /// Handles one frame. Waits for a join, behind which a Phoenix socket waits too; and after a frame that came too fast,
    /// until the next one may come. Whoever drives this hands in no other frame meanwhile, and leaves it when the connection
    /// is to end.
    pub(super) async fn receive(&mut self, frame: Frame) -> Result<(), Disconnect> {
        self.outbox.traffic().received(match &frame {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        });
        let message = self.serializer.decode(frame).map_err(|error| {
            tracing::debug!(%error, "undecodable message");
            Disconnect::Undecodable
        })?;
        if let Err((limit, limited)) = self.pace.admit(&message).await {
            self.outbox.traffic().limited(limit);
            self.refuse(message.join_ref, message.reference, message.topic, limited.payload());
            sleep(limited.wait).await;
            return Ok(());
        }
        for (topic, id) in self.outbox.take_ended() {
            self.socket.ended(&topic, id);
            self.rooms.remove(&id);
        }
        let router = &self.endpoint.router;
        match self.socket.receive(message, |topic| router.find(topic).is_some()) {
            Action::Reply(reply) => self.outbox.send(reply),
            Action::Join(join) => self.join(join).await,
            Action::Push(push) => self.push(push),
            Action::Leave(push) => self.leave(push),
            Action::Ignore => {}
        }
        Ok(())
    }

    /// Waits until one more frame may come that is no message: a ping or a pong.
    pub(super) async fn pace(&self) {
        self.pace.wait().await;
    }

    async fn join(&mut self, join: socket::Join) {
        let socket::Join { id, topic, join_ref, reference, payload, replaces } = join;
        let replaced = replaces.and_then(|old| Some((self.member(old), self.rooms.remove(&old)?)));
        if let Some((_, old)) = &replaced {
            old.is_replaced.store(true, Ordering::Release);
        }
        let (decision, decided) = oneshot::channel();
        let is_replaced = Arc::new(AtomicBool::new(false));
        let request = Join {
            who: self.member(id),
            client: Arc::clone(&self.client),
            outbox: self.outbox.clone(),
            join_ref: join_ref.clone(),
            reference: reference.clone(),
            params: payload,
            replaces: replaces.map(|old| self.member(old)),
            is_replaced: Arc::clone(&is_replaced),
            decision,
        };
        let sent =
            self.endpoint.router.find(&topic).ok_or(Overloaded).and_then(|rooms| rooms.join(&topic, request));
        if let Ok(room) = sent {
            // Kept before the wait: if the client goes away meanwhile, the room is told.
            self.rooms.insert(id, Joined { room, is_replaced });
            if decided.await == Ok(true) {
                self.socket.joined(topic, id, join_ref);
            } else {
                self.rooms.remove(&id);
            }
        } else {
            if let Some((old, joined)) = replaced {
                joined.room.gone(old);
            }
            self.overloaded(join_ref, reference, Term::Text(topic));
        }
    }

    fn push(&self, push: socket::Push) {
        let Some(Joined { room, .. }) = self.rooms.get(&push.id) else { return };
        let (topic, reference) = (push.topic, push.reference.clone());
        let who = self.member(push.id);
        let input = Input { who, event: push.event, payload: push.payload, reference: push.reference };
        if room.input(input).is_err() {
            self.overloaded(Term::Null, reference, topic);
        }
    }

    fn leave(&self, push: socket::Push) {
        let Some(Joined { room, .. }) = self.rooms.get(&push.id) else { return };
        let leave = Leave::Asked { who: self.member(push.id), reference: push.reference.clone() };
        if room.leave(leave).is_err() {
            self.overloaded(Term::Null, push.reference, push.topic);
        }
    }

    /// Refuses what a room's mailbox has no place for.
    fn overloaded(&self, join_ref: Term, reference: Term, topic: Term) {
        self.outbox.traffic().overloaded();
        self.refuse(join_ref, reference, topic, Overloaded::response());
    }

    /// Also where there is no `ref`: the reply's is null then, as in Phoenix.
    fn refuse(&self, join_ref: Term, reference: Term, topic: Term, response: Payload) {
        self.outbox.send(Reply { join_ref, reference, topic, status: Status::Error, response });
    }

    fn member(&self, join: JoinId) -> MemberId {
        MemberId { connection: self.client.connection, join }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for (id, Joined { room, .. }) in &self.rooms {
            room.gone(self.member(*id));
        }
    }
}
