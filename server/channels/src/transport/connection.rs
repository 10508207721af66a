//! What every transport drives: a client's frames in, replies and pushes out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use bytestring::ByteString;
use tokio::{sync::oneshot, time::sleep};
use vestibule_phoenix::{
    disconnect::Disconnect,
    lent::MessageRef,
    message::{FrameRef, Message, Payload, Reply, Status, Term},
    serializer::Serializer,
    small_map::OwnMap,
    socket::{self, Action, JoinId, Socket},
};

use super::{
    Endpoint, Limits,
    frame_rate_limit::{Admission, FrameRateLimit},
};
use crate::{
    channel::{Client, Incoming, SubscriberId},
    outbox::Outbox,
    topic::{ByteBudget, Input, Join, Leave, Overloaded, TopicHandle},
};

/// How many messages of the largest size may wait in one connection's topics. Smaller messages may
/// take up as many bytes together.
const LARGEST_WAITING: usize = 4;

/// One client's connection. Dropping it takes the client out of every topic.
pub(crate) struct Connection<S: 'static> {
    endpoint: Arc<Endpoint<S>>,
    serializer: Serializer,
    client: Arc<Client<S>>,
    outbox: Outbox,
    rate_limit: FrameRateLimit,
    budget: ByteBudget,
    socket: Socket,
    joins: OwnMap<JoinId, Joined>,
}

/// A topic that the connection has joined, or is joining.
struct Joined {
    handle: Box<dyn TopicHandle>,
    is_replaced: Arc<AtomicBool>,
}

/// What a connection waits for before its next frame.
pub(crate) enum Pause {
    /// For this time.
    For(Duration),
    /// Until the rate allows this message.
    Before(Box<Message>),
    /// Until the rate allows the answer to a ping.
    BeforePong(Bytes),
    /// Until the rate allows one more frame.
    UntilRoom,
    /// Until a join is decided.
    Joining(Joining),
}

/// A join that the topic decides.
pub(crate) struct Joining {
    id: JoinId,
    topic: ByteString,
    join_ref: Term,
    decided: oneshot::Receiver<bool>,
}

impl<S: Send + Sync + 'static> Connection<S> {
    pub(crate) fn new(
        endpoint: Arc<Endpoint<S>>,
        serializer: Serializer,
        client: Arc<Client<S>>,
        outbox: Outbox,
        limits: &Limits,
    ) -> Self {
        let rate_limit = FrameRateLimit::new(limits);
        let budget = ByteBudget::new(limits.message.saturating_mul(LARGEST_WAITING));
        let socket = Socket::new(limits.channels);
        Self { endpoint, serializer, client, outbox, rate_limit, budget, socket, joins: OwnMap::new() }
    }

    /// Handles one frame, which was read at this time. If it returns a pause, the caller hands in
    /// no other frame before [`Connection::wait`] is done.
    ///
    /// Most frames need no wait, so that a connection has memory for one only while it lasts.
    pub(crate) fn receive(&mut self, frame: FrameRef<'_>, at: Instant) -> Result<Option<Pause>, Disconnect> {
        self.outbox.traffic().received(frame.size());
        let message = self.serializer.decode(frame).map_err(|error| {
            tracing::debug!(%error, "undecodable message");
            Disconnect::Undecodable
        })?;
        let lent = message.lent();
        Ok(match self.rate_limit.admit(&lent, at) {
            Admission::Yes => self.handle(&lent, at),
            Admission::Later => Some(Pause::Before(Box::new(message.into_message()))),
            Admission::Refused(limit, limited) => {
                self.outbox.traffic().limited(limit);
                self.refuse(lent.join_ref.to_term(), &lent, limited.payload());
                Some(Pause::For(limited.wait))
            }
        })
    }

    /// Answers a ping. Like other frames, it counts.
    pub(super) fn ping(&mut self, payload: &[u8], at: Instant) -> Option<Pause> {
        if !self.rate_limit.has_room(at) {
            return Some(Pause::BeforePong(Bytes::copy_from_slice(payload)));
        }
        self.outbox.pong(payload);
        None
    }

    /// Counts a pong.
    pub(super) fn pong(&mut self, at: Instant) -> Option<Pause> {
        (!self.rate_limit.has_room(at)).then_some(Pause::UntilRoom)
    }

    /// Waits: until a join is decided, as a Phoenix socket does, or until the next frame may come.
    /// The caller drops this future when the connection must end.
    pub(crate) async fn wait(&mut self, pause: Pause) {
        let mut next = Some(pause);
        while let Some(pause) = next.take() {
            match pause {
                Pause::For(time) => sleep(time).await,
                Pause::UntilRoom => self.rate_limit.wait().await,
                Pause::BeforePong(payload) => {
                    self.rate_limit.wait().await;
                    self.outbox.pong(&payload);
                }
                Pause::Before(message) => {
                    self.rate_limit.wait().await;
                    next = self.handle(&MessageRef::from(&*message), Instant::now());
                }
                Pause::Joining(Joining { id, topic, join_ref, decided }) => {
                    if decided.await == Ok(true) {
                        self.socket.joined(topic, id, join_ref);
                    } else {
                        self.joins.remove(&id);
                    }
                }
            }
        }
    }

    fn handle(&mut self, message: &MessageRef<'_>, at: Instant) -> Option<Pause> {
        for (topic, id) in self.outbox.take_ended() {
            self.socket.ended(&topic, id);
            self.joins.remove(&id);
        }
        let router = &self.endpoint.router;
        match self.socket.receive(message, |topic| router.find(topic).is_some()) {
            Action::Reply(reply) => self.outbox.send(reply),
            Action::Join(join) => return self.join(join, message).map(Pause::Joining),
            Action::Push(id) => self.push(id, message, at),
            Action::Leave(id) => self.leave(id, message),
            Action::Ignore => {}
        }
        None
    }

    fn join(&mut self, join: socket::Join, message: &MessageRef<'_>) -> Option<Joining> {
        let socket::Join { id, topic, join_ref, reference, payload, replaces } = join;
        let replaced = replaces.and_then(|old| Some((self.subscriber(old), self.joins.remove(&old)?)));
        if let Some((_, old)) = &replaced {
            old.is_replaced.store(true, Ordering::Release);
        }
        let (decision, decided) = oneshot::channel();
        let is_replaced = Arc::new(AtomicBool::new(false));
        let request = Join {
            who: self.subscriber(id),
            client: Arc::clone(&self.client),
            outbox: self.outbox.clone(),
            join_ref: join_ref.clone(),
            reference,
            params: payload,
            replaces: replaces.map(|old| self.subscriber(old)),
            is_replaced: Arc::clone(&is_replaced),
            decision,
        };
        let route = self.endpoint.router.find(&topic);
        if let Ok(handle) = route.ok_or(Overloaded).and_then(|topics| topics.join(&topic, request).0) {
            // Kept before the wait: if the client goes away meanwhile, the topic is told.
            self.joins.insert(id, Joined { handle, is_replaced });
            Some(Joining { id, topic, join_ref, decided })
        } else {
            if let Some((old, joined)) = replaced {
                joined.handle.gone(old);
            }
            self.overloaded(join_ref, message);
            None
        }
    }

    fn push(&self, id: JoinId, message: &MessageRef<'_>, at: Instant) {
        let Some(Joined { handle, .. }) = self.joins.get(&id) else { return };
        let from = self.subscriber(id);
        let size = message.payload.size() + message.event.size() + message.reference.size();
        let sent = self.budget.reserve(size).and_then(|reserved| match message.to_input() {
            Some((event, reference, payload)) => {
                let incoming = Incoming { from, event, payload, reference, at };
                handle.input(Input(incoming, reserved))
            }
            None => handle.leave(Leave::BadEvent { who: from }),
        });
        if sent.is_err() {
            self.overloaded(Term::Null, message);
        }
    }

    fn leave(&self, id: JoinId, message: &MessageRef<'_>) {
        let Some(Joined { handle, .. }) = self.joins.get(&id) else { return };
        let leave = Leave::Asked { who: self.subscriber(id), reference: message.reference.to_term() };
        if handle.leave(leave).is_err() {
            self.overloaded(Term::Null, message);
        }
    }

    /// Refuses a message for which the topic's mailbox or the connection's byte budget has no room.
    fn overloaded(&self, join_ref: Term, message: &MessageRef<'_>) {
        self.outbox.traffic().overloaded();
        self.refuse(join_ref, message, Overloaded::response());
    }

    /// Sends an error reply, even where there is no `ref`: it is null then, as in Phoenix.
    fn refuse(&self, join_ref: Term, message: &MessageRef<'_>, response: Payload) {
        let (reference, topic) = (message.reference.to_term(), message.topic.to_term());
        self.outbox.send(Reply { join_ref, reference, topic, status: Status::Error, response });
    }
}

impl<S> Connection<S> {
    fn subscriber(&self, join: JoinId) -> SubscriberId {
        SubscriberId { connection: self.client.connection, join }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        for (id, Joined { handle, .. }) in self.joins.iter() {
            handle.gone(self.subscriber(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Poll, Waker};

    use super::*;
    use crate::{
        channel::{Channel, Context, HandleResult, Handled, JoinReply, JoinResult, Transport},
        outbox::Form,
        topic::TopicRegistry,
        transport::AcceptAll,
    };

    const MESSAGE: usize = 1000;

    /// Every connection and every join keeps one of each, for hours.
    #[test]
    fn what_a_connection_keeps_is_small() {
        assert_eq!(size_of::<Connection<()>>(), 176);
        assert_eq!(size_of::<Client<()>>(), 72);
        assert_eq!(size_of::<(JoinId, Joined)>(), 32);
        assert_eq!(size_of::<crate::channel::Subscriber<Busy>>(), 136);
    }

    /// A topic actor is a part of its task, and a topic may have one subscriber.
    #[test]
    fn a_topic_actor_is_small() {
        assert_eq!(size_of::<crate::topic::TopicActor<Busy>>(), 240);
    }

    /// They are moved several times on their way.
    #[test]
    fn messages_are_small() {
        assert_eq!((size_of::<Payload>(), size_of::<Message>(), size_of::<Incoming>()), (40, 200, 144));
    }

    /// Waits at `wait` until it is told to go on, and answers everything else.
    struct Busy;

    impl Channel for Busy {
        type ConnectAssigns = ();
        type Assigns = ();

        fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
            Ok(JoinReply::empty(()))
        }

        fn handle_in(&mut self, _: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
            Ok(if message.event == "wait" { Handled::Wait } else { Handled::empty() })
        }
    }

    /// A connection that has joined `t`, and all that comes out of it.
    struct Joiner {
        topics: Arc<TopicRegistry<Busy>>,
        connection: Connection<()>,
        outbox: Outbox,
    }

    impl Joiner {
        async fn new() -> Self {
            let topics = TopicRegistry::new(|_| Busy);
            let limits = Limits { message: MESSAGE, ..Limits::default() };
            let endpoint =
                Endpoint::builder(AcceptAll).route("t", Arc::clone(&topics)).limits(limits).build();
            let outbox = Outbox::new(Serializer::V2, Form::Any, limits.outbox, Arc::default());
            let client = Arc::new(Client::new(1, None, Transport::WebSocket, ()));
            let connection = Connection::new(endpoint, Serializer::V2, client, outbox.clone(), &limits);
            let mut joiner = Self { topics, connection, outbox };
            joiner.send("0", "phx_join", 0).await;
            assert_eq!(joiner.answers().await, ["0 ok"]);
            joiner
        }

        async fn send(&mut self, reference: &str, event: &str, size: usize) {
            let text = format!(r#"["0","{reference}","t","{event}","{}"]"#, "x".repeat(size));
            if let Some(pause) = self.connection.receive(FrameRef::Text(&text), Instant::now()).unwrap() {
                self.connection.wait(pause).await;
            }
        }

        /// The answers so far, each as its ref and what it says, once the topic has handled all
        /// that was sent.
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

        /// Lets the subscriber go on.
        fn proceed(&self) {
            let who = self.connection.subscriber(JoinId(0));
            let is_told = self.topics.call("t", move |_, cx| cx.proceed(who, Handled::empty()));
            assert!(is_told);
        }
    }

    /// A payload is written with its quotes, beside an event and a ref of a byte each.
    const AROUND: usize = 4;

    #[actix_web::test]
    async fn bytes_that_wait_for_a_busy_subscriber_are_bounded() {
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

    /// Nothing here waits, so the actor, on the same thread, cannot take anything out of its
    /// mailbox.
    #[actix_web::test]
    async fn bytes_in_a_mailbox_are_bounded() {
        let mut joiner = Joiner::new().await;
        for reference in ["1", "2", "3", "4", "5"] {
            joiner.send(reference, "e", MESSAGE - AROUND).await;
        }
        assert_eq!(joiner.answers().await, ["5 overloaded", "1 ok", "2 ok", "3 ok", "4 ok"]);
        joiner.send("6", "e", MESSAGE).await;
        assert_eq!(joiner.answers().await, ["6 ok"], "the budget was released");
    }

    #[actix_web::test]
    async fn a_leave_releases_the_bytes_that_wait() {
        let mut joiner = Joiner::new().await;
        joiner.send("w", "wait", 0).await;
        assert_eq!(joiner.answers().await, [""; 0]);
        for reference in ["1", "2", "3", "4"] {
            joiner.send(reference, "e", MESSAGE - AROUND).await;
        }
        let who = joiner.connection.subscriber(JoinId(0));
        joiner.topics.call("t", move |_, cx| cx.stop(who, crate::channel::Stop::Normal));
        tokio::task::yield_now().await;
        joiner.outbox.take_ended();
        assert!(joiner.connection.budget.reserve(LARGEST_WAITING * MESSAGE).is_ok());
    }
}
