//! What every transport drives: a client's frames in, the channels' work out.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;
use vestibule_protocol::{
    disconnect::Disconnect,
    message::{Frame, Reply, Status, Term},
    serializer::Serializer,
    socket::{self, Action, JoinId, Socket},
};

use super::Endpoint;
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
    ) -> Self {
        let socket = Socket::new(endpoint.limits.channels);
        Self { endpoint, serializer, client, outbox, socket, rooms: HashMap::new() }
    }

    /// Handles one frame. Waits for nothing but a join, behind which a Phoenix socket waits too.
    pub(super) async fn receive(&mut self, frame: Frame) -> Result<(), Disconnect> {
        for (topic, id) in self.outbox.take_ended() {
            self.socket.ended(&topic, id);
            self.rooms.remove(&id);
        }
        let message = self.serializer.decode(frame).map_err(|error| {
            tracing::debug!(connection = self.client.connection, %error, "undecodable message");
            Disconnect::Undecodable
        })?;
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
            self.refuse_overloaded(join_ref, reference, Term::Text(topic));
        }
    }

    fn push(&self, push: socket::Push) {
        let Some(Joined { room, .. }) = self.rooms.get(&push.id) else { return };
        let (topic, reference) = (push.topic, push.reference.clone());
        let who = self.member(push.id);
        let input = Input { who, event: push.event, payload: push.payload, reference: push.reference };
        if room.input(input).is_err() {
            self.refuse_overloaded(Term::Null, reference, topic);
        }
    }

    fn leave(&self, push: socket::Push) {
        let Some(Joined { room, .. }) = self.rooms.get(&push.id) else { return };
        let leave = Leave::Asked { who: self.member(push.id), reference: push.reference.clone() };
        if room.leave(leave).is_err() {
            self.refuse_overloaded(Term::Null, push.reference, push.topic);
        }
    }

    fn refuse_overloaded(&self, join_ref: Term, reference: Term, topic: Term) {
        let response = Overloaded::response();
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
