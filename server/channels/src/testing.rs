//! Tests of channels without a socket, in the manner of `Phoenix.ChannelTest`.
//!
//! [`connect`] asks the endpoint's [`SocketHandler`](crate::SocketHandler), as a client's request
//! does. [`TestSocket::subscribe_and_join`] joins a topic, [`TestChannel::push`] sends, and the
//! macros [`assert_reply!`](crate::assert_reply), [`assert_push!`](crate::assert_push) and
//! [`assert_broadcast!`](crate::assert_broadcast) wait for what comes back. Everything but the
//! transport is the real thing: the connection's state machine, its limits, the topic's actor and
//! the serializer.
//!
//! ```
//! use serde_json::json;
//! use vestibule_channels::{
//!     AcceptAll, Channel, Context, Endpoint, HandleResult, Handled, Incoming, JoinReply,
//!     JoinResult, Payload,
//!     SubscriberId, TopicRegistry, assert_broadcast, assert_reply, testing,
//! };
//!
//! struct Lobby;
//!
//! impl Channel for Lobby {
//!     type ConnectAssigns = ();
//!     type Assigns = ();
//!
//!     fn join(
//!         &mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload,
//!     ) -> JoinResult<()> {
//!         Ok(JoinReply::empty(()))
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
//!         cx.broadcast_from(message.from, "said", message.payload);
//!         Ok(Handled::empty())
//!     }
//! }
//!
//! #[actix_web::main] // in a test: #[actix_web::test]
//! async fn main() {
//!     let lobby = TopicRegistry::new(|_| Lobby);
//!     let endpoint = Endpoint::builder(AcceptAll).route("lobby", lobby).build();
//!     let alice = testing::connect(&endpoint, json!({})).unwrap();
//!     let (_, alice) = alice.subscribe_and_join("lobby", json!({})).await.unwrap();
//!     let bob = testing::connect(&endpoint, json!({})).unwrap();
//!     let (_, bob) = bob.subscribe_and_join("lobby", json!({})).await.unwrap();
//!
//!     let reference = alice.push("say", json!({ "text": "hello" })).await;
//!     assert_reply!(reference, ok);
//!     assert_broadcast!(bob, "said", json!({ "text": "hello" }));
//! }
//! ```

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::{sync::Mutex, time::timeout};
use vestibule_phoenix::{
    message::{FrameRef, Json, Payload},
    serializer::Serializer,
};

use crate::{
    channel::{Client, Transport},
    outbox::{Form, Outbox, Wire},
    transport::{
        ConnectInfo, Endpoint, Refused,
        connection::Connection,
        connections::{Registration, next_id},
    },
};

/// How long [`assert_reply!`](crate::assert_reply) and its like wait: far longer than an answer
/// takes, so that a busy machine fails no test.
const WAIT: Duration = Duration::from_secs(5);

/// How long [`refute_push!`](crate::refute_push) and its like wait. Phoenix waits as long.
const REFUTE_WAIT: Duration = Duration::from_millis(100);

/// A connected client. Clones are the same client.
pub struct TestSocket<S: 'static>(Rc<Inner<S>>);

struct Inner<S: 'static> {
    connection: Mutex<Connection<S>>,
    outbox: Outbox,
    /// Messages that were read and not asked for yet.
    unclaimed: RefCell<VecDeque<Received>>,
    last_ref: Cell<u64>,
    _registration: Registration,
}

/// A topic that a client has joined. Clones are the same join.
pub struct TestChannel<S: 'static> {
    socket: TestSocket<S>,
    topic: String,
    join_ref: String,
}

/// A message that a client has sent, to wait for its reply.
pub struct PushRef<S: 'static> {
    socket: TestSocket<S>,
    reference: String,
}

/// A message that a client has received.
#[derive(Clone, Debug, PartialEq)]
struct Received {
    join_ref: Option<String>,
    reference: Option<String>,
    topic: String,
    event: String,
    /// The status, of a reply.
    status: Option<String>,
    payload: Payload,
}

/// Connects a client with these parameters: an object. Phoenix's `connect/3`. Only
/// [`SocketHandler::connect`](crate::SocketHandler::connect) is asked.
///
/// # Panics
/// If `params` is not an object, and outside an actix runtime, as `#[actix_web::test]` provides it.
pub fn connect<S: Send + Sync + 'static>(
    endpoint: &Arc<Endpoint<S>>,
    params: Value,
) -> Result<TestSocket<S>, Refused> {
    let Value::Object(params) = params else { panic!("parameters are an object") };
    connect_with(endpoint, &info(&params))
}

fn info(params: &Map<String, Value>) -> ConnectInfo<'_> {
    ConnectInfo { params, auth_token: None, host: "localhost", address: None }
}

/// Connects a client of which the handler is told all this: also a token, a host and an address.
pub fn connect_with<S: Send + Sync + 'static>(
    endpoint: &Arc<Endpoint<S>>,
    info: &ConnectInfo<'_>,
) -> Result<TestSocket<S>, Refused> {
    let connected = endpoint.handler.connect(info)?;
    let limits = endpoint.connect_policy().load().limits;
    let traffic = Arc::clone(endpoint.traffic());
    let outbox = Outbox::new(Serializer::V2, Form::Any, limits.outbox, traffic);
    let client = Client::new(next_id(), connected.id, Transport::WebSocket, connected.assigns);
    let client = Arc::new(client);
    let registration = endpoint.connections().register(&client, &outbox);
    let endpoint = Arc::clone(endpoint);
    let connection = Connection::new(endpoint, Serializer::V2, client, outbox.clone(), &limits);
    Ok(TestSocket(Rc::new(Inner {
        connection: Mutex::new(connection),
        outbox,
        unclaimed: RefCell::default(),
        last_ref: Cell::new(0),
        _registration: registration,
    })))
}

impl<S: Send + Sync + 'static> TestSocket<S> {
    /// Joins a topic, and returns the reply and the joined channel, or the response of the error
    /// reply. Phoenix's `subscribe_and_join/4`.
    pub async fn subscribe_and_join(
        &self,
        topic: &str,
        params: Value,
    ) -> Result<(Payload, TestChannel<S>), Payload> {
        let join_ref = self.next_ref();
        self.send(&join_ref, &join_ref, topic, "phx_join", &params).await;
        let (status, response) = self.reply_to(&join_ref).await;
        if status != "ok" {
            return Err(response);
        }
        Ok((response, TestChannel { socket: self.clone(), topic: topic.to_owned(), join_ref }))
    }

    /// Waits until the server has ended the connection. Returns false if it has not after five
    /// seconds.
    pub async fn is_closed(&self) -> bool {
        if !self.0.outbox.is_closing() {
            return timeout(WAIT, self.0.outbox.closing()).await.is_ok();
        }
        true
    }

    fn next_ref(&self) -> String {
        self.0.last_ref.set(self.0.last_ref.get() + 1);
        self.0.last_ref.get().to_string()
    }

    async fn send(&self, join_ref: &str, reference: &str, topic: &str, event: &str, payload: &Value) {
        let text = json!([join_ref, reference, topic, event, payload]).to_string();
        let mut connection = self.0.connection.lock().await;
        match connection.receive(FrameRef::Text(&text), Instant::now()) {
            Ok(None) => {}
            Ok(Some(pause)) => connection.wait(pause).await,
            Err(why) => panic!("the connection ends over {event:?}: {why}"),
        }
    }

    async fn reply_to(&self, reference: &str) -> (String, Payload) {
        let is_it = |message: &Received| {
            message.event == "phx_reply" && message.reference.as_deref() == Some(reference)
        };
        let reply = self.find(is_it, WAIT).await.unwrap_or_else(|| panic!("no reply; {}", self.seen()));
        (reply.status.unwrap_or_default(), reply.payload)
    }

    /// The first message that fits, which is then claimed; others stay.
    async fn find(&self, fits: impl Fn(&Received) -> bool, within: Duration) -> Option<Received> {
        let find = async {
            loop {
                let position = self.0.unclaimed.borrow().iter().position(&fits);
                if let Some(position) = position {
                    return self.0.unclaimed.borrow_mut().remove(position);
                }
                let frame = poll_fn(|cx| self.0.outbox.poll_next(cx)).await?;
                let received = Received::parse(&frame);
                self.0.unclaimed.borrow_mut().extend(received);
            }
        };
        timeout(within, find).await.ok().flatten()
    }

    /// The unclaimed messages, for the text of a failure.
    fn seen(&self) -> String {
        format!("received instead: {:#?}", self.0.unclaimed.borrow())
    }
}

impl<S: Send + Sync + 'static> TestChannel<S> {
    /// The connection.
    pub fn socket(&self) -> &TestSocket<S> {
        &self.socket
    }

    /// Sends a message to the channel. Phoenix's `push/3`.
    pub async fn push(&self, event: &str, payload: Value) -> PushRef<S> {
        let reference = self.socket.next_ref();
        self.socket.send(&self.join_ref, &reference, &self.topic, event, &payload).await;
        PushRef { socket: self.socket.clone(), reference }
    }

    /// Leaves the topic, and waits for the reply. Phoenix's `leave/1`.
    ///
    /// # Panics
    /// If the reply is not `ok`.
    pub async fn leave(self) {
        let reference = self.push("phx_leave", json!({})).await;
        let (status, _) = reference.reply().await;
        assert_eq!(status, "ok", "the reply to a leave");
    }

    /// Waits for a push with this event: a message to this subscriber alone.
    ///
    /// # Panics
    /// If none comes within five seconds.
    pub async fn next_push(&self, event: &str) -> Payload {
        let push = self.socket.find(self.is_push(event), WAIT).await;
        push.unwrap_or_else(|| panic!("no push {event:?}; {}", self.socket.seen())).payload
    }

    /// Waits for a broadcast with this event: a message that other subscribers may get too.
    ///
    /// # Panics
    /// If none comes within five seconds.
    pub async fn next_broadcast(&self, event: &str) -> Payload {
        let broadcast = self.socket.find(self.is_broadcast(event), WAIT).await;
        broadcast.unwrap_or_else(|| panic!("no broadcast {event:?}; {}", self.socket.seen())).payload
    }

    /// Whether a push with this event comes within 100 ms.
    pub async fn has_push(&self, event: &str) -> bool {
        self.socket.find(self.is_push(event), REFUTE_WAIT).await.is_some()
    }

    /// Whether a broadcast with this event comes within 100 ms.
    pub async fn has_broadcast(&self, event: &str) -> bool {
        self.socket.find(self.is_broadcast(event), REFUTE_WAIT).await.is_some()
    }

    /// Phoenix sends a push with the `join_ref`, and a broadcast, which all subscribers share,
    /// without.
    fn is_push(&self, event: &str) -> impl Fn(&Received) -> bool {
        move |message| {
            let is_mine = message.topic == self.topic && message.join_ref.as_ref() == Some(&self.join_ref);
            is_mine && message.event == event && message.status.is_none()
        }
    }

    fn is_broadcast(&self, event: &str) -> impl Fn(&Received) -> bool {
        move |message| message.topic == self.topic && message.join_ref.is_none() && message.event == event
    }
}

impl<S: Send + Sync + 'static> PushRef<S> {
    /// Waits for the reply: its status and response.
    ///
    /// # Panics
    /// If none comes within five seconds.
    pub async fn reply(&self) -> (String, Payload) {
        self.socket.reply_to(&self.reference).await
    }
}

impl<S> Clone for TestSocket<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> Clone for TestChannel<S> {
    fn clone(&self) -> Self {
        let Self { socket, topic, join_ref } = self;
        Self { socket: socket.clone(), topic: topic.clone(), join_ref: join_ref.clone() }
    }
}

impl Received {
    /// Reads a frame of the V2 serializer. Other frames, as pongs and closes, are `None`.
    fn parse(frame: &Wire) -> Option<Self> {
        if let Some(text) = frame.text() {
            return Some(Self::parse_text(text));
        }
        frame.binary().map(|bytes| Self::parse_binary(&bytes))
    }

    fn parse_text(text: &[u8]) -> Self {
        let [join_ref, reference, topic, event, mut payload]: [Value; 5] =
            serde_json::from_slice(text).expect("a message of V2");
        let text = |value: Value| value.as_str().map(str::to_owned);
        let event = text(event).unwrap_or_default();
        let is_reply = event == "phx_reply";
        let status = if is_reply { text(payload["status"].take()) } else { None };
        let payload = if is_reply { payload["response"].take() } else { payload };
        Self {
            join_ref: text(join_ref),
            reference: text(reference),
            topic: text(topic).unwrap_or_default(),
            event,
            status,
            payload: Payload::Json(Json::of(&payload)),
        }
    }

    /// Reads a binary frame: a kind, the lengths of its texts, the texts, and the payload.
    fn parse_binary(frame: &Bytes) -> Self {
        let kind = frame[0];
        let texts = match kind {
            0 => 3,
            1 => 4,
            _ => 2,
        };
        let mut at = 1 + texts;
        let mut texts = frame[1..=texts].iter().map(|length| {
            let text = &frame[at..at + usize::from(*length)];
            at += text.len();
            String::from_utf8_lossy(text).into_owned()
        });
        let mut next = || texts.next().unwrap_or_default();
        let (join_ref, reference) = match kind {
            0 => (Some(next()), None),
            1 => (Some(next()), Some(next())),
            _ => (None, None),
        };
        let (topic, last) = (next(), next());
        drop(texts);
        let (event, status) = if kind == 1 { ("phx_reply".to_owned(), Some(last)) } else { (last, None) };
        Self { join_ref, reference, topic, event, status, payload: Payload::Binary(frame.slice(at..)) }
    }
}

/// Fails unless a payload is this JSON, in whatever order its fields are.
#[doc(hidden)]
pub fn assert_json(payload: &Payload, expected: &(impl Serialize + ?Sized), what: &str) {
    let expected = serde_json::to_value(expected).expect("JSON");
    match payload.parse::<Value>() {
        Ok(found) => assert_eq!(found, expected, "{what}"),
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Waits for the reply to a push and checks its status, `ok` or `error`, and its response, if
/// given. Evaluates to the response.
///
/// ```ignore
/// let reference = room.push("say", json!({ "text": "hello" })).await;
/// assert_reply!(reference, ok, json!({ "id": 1 }));
/// ```
#[macro_export]
macro_rules! assert_reply {
    ($reference:expr, $status:ident $(, $expected:expr)? $(,)?) => {{
        let (status, response) = $reference.reply().await;
        ::std::assert_eq!(status, ::std::stringify!($status), "the status of {response:?}");
        $($crate::testing::assert_json(&response, &$expected, "the response");)?
        response
    }};
}

/// Waits for a push with this event, and checks its payload, if given. Evaluates to the payload.
///
/// ```ignore
/// assert_push!(room, "presence_state", json!({}));
/// ```
#[macro_export]
macro_rules! assert_push {
    ($channel:expr, $event:expr $(, $expected:expr)? $(,)?) => {{
        let payload = $channel.next_push($event).await;
        $($crate::testing::assert_json(&payload, &$expected, "the payload of a push");)?
        payload
    }};
}

/// Waits for a broadcast with this event, and checks its payload, if given. Evaluates to the
/// payload.
///
/// In Phoenix the test process itself subscribes to the topic; here it is the client that receives
/// the broadcast, so [`broadcast_from`](crate::Context::broadcast_from) shows on others only.
///
/// ```ignore
/// assert_broadcast!(room, "said", json!({ "text": "hello" }));
/// ```
#[macro_export]
macro_rules! assert_broadcast {
    ($channel:expr, $event:expr $(, $expected:expr)? $(,)?) => {{
        let payload = $channel.next_broadcast($event).await;
        $($crate::testing::assert_json(&payload, &$expected, "the payload of a broadcast");)?
        payload
    }};
}

/// Fails if a push with this event comes within 100 ms.
#[macro_export]
macro_rules! refute_push {
    ($channel:expr, $event:expr $(,)?) => {
        ::std::assert!(!$channel.has_push($event).await, "a push {:?} came", $event)
    };
}

/// Fails if a broadcast with this event comes within 100 ms.
#[macro_export]
macro_rules! refute_broadcast {
    ($channel:expr, $event:expr $(,)?) => {
        ::std::assert!(!$channel.has_broadcast($event).await, "a broadcast {:?} came", $event)
    };
}
