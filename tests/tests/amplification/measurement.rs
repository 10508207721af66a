//! Sends a row's input and measures its costs.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::ws::{Frame, MASK, opcode};

use crate::connection::CountingConnection;
use crate::measured_server::MeasuredServer;
use crate::participants::{Participants, Role};
use crate::requests;
use crate::row::{EventList, Frames, Row, Sends};

/// The members that listen while one sends; one of them only says when it is over.
const WATCHERS: usize = 5;
/// How often short requests and frames are sent.
const REPEATS: usize = 8;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Bytes in one round.
    pub(crate) bytes: usize,
    /// Bytes of one large message, or of one request.
    pub(crate) message: usize,
    pub(crate) request: usize,
}

/// The measured costs of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Bytes kept for one, while connections are open.
    pub(crate) kept: f64,
    /// Bytes kept for one that is sent over a connection which has received as large messages
    /// before.
    pub(crate) further: f64,
    /// Bytes sent in a round, and how many bytes were kept after the close.
    pub(crate) sent: usize,
    pub(crate) left: usize,
    /// The most bytes allocated for one of a message that is being handled, and freed after it.
    pub(crate) handled: f64,
    /// Bytes sent back for one.
    pub(crate) back: f64,
    /// Bytes sent for one to the other client that received most.
    pub(crate) each: f64,
    /// The server's time for a short frame or request.
    pub(crate) frame: Duration,
    /// The server's time for a byte of a large one.
    pub(crate) byte: Duration,
}

/// What was sent, and what was sent back.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: usize,
    back: usize,
}

pub(crate) fn measure(measured: &MeasuredServer, row: &Row, effort: Effort) -> Cost {
    let mut cost = Cost::default();
    small(measured, row, &mut cost);
    large(measured, row, effort, &mut cost);
    cost
}

/// The costs of short inputs, relative to which answers are largest.
fn small(measured: &MeasuredServer, row: &Row, cost: &mut Cost) {
    let mut counted = Count::default();
    let mut times = REPEATS;
    let began;
    let took;
    match &row.sends {
        Sends::Request(bytes) => {
            let all: Vec<_> = (0..REPEATS).map(|_| bytes(measured, None)).collect();
            began = measured.time();
            for bytes in &all {
                counted.add(request(&mut open(measured, row), bytes));
            }
            took = measured.time().saturating_sub(began);
        }
        Sends::Admin(method, path) => {
            let bytes = requests::administered(measured, method, path, None);
            began = measured.time();
            for _ in 0..REPEATS {
                counted.add(request(&mut open(measured, row), &bytes));
            }
            took = measured.time().saturating_sub(began);
        }
        Sends::Frames(frames) => {
            let mut connections: Vec<_> = (0..REPEATS).map(|_| upgraded(measured, frames.path)).collect();
            began = measured.time();
            for connection in &mut connections {
                counted.add(send(connection, frames, None));
            }
            took = measured.time().saturating_sub(began);
        }
        Sends::Events(_, prepare) => {
            let mut people = Participants::new(measured.address(), row.role, WATCHERS);
            let prepared = prepare(&mut people);
            times = prepared.len();
            let before = people.received();
            let of_sender =
                |people: &Participants| (people.device.socket.sent(), people.device.socket.received());
            let asked = of_sender(&people);
            began = measured.time();
            for (topic, event, payload) in prepared {
                send_event(&mut people, &topic, event, &payload);
            }
            took = measured.time().saturating_sub(began);
            let after = people.received();
            let done = of_sender(&people);
            counted = Count { sent: done.0 - asked.0, back: done.1 - asked.1 };
            let others = after.iter().zip(&before).map(|(after, before)| after - before);
            // Each of them also received the fence at the end.
            let most = others.max().unwrap_or_default().saturating_sub(fence(&people.topic()));
            cost.each = ratio(most, counted.sent);
        }
    }
    cost.frame = took / u32::try_from(times.max(1)).expect("not so many");
    cost.back = ratio(counted.back, counted.sent);
}

/// The memory that large inputs leave behind. The first round is not measured: it fills the buffers
/// that the server keeps for later clients, such as the requests that its HTTP library reuses.
fn large(measured: &MeasuredServer, row: &Row, effort: Effort, cost: &mut Cost) {
    drop(round(measured, row, effort, &mut Cost::default()));
    measured.until_all_are_gone();
    let heap = &measured.heap;
    let before = heap.settled();
    drop(round(measured, row, effort, cost));
    measured.until_all_are_gone();
    cost.left = heap.down_to(before + slack(row)).saturating_sub(before);
}

/// Opens connections and sends large inputs over each: the first finds fresh buffers, further ones
/// existing buffers.
fn round(measured: &MeasuredServer, row: &Row, effort: Effort, cost: &mut Cost) -> Held {
    let heap = &measured.heap;
    let mut held = Held::new(measured, row, effort);
    let opened = heap.settled();
    let began = measured.time();
    heap.forget_peak();
    let first = held.send(measured, row, effort, Part::First);
    let (peak, after) = (heap.peak(), heap.settled());
    cost.byte = measured.time().saturating_sub(began) / u32::try_from(first.max(1)).expect("not so many");
    cost.kept = ratio(after.saturating_sub(opened), first);
    cost.handled = ratio(peak.saturating_sub(after), first / held.count().max(1));
    let further = held.send(measured, row, effort, Part::Further);
    if further > 0 {
        cost.further = ratio(heap.settled().saturating_sub(after), further);
    }
    cost.sent = first + further;
    held
}

/// Which part of a connection's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    First,
    Further,
}

/// The memory that may remain after the close: what the server remembers of its clients, such as
/// how a connection ended; what its HTTP library keeps for later clients, on each thread; and, if
/// something was stored, the database's pages in memory. It has a fixed size, which is less than
/// the buffers of one connection.
pub(crate) fn slack(row: &Row) -> usize {
    match row.sends {
        Sends::Events(..) => 1024 * 1024,
        Sends::Request(_) | Sends::Admin(..) | Sends::Frames(_) => 128 * 1024,
    }
}

/// Connections that stay open while something is sent.
enum Held {
    Connections(Vec<CountingConnection>),
    Participants(Vec<(Participants, EventList)>),
}

impl Held {
    fn new(measured: &MeasuredServer, row: &Row, effort: Effort) -> Self {
        let (messages, requests) = (effort.bytes / effort.message, effort.bytes / effort.request);
        match &row.sends {
            Sends::Request(_) | Sends::Admin(..) => {
                Held::Connections((0..requests).map(|_| open(measured, row)).collect())
            }
            Sends::Frames(frames) => {
                Held::Connections((0..messages).map(|_| upgraded(measured, frames.path)).collect())
            }
            Sends::Events(_, events) => {
                let participants = |_| {
                    let mut participants = Participants::new(measured.address(), row.role, 0);
                    let prepared = events(&mut participants);
                    (participants, prepared)
                };
                Held::Participants((0..messages).map(participants).collect())
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Held::Connections(connections) => connections.len(),
            Held::Participants(participants) => participants.len(),
        }
    }

    /// Sends a part over each connection; returns the number of bytes.
    fn send(&mut self, measured: &MeasuredServer, row: &Row, effort: Effort, part: Part) -> usize {
        let takes_one = match &row.sends {
            // An upgraded connection takes no second request, and others need none to show what
            // they keep.
            Sends::Request(_) | Sends::Admin(..) => true,
            Sends::Frames(frames) => frames.is_open,
            Sends::Events(..) => false,
        };
        if takes_one && part == Part::Further {
            return 0;
        }
        match (self, &row.sends) {
            (Held::Connections(connections), Sends::Request(bytes)) => connections
                .iter_mut()
                .map(|connection| request(connection, &bytes(measured, Some(effort.request))).sent)
                .sum(),
            (Held::Connections(connections), Sends::Admin(method, path)) => {
                let bytes = requests::administered(measured, method, path, Some(effort.request));
                connections.iter_mut().map(|connection| request(connection, &bytes).sent).sum()
            }
            (Held::Connections(connections), Sends::Frames(frames)) => connections
                .iter_mut()
                .map(|connection| send(connection, frames, Some(effort.message)).sent)
                .sum(),
            (Held::Participants(participants), Sends::Events(..)) => participants
                .iter_mut()
                .map(|(participants, prepared)| send_lengthened(participants, prepared, effort, part))
                .sum(),
            _ => unreachable!("what is held is what the row sends over"),
        }
    }
}

/// Sends a part of the events, each lengthened to its full size.
fn send_lengthened(
    participants: &mut Participants,
    prepared: &mut EventList,
    effort: Effort,
    part: Part,
) -> usize {
    let before = participants.device.socket.sent();
    let count = if part == Part::First { 1 } else { prepared.len() };
    for (topic, event, mut payload) in prepared.drain(..count.min(prepared.len())) {
        if let Some(fields) = payload.as_object_mut() {
            // An unknown field.
            fields.insert("pad".to_owned(), "x".repeat(effort.message).into());
        }
        send_event(participants, &topic, event, &payload);
    }
    participants.device.socket.sent() - before
}

/// Sends an event and waits for its answer. Pushes are read and dropped.
fn send_event(participants: &mut Participants, topic: &str, event: &str, payload: &Value) {
    participants.device.try_call(topic, event, payload);
    participants.device.drain();
}

/// The length of the frame that ends a measurement.
fn fence(topic: &str) -> usize {
    let message = json!([null, null, topic, "fence", {}]);
    Frame::text(&message.to_string()).to_bytes(None).len()
}

fn open(measured: &MeasuredServer, row: &Row) -> CountingConnection {
    CountingConnection::open(if row.role == Role::Operator { measured.admin } else { measured.address() })
}

/// A WebSocket without a token.
fn upgraded(measured: &MeasuredServer, path: &str) -> CountingConnection {
    let mut connection = CountingConnection::open(measured.address());
    connection.send(&requests::upgrade(measured, path, ""));
    assert_eq!(connection.response().expect("an answer").status, 101, "{path}");
    connection
}

fn request(connection: &mut CountingConnection, bytes: &[u8]) -> Count {
    connection.send(bytes);
    connection.response();
    Count { sent: bytes.len(), back: connection.received() }
}

fn send(connection: &mut CountingConnection, frames: &Frames, size: Option<usize>) -> Count {
    let bytes = (frames.bytes)(size);
    let before = connection.received();
    connection.send(&bytes);
    if frames.is_answered {
        connection.frame();
        return Count { sent: bytes.len(), back: connection.received() - before };
    }
    let ping = Frame::new(opcode::PING, "fence");
    connection.send(&ping.to_bytes(Some(MASK)));
    // Anything before it is the answer.
    while connection.frame().is_some_and(|frame| frame.opcode != opcode::PONG || frame.payload != b"fence") {}
    let answer = Frame::new(opcode::PONG, "fence").to_bytes(None).len();
    Count { sent: bytes.len(), back: (connection.received() - before).saturating_sub(answer) }
}

impl Count {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.back += other.back;
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let exactly = |count: usize| f64::from(u32::try_from(count).expect("less than 4 GiB"));
    exactly(part) / exactly(whole.max(1))
}
