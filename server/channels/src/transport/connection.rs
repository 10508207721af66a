//! What every transport drives: a client's frames in, the channels' work out.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::{sync::oneshot, time::sleep};
use vestibule_phoenix::{
    disconnect::Disconnect,
    message::{Frame, Payload, Reply, Status, Term},
    serializer::Serializer,
    socket::{self, Action, JoinId, Socket},
};

use super::{Endpoint, Limits, frame_rate_limit::FrameRateLimit};
use crate::{
    channel::{Client, SubscriberId},
    outbox::Outbox,
    topic::{Backlog, Input, Join, Leave, Overloaded, TopicHandle},
};

/// How many messages of the largest size may wait in one connection's rooms. Smaller messages may take up as
/// many bytes together.
const BACKLOG: usize = 4;

/// One client's connection. Dropping it takes the client out of every room.
pub(super) struct Connection {
    endpoint: Arc<Endpoint>,
    serializer: Serializer,
    client: Arc<Client>,
    outbox: Outbox,
    pace: FrameRateLimit,
    backlog: Backlog,
    socket: Socket,
    rooms: HashMap<JoinId, Joined>,
}

struct Joined {
    room: Box<dyn TopicHandle>,
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
        let pace = FrameRateLimit::new(limits);
        let backlog = Backlog::new(limits.message.saturating_mul(BACKLOG));
        let socket = Socket::new(limits.channels);
        Self { endpoint, serializer, client, outbox, pace, backlog, socket, rooms: HashMap::new() }
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
        let socket::Push { id, topic, reference, event, payload } = push;
        let size = payload.size() + event.size() + reference.size();
        let sent = self.backlog.take(size).and_then(|share| {
            let reference = reference.clone();
            let (who, at) = (self.member(id), Instant::now());
            room.input(Input { who, event, payload, reference, at, share })
        });
        if sent.is_err() {
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

    /// Refuses what a room's mailbox has no place for, or what is too much beside what is under way.
    fn overloaded(&self, join_ref: Term, reference: Term, topic: Term) {
        self.outbox.traffic().overloaded();
        self.refuse(join_ref, reference, topic, Overloaded::response());
    }

    /// Also where there is no `ref`: the reply's is null then, as in Phoenix.
    fn refuse(&self, join_ref: Term, reference: Term, topic: Term, response: Payload) {
        self.outbox.send(Reply { join_ref, reference, topic, status: Status::Error, response });
    }

    fn member(&self, join: JoinId) -> SubscriberId {
        SubscriberId { connection: self.client.connection, join }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for (id, Joined { room, .. }) in &self.rooms {
            room.gone(self.member(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Poll, Waker};

    use arc_swap::ArcSwap;

    use super::*;
    use crate::{
        channel::{Channel, Context, HandleResult, Incoming, JoinReply, Transport},
        outbox::Form,
        topic::{Router, TopicRegistry},
        transport::{ConnectInfo, ConnectPolicy, Connected, Refused, SocketHandler},
    };

    const MESSAGE: usize = 1000;

    struct Anybody;

    impl SocketHandler for Anybody {
        fn connect(&self, _: &ConnectInfo<'_>) -> Result<Connected, Refused> {
            Ok(Connected { id: None, assigns: Arc::new(()) })
        }
    }

    /// Waits at `wait` until it is told to go on, and answers everything else.
    struct Busy;

    impl Channel for Busy {
        fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinReply {
            JoinReply::Ok(Payload::empty())
        }

        fn handle_in(&mut self, _: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
            if message.event == "wait" { HandleResult::Wait } else { HandleResult::ok(Payload::empty()) }
        }
    }

    /// A connection that has joined `t`, and all that comes out of it.
    struct Joiner {
        rooms: Arc<TopicRegistry<Busy>>,
        connection: Connection,
        outbox: Outbox,
    }

    impl Joiner {
        async fn new() -> Self {
            let rooms = TopicRegistry::new(1000, |_| Busy);
            let limits = Limits { message: MESSAGE, ..Limits::default() };
            let endpoint = Endpoint {
                rules: Arc::new(ArcSwap::from_pointee(ConnectPolicy { limits, ..ConnectPolicy::default() })),
                ..Endpoint::new(Router::default().route("t", Arc::clone(&rooms)), Anybody)
            };
            let outbox = Outbox::new(Serializer::V2, Form::Any, limits.outbox, Arc::default());
            let client = Arc::new(Client::new(1, None, Transport::WebSocket, Arc::new(())));
            let endpoint = Arc::new(endpoint);
            let connection = Connection::new(endpoint, Serializer::V2, client, outbox.clone(), &limits);
            let mut joiner = Self { rooms, connection, outbox };
            joiner.send("0", "phx_join", 0).await;
            assert_eq!(joiner.answers().await, ["0 ok"]);
            joiner
        }

        async fn send(&mut self, reference: &str, event: &str, size: usize) {
            let text = format!(r#"["0","{reference}","t","{event}","{}"]"#, "x".repeat(size));
            assert!(self.connection.receive(Frame::Text(text.into())).await.is_ok());
        }

        /// The answers so far, each as its ref and what it says, once the room has handled all that was sent.
        async fn answers(&mut self) -> Vec<String> {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let mut answers = Vec::new();
            while let Poll::Ready(Some(frame)) =
                self.outbox.poll_next(&mut std::task::Context::from_waker(Waker::noop()))
            {
                let text: serde_json::Value = serde_json::from_slice(frame.text().unwrap()).unwrap();
                let (payload, reference) = (&text[4], text[1].as_str().unwrap());
                let reason = payload["response"]["reason"].as_str().or(payload["status"].as_str());
                answers.push(format!("{reference} {}", reason.unwrap()));
            }
            answers
        }

        /// Lets the member go on.
        fn proceed(&self) {
            let who = self.connection.member(JoinId(0));
            let is_told =
                self.rooms.tell("t", move |_, cx| cx.proceed(who, HandleResult::ok(Payload::empty())));
            assert!(is_told);
        }
    }

    /// A payload is written with its quotes, beside an event and a ref of a byte each.
    const AROUND: usize = 4;

    #[actix_web::test]
    async fn what_waits_for_a_busy_member_is_so_many_bytes() {
        let mut joiner = Joiner::new().await;
        for _ in 0..2 {
            joiner.send("w", "wait", 0).await;
            assert_eq!(joiner.answers().await, [""; 0]);
            for reference in ["1", "2", "3", "4"] {
                joiner.send(reference, "e", MESSAGE - AROUND).await;
            }
            joiner.send("5", "e", 0).await;
            assert_eq!(joiner.answers().await, ["5 overloaded"], "four messages of the largest size wait");
            joiner.proceed();
            assert_eq!(joiner.answers().await, ["w ok", "1 ok", "2 ok", "3 ok", "4 ok"]);
        }
    }

    /// Nothing here waits, so the room, on the same thread, cannot take anything out of its mailbox.
    #[actix_web::test]
    async fn what_is_in_a_mailbox_is_so_many_bytes() {
        let mut joiner = Joiner::new().await;
        for reference in ["1", "2", "3", "4", "5"] {
            joiner.send(reference, "e", MESSAGE - AROUND).await;
        }
        assert_eq!(joiner.answers().await, ["5 overloaded", "1 ok", "2 ok", "3 ok", "4 ok"]);
        joiner.send("6", "e", MESSAGE).await;
        assert_eq!(joiner.answers().await, ["6 ok"], "it was given back");
    }

    #[actix_web::test]
    async fn what_waits_is_given_back_when_its_member_leaves() {
        let mut joiner = Joiner::new().await;
        joiner.send("w", "wait", 0).await;
        assert_eq!(joiner.answers().await, [""; 0]);
        for reference in ["1", "2", "3", "4"] {
            joiner.send(reference, "e", MESSAGE - AROUND).await;
        }
        let who = joiner.connection.member(JoinId(0));
        joiner.rooms.tell("t", move |_, cx| cx.stop(who, crate::channel::Stop::Normal));
        tokio::task::yield_now().await;
        joiner.outbox.take_ended();
        assert!(joiner.connection.backlog.take(BACKLOG * MESSAGE).is_ok());
    }
}
