//! Sends a row's input and measures its costs.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::ws::{Frame, MASK, opcode};

use crate::line::Line;
use crate::requests;
use crate::row::{Frames, Row, Said, Sends};
use crate::stage::{Cast, Role, Stage};

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

pub(crate) fn measure(stage: &Stage, row: &Row, effort: Effort) -> Cost {
    let mut cost = Cost::default();
    small(stage, row, &mut cost);
    large(stage, row, effort, &mut cost);
    cost
}

/// The costs of short inputs, relative to which answers are largest.
fn small(stage: &Stage, row: &Row, cost: &mut Cost) {
    let mut counted = Count::default();
    let mut times = REPEATS;
    let began;
    let took;
    match &row.sends {
        Sends::Request(bytes) => {
            let all: Vec<_> = (0..REPEATS).map(|_| bytes(stage, None)).collect();
            began = stage.time();
            for bytes in &all {
                counted.add(request(&mut open(stage, row), bytes));
            }
            took = stage.time().saturating_sub(began);
        }
        Sends::Admin(method, path) => {
            let bytes = requests::administered(stage, method, path, None);
            began = stage.time();
            for _ in 0..REPEATS {
                counted.add(request(&mut open(stage, row), &bytes));
            }
            took = stage.time().saturating_sub(began);
        }
        Sends::Frames(frames) => {
            let mut lines: Vec<_> = (0..REPEATS).map(|_| upgraded(stage, frames.path)).collect();
            began = stage.time();
            for line in &mut lines {
                counted.add(send(line, frames, None));
            }
            took = stage.time().saturating_sub(began);
        }
        Sends::Events(_, prepare) => {
            let mut people = Cast::new(stage.address(), row.role, WATCHERS);
            let said = prepare(&mut people);
            times = said.len();
            let before = people.received();
            let of_sender = |people: &Cast| (people.device.socket.sent(), people.device.socket.received());
            let asked = of_sender(&people);
            began = stage.time();
            for (topic, event, payload) in said {
                say(&mut people, &topic, event, &payload);
            }
            took = stage.time().saturating_sub(began);
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
fn large(stage: &Stage, row: &Row, effort: Effort, cost: &mut Cost) {
    drop(round(stage, row, effort, &mut Cost::default()));
    stage.until_all_are_gone();
    let heap = &stage.heap;
    let before = heap.settled();
    drop(round(stage, row, effort, cost));
    stage.until_all_are_gone();
    cost.left = heap.down_to(before + slack(row)).saturating_sub(before);
}

/// Opens connections and sends large inputs over each: the first finds fresh buffers, further ones
/// existing buffers.
fn round(stage: &Stage, row: &Row, effort: Effort, cost: &mut Cost) -> Held {
    let heap = &stage.heap;
    let mut held = Held::new(stage, row, effort);
    let opened = heap.settled();
    let began = stage.time();
    heap.forget_peak();
    let first = held.send(stage, row, effort, Part::First);
    let (peak, after) = (heap.peak(), heap.settled());
    cost.byte = stage.time().saturating_sub(began) / u32::try_from(first.max(1)).expect("not so many");
    cost.kept = ratio(after.saturating_sub(opened), first);
    cost.handled = ratio(peak.saturating_sub(after), first / held.count().max(1));
    let further = held.send(stage, row, effort, Part::Further);
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
    Lines(Vec<Line>),
    Casts(Vec<(Cast, Said)>),
}

impl Held {
    fn new(stage: &Stage, row: &Row, effort: Effort) -> Self {
        let (messages, requests) = (effort.bytes / effort.message, effort.bytes / effort.request);
        match &row.sends {
            Sends::Request(_) | Sends::Admin(..) => {
                Held::Lines((0..requests).map(|_| open(stage, row)).collect())
            }
            Sends::Frames(frames) => {
                Held::Lines((0..messages).map(|_| upgraded(stage, frames.path)).collect())
            }
            Sends::Events(_, events) => {
                let cast = |_| {
                    let mut cast = Cast::new(stage.address(), row.role, 0);
                    let said = events(&mut cast);
                    (cast, said)
                };
                Held::Casts((0..messages).map(cast).collect())
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Held::Lines(lines) => lines.len(),
            Held::Casts(casts) => casts.len(),
        }
    }

    /// Sends a part over each connection; returns the number of bytes.
    fn send(&mut self, stage: &Stage, row: &Row, effort: Effort, part: Part) -> usize {
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
            (Held::Lines(lines), Sends::Request(bytes)) => {
                lines.iter_mut().map(|line| request(line, &bytes(stage, Some(effort.request))).sent).sum()
            }
            (Held::Lines(lines), Sends::Admin(method, path)) => {
                let bytes = requests::administered(stage, method, path, Some(effort.request));
                lines.iter_mut().map(|line| request(line, &bytes).sent).sum()
            }
            (Held::Lines(lines), Sends::Frames(frames)) => {
                lines.iter_mut().map(|line| send(line, frames, Some(effort.message)).sent).sum()
            }
            (Held::Casts(casts), Sends::Events(..)) => {
                casts.iter_mut().map(|(cast, said)| say_at_length(cast, said, effort, part)).sum()
            }
            _ => unreachable!("what is held is what the row sends over"),
        }
    }
}

/// Sends a part of the events, each lengthened to its full size.
fn say_at_length(cast: &mut Cast, said: &mut Said, effort: Effort, part: Part) -> usize {
    let before = cast.device.socket.sent();
    let count = if part == Part::First { 1 } else { said.len() };
    for (topic, event, mut payload) in said.drain(..count.min(said.len())) {
        if let Some(fields) = payload.as_object_mut() {
            // An unknown field.
            fields.insert("pad".to_owned(), "x".repeat(effort.message).into());
        }
        say(cast, &topic, event, &payload);
    }
    cast.device.socket.sent() - before
}

/// Sends an event and waits for its answer. Pushes are read and dropped.
fn say(cast: &mut Cast, topic: &str, event: &str, payload: &Value) {
    cast.device.try_call(topic, event, payload);
    cast.device.drain();
}

/// The length of the frame that ends a measurement.
fn fence(topic: &str) -> usize {
    let message = json!([null, null, topic, "fence", {}]);
    Frame::text(&message.to_string()).to_bytes(None).len()
}

fn open(stage: &Stage, row: &Row) -> Line {
    Line::open(if row.role == Role::Operator { stage.admin } else { stage.address() })
}

/// A WebSocket without a token.
fn upgraded(stage: &Stage, path: &str) -> Line {
    let mut line = Line::open(stage.address());
    line.send(&requests::upgrade(stage, path, ""));
    assert_eq!(line.response().expect("an answer").status, 101, "{path}");
    line
}

fn request(line: &mut Line, bytes: &[u8]) -> Count {
    line.send(bytes);
    line.response();
    Count { sent: bytes.len(), back: line.received() }
}

fn send(line: &mut Line, frames: &Frames, size: Option<usize>) -> Count {
    let bytes = (frames.bytes)(size);
    let before = line.received();
    line.send(&bytes);
    if frames.is_answered {
        line.frame();
        return Count { sent: bytes.len(), back: line.received() - before };
    }
    let ping = Frame::new(opcode::PING, "fence");
    line.send(&ping.to_bytes(Some(MASK)));
    // Anything before it is the answer.
    while line.frame().is_some_and(|frame| frame.opcode != opcode::PONG || frame.payload != b"fence") {}
    let answer = Frame::new(opcode::PONG, "fence").to_bytes(None).len();
    Count { sent: bytes.len(), back: (line.received() - before).saturating_sub(answer) }
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
