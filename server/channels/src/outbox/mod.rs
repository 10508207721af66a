//! A connection's way out: a bounded queue of encoded frames.
//!
//! [`Outbox::push`] is the only way to a client. It never waits: when the queue is full, the client
//! is disconnected, because it reads more slowly than its frames come. The application must be able
//! to send it again what it missed.
//!
//! # A reader gets its turn first
//! The reader, which takes the frames, is a task like others, and its thread may be busy while
//! frames come. So a queue counts as overfull only once its reader had a chance to run: from the
//! moment when a waiting reader is woken until it runs, the queue may hold up to `UNREAD` times its
//! limits. The sender learns of that from [`Pushed::is_ahead`], and lets the reader run first with
//! [`Outbox::turn`].
//!
//! # The way to the client
//! Over plain TCP the outbox writes by itself: see `socket` and `flusher`. Elsewhere a reader takes
//! the frames ([`Outbox::poll_next`]): the writer of a TLS connection, a response body, or a poll.
//!
//! # Concurrency
//! Any thread may push and flush; one task reads; one connection task waits for the end
//! ([`Outbox::closing`]). The lock is held for a few instructions and one system call that does not
//! block, never across an await.
//!
//! # Lifecycle
//! open → closing (a close frame is the last in the queue; frames pushed later are dropped) →
//! finished (the reader ends when the queue is empty). If the connection is lost before that, it
//! finishes at once.

mod flusher;
mod frame;
mod queue;
mod socket;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytestring::ByteString;
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;
use tokio::sync::Notify;
use vestibule_phoenix::{
    disconnect::{Disconnect, Ending},
    lent::{Kind, OutgoingRef},
    message::{Outgoing, Payload, Status},
    serializer::{EncodeError, Serializer},
    socket::JoinId,
};

use self::queue::{Phase, Queue, Reader};
use crate::metrics::Traffic;
pub(crate) use frame::{Encoded, Wire};

/// How much may wait for one client. At the first limit that is reached, it is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes, frame headers included.
    pub bytes: usize,
}

/// How many times its limits a queue may hold while its reader is woken and has not run yet.
///
/// A topic is ahead of a reader by one message at most, then waits for it. Several topics may be
/// ahead at the same time, each by a message, which is a quarter of the queue by default. A dozen
/// fit; a client that has joined more is disconnected sooner.
const UNREAD: usize = 4;

/// A message was queued, or dropped because the connection is about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// The frame's length in bytes.
    pub(crate) bytes: usize,
    /// Whether the queue exceeds its limits because its reader has not run yet. A sender with more
    /// to push waits for [`Outbox::turn`].
    pub(crate) is_ahead: bool,
}

impl OutboxLimits {
    fn unread(self) -> Self {
        Self { frames: self.frames.saturating_mul(UNREAD), bytes: self.bytes.saturating_mul(UNREAD) }
    }
}

/// A handle of one connection's queue; clones share it. See the [module](self).
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

/// The frames that a transport can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text and binary frames.
    Any,
    /// Text frames only.
    Text,
}

struct Shared {
    serializer: Serializer,
    form: Form,
    limits: OutboxLimits,
    queue: Mutex<Queue>,
    closing: Notify,
    /// Notified when all is written, or nobody is left to write it.
    written: Notify,
    /// Notified when what waits is given up.
    #[cfg(feature = "tls")]
    abandoned: Notify,
    /// Notified when the reader has had its turn.
    turn: Notify,
    traffic: Arc<Traffic>,
}

/// A reader that is there until this is dropped.
pub(crate) struct Reading<'a>(&'a Outbox);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.had_its_turn(&mut self.0.lock());
    }
}

impl Outbox {
    /// An empty queue for a connection that speaks `serializer`. Frames are counted in `traffic`.
    pub(crate) fn new(
        serializer: Serializer,
        form: Form,
        limits: OutboxLimits,
        traffic: Arc<Traffic>,
    ) -> Self {
        let queue = Mutex::new(Queue::default());
        Self(Arc::new(Shared {
            serializer,
            form,
            limits,
            queue,
            closing: Notify::new(),
            written: Notify::new(),
            #[cfg(feature = "tls")]
            abandoned: Notify::new(),
            turn: Notify::new(),
            traffic,
        }))
    }

    /// Sends one message to this connection alone. JSON can always be sent; a message that the
    /// serializer cannot express is left out.
    pub(crate) fn send(&self, message: impl Into<Outgoing>) {
        self.send_lent(&(&message.into()).into());
    }

    fn send_lent(&self, message: &OutgoingRef<'_>) {
        if let Err(error) = self.push_alone(message) {
            tracing::debug!(%error, "left out");
        }
    }

    /// Sends one message to this connection alone. Sends nothing if the client's serializer cannot
    /// express it.
    pub(crate) fn push_alone(&self, message: &OutgoingRef<'_>) -> Result<Pushed, EncodeError> {
        let frame = frame::encode(self.0.serializer, message)?;
        Ok(self.push_frame(frame, *message))
    }

    /// As [`Outbox::push_alone`], for a message whose bytes are shared with other connections that
    /// speak the same serializer.
    #[inline]
    pub(crate) fn push(&self, message: &Encoded) -> Result<Pushed, EncodeError> {
        let frame = message.wire(self.0.serializer)?;
        Ok(self.push_frame(frame.clone(), message.message()))
    }

    fn push_frame<'a>(&self, frame: Wire, message: impl Into<OutgoingRef<'a>>) -> Pushed {
        let bytes = frame.len();
        let is_ahead = if frame.is_binary() && self.0.form == Form::Text {
            self.decline_binary(message.into());
            false
        } else {
            self.enqueue(frame)
        };
        Pushed { bytes, is_ahead }
    }

    pub(crate) fn pong(&self, payload: &[u8]) {
        self.enqueue(frame::pong(payload));
    }

    /// Starts the close: waiting frames are still sent, then a close frame, and nothing after it.
    pub(crate) fn close(&self, why: Disconnect) {
        self.start_close(&mut self.lock(), why);
    }

    /// Closes because too much waits: waiting frames are dropped.
    pub(crate) fn close_as_slow(&self) {
        let mut queue = self.lock();
        if queue.phase == Phase::Open {
            self.start_close_as_slow(&mut queue);
        }
    }

    /// Closes as slow if the reader has still not had its turn.
    pub(crate) fn close_if_ahead(&self) {
        let mut queue = self.lock();
        if queue.is_ahead && queue.phase == Phase::Open {
            self.start_close_as_slow(&mut queue);
        }
    }

    /// Answers the client's own close, and finishes.
    pub(crate) fn answer_close(&self) {
        let mut queue = self.lock();
        if queue.phase == Phase::Open {
            queue.append(frame::close(1000, ""));
            queue.ending = Some(Ending::Closed);
        }
        queue.finish();
    }

    /// Finishes: the reader ends once the queue is empty.
    pub(crate) fn finish(&self) {
        let mut queue = self.lock();
        self.count(&mut queue);
        queue.finish();
        self.nobody_is_ahead(&mut queue);
        drop(queue);
        self.0.closing.notify_one();
    }

    /// Waits until the connection is closed.
    pub(crate) async fn closing(&self) {
        self.0.closing.notified().await;
    }

    /// Notes that the writer has reached the end, and writes no more.
    pub(crate) fn note_written(&self) {
        self.0.written.notify_one();
    }

    /// Waits for [`Outbox::note_written`].
    pub(crate) async fn written(&self) {
        self.0.written.notified().await;
    }

    /// Gives up what still waits, also the rest of a frame that has begun, once nothing more may be
    /// pushed: the writer ends.
    pub(crate) fn abandon(&self) {
        self.lock().lose();
        #[cfg(feature = "tls")]
        self.0.abandoned.notify_one();
    }

    /// Waits for [`Outbox::abandon`].
    #[cfg(feature = "tls")]
    pub(crate) async fn abandoned(&self) {
        self.0.abandoned.notified().await;
    }

    /// Whether the connection must end; frames pushed now are dropped.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().phase != Phase::Open
    }

    /// How the connection ended, or is about to.
    pub(crate) fn ending(&self) -> Ending {
        self.lock().ending.unwrap_or(Ending::Lost)
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.0.traffic
    }

    /// Notes that a channel ended this connection's join by itself. The note is there before any
    /// frame that tells the client, so that a frame that the client sends in answer finds the topic
    /// left.
    pub(crate) fn note_ended(&self, topic: ByteString, join: JoinId) {
        self.lock().ended.push((topic, join));
    }

    /// Takes the notes of [`Outbox::note_ended`]: at most one for each topic joined since.
    pub(crate) fn take_ended(&self) -> Vec<(ByteString, JoinId)> {
        std::mem::take(&mut self.lock().ended)
    }

    /// The next frame for the socket; `None` at the end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Wire>> {
        let mut queue = self.lock();
        self.had_its_turn(&mut queue);
        if let Some(frame) = queue.take() {
            return Poll::Ready(Some(frame));
        }
        self.count(&mut queue);
        if queue.phase == Phase::Finished {
            return Poll::Ready(None);
        }
        queue.reader = Reader::Waiting(cx.waker().clone());
        Poll::Pending
    }

    /// Whether nothing waits.
    #[cfg(feature = "tls")]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// For a reader that goes away before the connection ends, as a poll does: while it is not
    /// there, nobody waits for its turn.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading(self)
    }

    /// Waits for the reader's turn, if the queue exceeds its limits.
    pub(crate) async fn turn(&self) {
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

    pub(crate) fn limits(&self) -> OutboxLimits {
        self.0.limits
    }

    /// Counts taken frames, once a batch: counting every frame would take some percent of a
    /// fan-out's time.
    fn count(&self, queue: &mut Queue) {
        let (frames, bytes) = std::mem::take(&mut queue.taken);
        if frames > 0 {
            self.0.traffic.sent(frames, bytes);
        }
    }

    /// Replaces a reply of bytes by an error reply that says so; other bytes are left out.
    fn decline_binary(&self, message: OutgoingRef<'_>) {
        if let Kind::Reply(_) = message.kind {
            let response = Payload::of(&json!({ "reason": "binary", "detail": "bytes need a WebSocket" }));
            self.send_lent(&OutgoingRef { kind: Kind::Reply(&Status::Error), payload: &response, ..message });
        }
    }

    /// Returns whether the queue exceeds its limits because its reader has not run yet.
    #[inline]
    fn enqueue(&self, frame: Wire) -> bool {
        let mut queue = self.lock();
        if queue.phase != Phase::Open {
            return false;
        }
        let is_behind = !queue.takes(&frame, self.0.limits);
        let had_no_chance = queue.is_due || matches!(queue.reader, Reader::Woken);
        if is_behind && !(had_no_chance && queue.takes(&frame, self.0.limits.unread())) {
            self.start_close_as_slow(&mut queue);
            return false;
        }
        queue.append(frame);
        self.have_sent(&mut queue);
        queue.is_ahead |= is_behind;
        is_behind
    }

    fn start_close_as_slow(&self, queue: &mut Queue) {
        queue.discard();
        self.start_close(queue, Disconnect::Slow);
    }

    fn start_close(&self, queue: &mut Queue, why: Disconnect) {
        if queue.phase == Phase::Open {
            tracing::debug!(%why, "closing a connection");
            queue.append(frame::close(why.code(), why.reason()));
            queue.wake();
            queue.phase = Phase::Closing;
            queue.ending = Some(Ending::Disconnected(why));
            self.0.closing.notify_one();
        }
    }

    /// A panic while the lock was held leaves a consistent queue: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock()
    }
}

#[cfg(test)]
mod tests;
