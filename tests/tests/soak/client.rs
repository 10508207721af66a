//! An honest client: one connection of a user, over WebSocket or long poll, that is read all the
//! time.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::frames::Id;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Message, Person, Reply};
use vestibule_tests::source::connect_from;
use vestibule_tests::ws::{Frame, MASK, Received};

/// How long an answer may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a reader checks whether the test is over.
const GLANCE: Duration = Duration::from_millis(200);
/// Where long-poll sessions are opened.
const POLL: &str = "/socket/longpoll?vsn=2.0.0";

/// A failure that a client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its connection has ended, with this reason.
    Cut(String),
    /// An unexpected message, or a wrong one.
    Wrong(String),
}

pub(crate) struct Client {
    pub(crate) person: Person,
    pub(crate) device: Id,
    /// The name by which the server is addressed.
    pub(crate) server: String,
    out: Out,
    messages: Receiver<Incoming>,
    kept: VecDeque<Message>,
    next_ref: u64,
    is_over: Arc<AtomicBool>,
}

/// A message, or how the connection ended.
type Incoming = Result<Message, String>;

/// The sending half.
enum Out {
    Socket(TcpStream),
    Poll { server: SocketAddr, source: IpAddr, target: String },
}

impl Client {
    pub(crate) fn over_websocket(server: SocketAddr, source: IpAddr, person: Person) -> Self {
        let device = Device::connect_from(source, server, &person);
        let writer = device.socket.writer().expect("a second handle");
        Self::new(server, person, Out::Socket(writer), |sender, is_over| {
            read_socket(device, &sender, &is_over);
        })
    }

    pub(crate) fn over_longpoll(server: SocketAddr, source: IpAddr, person: Person) -> Self {
        let token = person.try_sign_in_over(server, || connect_from(source, server)).expect("a token");
        let opened = Request::get(POLL)
            .header("x-phoenix-authtoken", &token)
            .send_over(connect_from(source, server).expect("a connection"))
            .expect("a response")
            .json();
        let target = format!("{POLL}&token={}", opened["token"].as_str().expect("a session"));
        let out = Out::Poll { server, source, target: target.clone() };
        Self::new(server, person, out, move |sender, is_over| {
            read_polls(server, source, &target, &sender, &is_over);
        })
    }

    fn new(
        server: SocketAddr,
        person: Person,
        out: Out,
        read: impl FnOnce(Sender<Incoming>, Arc<AtomicBool>) + Send + 'static,
    ) -> Self {
        let (sender, messages) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        thread::spawn(move || read(sender, told));
        let (device, server) = (person.device, server.to_string());
        Self { person, device, server, out, messages, kept: VecDeque::new(), next_ref: 0, is_over }
    }

    /// Sends a message; returns its ref. It has no `join_ref`, so it is never stale.
    pub(crate) fn send(&mut self, topic: &str, event: &str, payload: &Value) -> Result<String, Fault> {
        self.next_ref += 1;
        let reference = self.next_ref.to_string();
        let text = json!([null, reference, topic, event, payload]).to_string();
        match &mut self.out {
            Out::Socket(stream) => {
                let frame = Frame::text(&text).to_bytes(Some(MASK));
                stream.write_all(&frame).map_err(|error| Fault::Cut(error.to_string()))?;
            }
            Out::Poll { server, source, target } => {
                let stream = connect_from(*source, *server).map_err(|error| Fault::Cut(error.to_string()))?;
                let posted = Request::post(target)
                    .body(text)
                    .send_over(stream)
                    .map_err(|error| Fault::Cut(error.to_string()))?;
                if posted.status != 200 || posted.json()["status"] != 200 {
                    return Err(Fault::Cut(format!("a POST was answered {}", posted.text())));
                }
            }
        }
        Ok(reference)
    }

    /// Sends a message and waits for its answer, which must be ok.
    pub(crate) fn call(&mut self, topic: &str, event: &str, payload: &Value) -> Result<Value, Fault> {
        let reference = self.send(topic, event, payload)?;
        let is_answer = |message: &Message| {
            message.event == "phx_reply" && message.reference.as_deref() == Some(&*reference)
        };
        let reply = Reply::of(self.take(is_answer)?);
        if reply.status == "ok" {
            Ok(reply.response)
        } else {
            Err(Fault::Wrong(format!("{event}: {}", reply.text)))
        }
    }

    /// Waits for a push.
    pub(crate) fn push(&mut self, event: &str) -> Result<Value, Fault> {
        Ok(self.take(|message| message.event == event)?.payload)
    }

    /// All events of this name that have come and were not taken.
    pub(crate) fn rest(&mut self, event: &str) -> Vec<Value> {
        self.kept.extend(self.messages.try_iter().flatten());
        let rest = self.kept.drain(..).filter(|message| message.event == event);
        rest.map(|message| message.payload).collect()
    }

    fn take(&mut self, fits: impl Fn(&Message) -> bool) -> Result<Message, Fault> {
        if let Some(place) = self.kept.iter().position(&fits) {
            return Ok(self.kept.remove(place).expect("a place in the queue"));
        }
        loop {
            match self.messages.recv_timeout(PATIENCE) {
                Ok(Ok(message)) if fits(&message) => return Ok(message),
                Ok(Ok(message)) => self.kept.push_back(message),
                Ok(Err(end)) => return Err(Fault::Cut(end)),
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Cut("before".to_owned())),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Fault::Wrong(format!("nothing for {PATIENCE:?}, kept {:?}", self.kept)));
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Passes on the messages of a WebSocket, until it ends.
fn read_socket(mut device: Device, sender: &Sender<Incoming>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        match device.socket.receive(GLANCE) {
            Ok(Received::Frame(frame)) => hand_on(sender, Message::parse(frame.payload)),
            Ok(Received::Nothing) => {}
            end => {
                let _ = sender.send(Err(format!("{end:?}")));
                return;
            }
        }
    }
}

/// Passes on the messages of polls, until the session ends.
fn read_polls(
    server: SocketAddr,
    source: IpAddr,
    target: &str,
    sender: &Sender<Incoming>,
    is_over: &AtomicBool,
) {
    while !is_over.load(Ordering::Relaxed) {
        let polled = connect_from(source, server).and_then(|stream| Request::get(target).send_over(stream));
        match polled.map(|polled| polled.json()) {
            Ok(polled) if polled["status"] == 204 => {}
            Ok(polled) if polled["status"] == 200 => {
                for text in polled["messages"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    hand_on(sender, Message::parse(text.as_bytes().to_vec()));
                }
            }
            end => {
                let _ = sender.send(Err(format!("{end:?}")));
                return;
            }
        }
    }
}

/// Other users' talk and presence do not matter here.
fn hand_on(sender: &Sender<Incoming>, message: Message) {
    if message.event != "noise" && !message.event.starts_with("presence_") {
        // If the receiver is gone, this thread is about to be told to stop.
        let _ = sender.send(Ok(message));
    }
}
