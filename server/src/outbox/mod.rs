//! A connection's way out: a bounded queue of encoded frames.
//!
//! [`Outbox::push`] is the only way anything reaches a client. It never waits: a client that reads more slowly than its
//! frames come is disconnected when the queue is full, and finds what it missed in the store when it comes back.
//!
//! # Whose fault it is
//! Who takes the frames, the reader, is a task like others, and the threads may be busy elsewhere while frames come. A queue
//! is overfull only once its reader had its chance: from the moment when a waiting reader is woken until it runs, more may be
//! queued, up to [`UNREAD`] times as much. Whoever pushes learns of that ([`Pushed::is_ahead`]) and lets the reader go first
//! ([`Outbox::turn`]).
//!
//! # Concurrency
//! Any thread may push; one response body takes ([`Outbox::poll_next`]); one connection task watches for the end
//! ([`Outbox::closing`]). The lock is held for a few instructions, never across an await.
//!
//! # Lifecycle
//! open → closing (a close frame is the last in the queue; frames pushed later are dropped) → finished (the body ends when
//! the queue is empty). A body that is dropped before that (the peer is gone) finishes it at once.

mod frame;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytestring::ByteString;
use serde_json::json;
use tokio::sync::Notify;
use vestibule_protocol::{
    disconnect::Disconnect,
    message::{Outgoing, Payload, Reply, Status},
    serializer::{EncodeError, Serializer},
    socket::JoinId,
};

use crate::metrics::{Ending, Traffic};
pub use frame::{Encoded, Wire};

/// How much may wait for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes, frame headers included.
    pub bytes: usize,
}

/// How many times its limits a queue may hold whose reader is woken and has not run yet.
///
/// A room goes ahead of a reader by one message, then waits for it; several rooms may at the same moment, of which each
/// adds a message, a quarter of the queue by default. A dozen fit, and who is in more pays for that.
const UNREAD: usize = 4;

/// A message was encoded and queued, or the connection is about to end anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The frame's length in bytes.
    pub bytes: usize,
    /// Whether more waits now than may, for want of the reader's turn: whoever has more to push waits for that.
    pub is_ahead: bool,
}

impl OutboxLimits {
    fn unread(self) -> Self {
        Self { frames: self.frames.saturating_mul(UNREAD), bytes: self.bytes.saturating_mul(UNREAD) }
    }
}

/// A handle of one connection's queue; clones share it. See the [module](self).
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

/// What a transport can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Texts and bytes.
    Any,
    /// Texts only.
    Text,
}

struct Shared {
    serializer: Serializer,
    form: Form,
    limits: OutboxLimits,
    queue: Mutex<Queue>,
    closing: Notify,
    /// Tells those who wait for the reader's turn.
    turn: Notify,
    traffic: Arc<Traffic>,
}

/// Where the task is that takes the frames.
#[derive(Default)]
enum Reader {
    /// At work on what it took, or not there: what waits is its backlog.
    #[default]
    Busy,
    /// It found nothing, and waits.
    Waiting(Waker),
    /// It is woken, and has not run yet.
    Woken,
}

/// Somebody takes frames for as long as this is kept.
pub struct Reading<'a>(&'a Outbox);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.had_its_turn(&mut self.0.lock());
    }
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Wire>,
    bytes: usize,
    /// Frames that were taken and not counted yet, and their bytes.
    taken: (usize, usize),
    phase: Phase,
    reader: Reader,
    /// Whether more waits than may, until the reader had its turn.
    is_ahead: bool,
    ended: Vec<(ByteString, JoinId)>,
    /// How the connection ends, once somebody has said so.
    ending: Option<Ending>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing,
    Finished,
}

impl Outbox {
    /// An empty queue for a connection that speaks `serializer`. What goes out is counted in `traffic`.
    pub fn new(serializer: Serializer, form: Form, limits: OutboxLimits, traffic: Arc<Traffic>) -> Self {
        let queue = Mutex::new(Queue::default());
        let (closing, turn) = (Notify::new(), Notify::new());
        Self(Arc::new(Shared { serializer, form, limits, queue, closing, turn, traffic }))
    }

    /// Sends one message to this connection alone. JSON always has a form; what has none is left out.
    pub fn send(&self, message: impl Into<Outgoing>) {
        if let Err(error) = self.push(&Encoded::new(message.into())) {
            tracing::debug!(%error, "left out");
        }
    }

    /// Sends a message whose bytes are shared with other connections that speak the same serializer. Nothing is sent if it
    /// has no form in this client's.
    pub fn push(&self, message: &Encoded) -> Result<Pushed, EncodeError> {
        let frame = message.wire(self.0.serializer)?;
        let bytes = frame.len();
        let is_ahead = if frame.is_binary() && self.0.form == Form::Text {
            self.decline_binary(message.message());
            false
        } else {
            self.enqueue(frame)
        };
        Ok(Pushed { bytes, is_ahead })
    }

    /// Sends a WebSocket pong.
    pub fn pong(&self, payload: &[u8]) {
        self.enqueue(frame::pong(payload));
    }

    /// Starts the close: what waits is still sent, then a close frame, and nothing after it.
    pub fn close(&self, why: Disconnect) {
        self.start_close(&mut self.lock(), why);
    }

    /// Closes as where too much waits: what waits is dropped.
    pub(crate) fn close_as_slow(&self) {
        let mut queue = self.lock();
        if queue.phase == Phase::Open {
            self.start_close_as_slow(&mut queue);
        }
    }

    /// Closes as slow where the reader has still not had the turn that [`Outbox::turn`] waits for.
    pub(crate) fn close_if_ahead(&self) {
        let mut queue = self.lock();
        if queue.is_ahead && queue.phase == Phase::Open {
            self.start_close_as_slow(&mut queue);
        }
    }

    /// Answers the client's own close and ends the queue.
    pub fn answer_close(&self) {
        let mut queue = self.lock();
        if queue.phase == Phase::Open {
            queue.append(frame::close(1000, ""));
            queue.ending = Some(Ending::Closed);
        }
        queue.finish();
    }

    /// Ends the queue: the body ends once it is empty.
    pub fn finish(&self) {
        let mut queue = self.lock();
        self.count(&mut queue);
        queue.finish();
        self.nobody_is_ahead(&mut queue);
        drop(queue);
        self.0.closing.notify_one();
    }

    /// Waits until somebody closes the connection.
    pub async fn closing(&self) {
        self.0.closing.notified().await;
    }

    /// Whether the connection is to end; frames pushed now go nowhere.
    pub fn is_closing(&self) -> bool {
        self.lock().phase != Phase::Open
    }

    /// How the connection ended, or is about to.
    pub(crate) fn ending(&self) -> Ending {
        self.lock().ending.unwrap_or(Ending::Lost)
    }

    /// Where what this connection does is counted.
    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.0.traffic
    }

    /// Notes that a channel ended this connection's join by itself. The note is there before any frame that tells the
    /// client, so a frame that the client sends in answer finds the topic left.
    pub fn note_ended(&self, topic: ByteString, join: JoinId) {
        self.lock().ended.push((topic, join));
    }

    /// Takes the notes of [`Outbox::note_ended`]: at most one for each channel joined since.
    pub fn take_ended(&self) -> Vec<(ByteString, JoinId)> {
        std::mem::take(&mut self.lock().ended)
    }

    /// The next frame for the socket; `None` at the end.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Wire>> {
        let mut queue = self.lock();
        self.had_its_turn(&mut queue);
        if let Some(frame) = queue.frames.pop_front() {
            queue.bytes -= frame.len();
            queue.taken.0 += 1;
            queue.taken.1 += frame.len();
            return Poll::Ready(Some(frame));
        }
        self.count(&mut queue);
        if queue.phase == Phase::Finished {
            return Poll::Ready(None);
        }
        queue.reader = Reader::Waiting(cx.waker().clone());
        Poll::Pending
    }

    /// For a reader that goes away before the connection ends, as a poll does: while it is not there, nobody waits for it.
    pub fn reading(&self) -> Reading<'_> {
        Reading(self)
    }

    /// Waits for the reader's turn, where more waits than may before it.
    pub async fn turn(&self) {
        let turn = self.0.turn.notified();
        if self.lock().is_ahead {
            turn.await;
        }
    }

    fn had_its_turn(&self, queue: &mut Queue) {
        queue.reader = Reader::Busy;
        self.nobody_is_ahead(queue);
    }

    fn nobody_is_ahead(&self, queue: &mut Queue) {
        if std::mem::take(&mut queue.is_ahead) {
            self.0.turn.notify_waiters();
        }
    }

    /// How much may wait.
    pub(crate) fn limits(&self) -> OutboxLimits {
        self.0.limits
    }

    /// Counts what was taken. Once a batch, not once a frame: in a fan-out that would be some hundredths of all work.
    fn count(&self, queue: &mut Queue) {
        let (frames, bytes) = std::mem::take(&mut queue.taken);
        if frames > 0 {
            self.0.traffic.sent(frames, bytes);
        }
    }

    /// A reply of bytes becomes an error that says so; what else is bytes is left out.
    fn decline_binary(&self, message: &Outgoing) {
        if let Outgoing::Reply(reply) = message {
            let response = Payload::of(&json!({ "reason": "binary", "detail": "bytes need a WebSocket" }));
            self.send(Reply { status: Status::Error, response, ..reply.clone() });
        }
    }

    /// Says whether more waits than may, for want of the reader's turn.
    fn enqueue(&self, frame: Wire) -> bool {
        let mut queue = self.lock();
        if queue.phase != Phase::Open {
            return false;
        }
        let is_behind = !queue.takes(&frame, self.0.limits);
        let had_no_chance = matches!(queue.reader, Reader::Woken);
        if is_behind && !(had_no_chance && queue.takes(&frame, self.0.limits.unread())) {
            self.start_close_as_slow(&mut queue);
            return false;
        }
        queue.append(frame);
        queue.is_ahead |= is_behind;
        is_behind
    }

    fn start_close_as_slow(&self, queue: &mut Queue) {
        queue.frames.clear();
        queue.bytes = 0;
        self.start_close(queue, Disconnect::Slow);
    }

    fn start_close(&self, queue: &mut Queue, why: Disconnect) {
        if queue.phase == Phase::Open {
            tracing::debug!(%why, "closing a connection");
            queue.append(frame::close(why.code(), why.reason()));
            queue.phase = Phase::Closing;
            queue.ending = Some(Ending::Disconnected(why));
            self.0.closing.notify_one();
        }
    }

    /// A panic while the lock was held leaves a queue that is still whole: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn append(&mut self, frame: Wire) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.wake();
    }

    /// Whether one more frame fits.
    fn takes(&self, frame: &Wire, limits: OutboxLimits) -> bool {
        // A frame alone is no backlog, however large: its size is what a message's may be.
        let has_room = self.frames.is_empty() || self.bytes + frame.len() <= limits.bytes;
        has_room && self.frames.len() < limits.frames
    }

    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.wake();
    }

    fn wake(&mut self) {
        match std::mem::replace(&mut self.reader, Reader::Woken) {
            Reader::Waiting(waker) => waker.wake(),
            before => self.reader = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::pin::pin;
    use vestibule_protocol::message::{Broadcast, Term};

    fn outbox(frames: usize, bytes: usize) -> Outbox {
        Outbox::new(Serializer::V2, Form::Any, OutboxLimits { frames, bytes }, Arc::default())
    }

    fn message() -> Encoded {
        Encoded::new(Broadcast { topic: "t".into(), event: "e".into(), payload: Payload::empty() }.into())
    }

    fn take(outbox: &Outbox) -> Poll<Option<Wire>> {
        outbox.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn frames_come_out_in_order_and_shared() {
        let (one, two) = (outbox(2, 1000), outbox(2, 1000));
        let message = message();
        one.push(&message).unwrap();
        two.push(&message).unwrap();
        let (Poll::Ready(Some(first)), Poll::Ready(Some(second))) = (take(&one), take(&two)) else {
            panic!()
        };
        let (first, second) = (first.framed(), second.framed());
        assert_eq!(
            first,
            "\u{81}\u{16}[null,null,\"t\",\"e\",{}]".chars().map(|c| c as u8).collect::<Vec<_>>()
        );
        assert_eq!(first.as_ptr(), second.as_ptr(), "encoded once");
        assert_eq!(take(&one), Poll::Pending);
    }

    #[test]
    fn a_full_outbox_disconnects_the_slow_client() {
        let size = message().wire(Serializer::V2).unwrap().len();
        for full in [outbox(2, 1000), outbox(1000, 2 * size)] {
            full.push(&message()).unwrap();
            full.push(&message()).unwrap();
            assert!(!full.is_closing(), "exactly at the limit");
            full.push(&message()).unwrap();
            assert!(full.is_closing());
            let close = frame::close(1008, "slow consumer");
            assert_eq!(take(&full), Poll::Ready(Some(close)), "what waited is dropped");
            full.push(&message()).unwrap();
            assert_eq!(take(&full), Poll::Pending);
            full.finish();
            assert_eq!(take(&full), Poll::Ready(None));
        }
    }

    #[test]
    fn a_reader_that_is_woken_has_its_turn_before_its_queue_is_overfull() {
        let size = message().wire(Serializer::V2).unwrap().len();
        for full in [outbox(2, 1000), outbox(1000, 2 * size)] {
            assert_eq!(take(&full), Poll::Pending, "it waits");
            let push = || full.push(&message()).unwrap().is_ahead;
            assert_eq!([push(), push(), push()], [false, false, true], "ahead of the woken reader");
            for _ in 3..2 * UNREAD {
                assert!(push());
            }
            assert!(!full.is_closing(), "exactly at the bound");
            let turn = pin!(full.turn());
            assert_eq!(turn.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
            assert!(matches!(take(&full), Poll::Ready(Some(_))), "its turn, in which it takes a part");
            assert!(full.turn().now_or_never().is_some());
            assert!(!full.push(&message()).unwrap().is_ahead && full.is_closing(), "it had its chance");
        }
    }

    #[test]
    fn ahead_of_a_reader_there_is_a_bound() {
        let full = outbox(2, 1000);
        assert_eq!(take(&full), Poll::Pending);
        for _ in 0..2 * UNREAD {
            full.push(&message()).unwrap();
        }
        assert!(!full.is_closing());
        let mut turn = pin!(full.turn());
        assert_eq!(turn.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        full.push(&message()).unwrap();
        assert!(full.is_closing());
        assert!(matches!(take(&full), Poll::Ready(Some(_))));
        assert!(turn.now_or_never().is_some(), "whoever waits for the reader goes on");
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_gone() {
        let full = outbox(2, 1000);
        let reading = full.reading();
        assert_eq!(take(&full), Poll::Pending);
        for _ in 0..3 {
            full.push(&message()).unwrap();
        }
        drop(reading);
        assert!(full.turn().now_or_never().is_some());
        full.push(&message()).unwrap();
        assert!(full.is_closing(), "what waits is a backlog again");
    }

    #[test]
    fn a_reader_that_waits_learns_of_the_end() {
        let outbox = outbox(10, 1000);
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        assert_eq!(outbox.poll_next(&mut Context::from_waker(&waker)), Poll::Pending);
        outbox.finish();
        assert!(flag.0.load(std::sync::atomic::Ordering::Relaxed), "woken");
    }

    /// Whether somebody was woken.
    #[derive(Default)]
    struct Flag(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn a_frame_alone_fits_however_large() {
        let outbox = outbox(10, 1);
        outbox.push(&message()).unwrap();
        assert!(!outbox.is_closing());
        assert_eq!(take(&outbox), Poll::Ready(message().wire(Serializer::V2).ok()));
        outbox.push(&message()).unwrap();
        outbox.push(&message()).unwrap();
        assert!(outbox.is_closing(), "two are a backlog");
    }

    #[test]
    fn a_close_is_sent_after_what_waits_and_once() {
        let outbox = outbox(10, 1000);
        outbox.push(&message()).unwrap();
        outbox.close(Disconnect::Restart);
        outbox.close(Disconnect::Kicked);
        outbox.finish();
        assert!(matches!(take(&outbox), Poll::Ready(Some(_))));
        assert_eq!(take(&outbox), Poll::Ready(Some(frame::close(1012, ""))));
        assert_eq!(take(&outbox), Poll::Ready(None));
    }

    #[test]
    fn where_only_text_travels_a_reply_of_bytes_is_an_error_and_the_rest_is_left_out() {
        let limits = OutboxLimits { frames: 2, bytes: 1000 };
        let outbox = Outbox::new(Serializer::V2, Form::Text, limits, Arc::default());
        let bytes = Payload::Binary(vec![1].into());
        outbox.send(Broadcast { topic: "t".into(), event: "e".into(), payload: bytes.clone() });
        assert_eq!(take(&outbox), Poll::Pending);
        let (join_ref, reference) = ("1".into(), "2".into());
        let topic = Term::from("t");
        outbox.send(Reply { join_ref, reference, topic, status: Status::Ok, response: bytes });
        let Poll::Ready(Some(error)) = take(&outbox) else { panic!() };
        let text = std::str::from_utf8(error.text().unwrap()).unwrap();
        assert!(
            text.starts_with(r#"["1","2","t","phx_reply","#) && text.ends_with(r#""status":"error"}]"#),
            "{text}"
        );
    }

    #[test]
    fn the_answer_to_a_close_is_1000_and_not_a_second_close() {
        let outbox = outbox(10, 1000);
        outbox.answer_close();
        outbox.answer_close();
        assert_eq!(take(&outbox), Poll::Ready(Some(frame::close(1000, ""))));
        assert_eq!(take(&outbox), Poll::Ready(None));
    }
}
