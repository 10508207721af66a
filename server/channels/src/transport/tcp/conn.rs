//! What a TCP connection is doing: known to its stream, which hears of bytes, and to its requests,
//! which know what they mean.

use std::{
    any::Any,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::time::Instant;

use super::patience::Patience;

/// What a connection is doing. In the order in which connections are ended where there are too
/// many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing, between two requests.
    Waiting,
    /// A request has begun to come, and is not all there.
    Receiving,
    /// A request is being answered.
    Answering,
    /// It carries a WebSocket, whose limits are others.
    Socket,
}

/// What a connection is doing, and since when.
pub(super) type Doing = (Phase, Instant);

/// A TCP connection.
pub(crate) struct Conn(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    /// Whether bytes of the next request came while one was answered.
    is_ahead: bool,
    /// Whether it is closed, or somebody has ended it.
    is_ended: bool,
    /// Whether the client has said that it sends no more, which most say by closing.
    is_at_end: bool,
    /// Who wants to know that for certain.
    asking: Option<Waker>,
    /// How often all that was to be sent was handed to the system.
    flushes: u64,
    reader: Option<Waker>,
    flushed: Option<Waker>,
    at_end: Option<Waker>,
    /// Its place among those without a WebSocket, given back on drop.
    entry: Option<Box<dyn Any + Send>>,
}

impl Conn {
    /// A new connection, on which the first request is to come.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            phase: Phase::Receiving,
            since: Instant::now(),
            is_ahead: false,
            is_ended: false,
            is_at_end: false,
            asking: None,
            flushes: 0,
            reader: None,
            flushed: None,
            at_end: None,
            entry: None,
        })))
    }

    /// Keeps the connection's place for it, until it is upgraded or closed.
    pub(super) fn keep(&self, entry: Box<dyn Any + Send>) {
        self.lock().entry = Some(entry);
    }

    /// A request's head is there. Says when its first byte came.
    pub(super) fn begin(&self) -> Instant {
        let mut state = self.lock();
        if state.phase != Phase::Receiving {
            state.enter(Phase::Receiving);
        }
        state.is_ahead = false;
        state.since
    }

    /// The request is all there.
    pub(super) fn complete(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Receiving {
            state.enter(Phase::Answering);
        }
    }

    /// The request is answered. Where its body was not all there, it goes on coming, and its time
    /// goes on.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Answering {
            let next = if state.is_ahead { Phase::Receiving } else { Phase::Waiting };
            state.is_ahead = false;
            state.enter(next);
        }
    }

    /// The connection carries a WebSocket from now on.
    pub(crate) fn upgraded(&self) {
        let entry = {
            let mut state = self.lock();
            state.enter(Phase::Socket);
            state.entry.take()
        };
        drop(entry);
    }

    /// The connection is closed.
    pub(super) fn closed(&self) {
        let entry = {
            let mut state = self.lock();
            state.is_ended = true;
            state.entry.take()
        };
        drop(entry);
    }

    /// Whether it carries a WebSocket.
    pub(super) fn is_socket(&self) -> bool {
        self.lock().phase == Phase::Socket
    }

    /// What it is doing, unless it has ended.
    pub(super) fn doing(&self) -> Option<Doing> {
        let state = self.lock();
        (!state.is_ended).then_some((state.phase, state.since))
    }

    /// Ends the connection, if it is still doing this and has not ended.
    pub(super) fn end(&self, doing: Doing) -> bool {
        let mut state = self.lock();
        if state.is_ended || (state.phase, state.since) != doing {
            return false;
        }
        state.is_ended = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        true
    }

    /// Its reader asks: whether the connection has been ended, and until when what is to come may
    /// come.
    pub(super) fn before_read(&self, cx: &Context<'_>, patience: Patience) -> Reading {
        let mut state = self.lock();
        if state.is_ended {
            return Reading::ClosedConnection;
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        match state.phase {
            // The HTTP library has a timer of its own, but not for a connection on which a head has
            // begun in the bytes of the request before it.
            Phase::Waiting => Reading::Until(state.since + patience.keep_alive),
            Phase::Receiving => Reading::Until(state.since + patience.request),
            Phase::Answering | Phase::Socket => Reading::Freely,
        }
    }

    /// Its reader has read so much.
    pub(super) fn after_read(&self, bytes: usize) {
        let mut state = self.lock();
        match (bytes, state.phase) {
            (0, _) => {
                state.is_at_end = true;
                if let Some(waiting) = state.at_end.take() {
                    waiting.wake();
                }
            }
            (_, Phase::Waiting) => state.enter(Phase::Receiving),
            (_, Phase::Answering) => state.is_ahead = true,
            (_, Phase::Receiving | Phase::Socket) => {}
        }
    }

    /// All that was to be sent has been handed to the system.
    pub(super) fn after_flush(&self) {
        let mut state = self.lock();
        state.flushes += 1;
        if let Some(waiting) = state.flushed.take() {
            waiting.wake();
        }
    }

    /// How often that was so.
    pub(crate) fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// Whether it was so more often than this; wakes when it is.
    pub(crate) fn poll_flushed(&self, cx: &Context<'_>, flushes: u64) -> Poll<()> {
        let mut state = self.lock();
        if state.flushes > flushes {
            return Poll::Ready(());
        }
        state.flushed = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Has the system asked whether the client has closed its end, which [`Conn::at_end`] knows
    /// then. The HTTP library reads a connection whenever it looks after the request, so it is made
    /// to.
    pub(crate) async fn ask(&self) {
        let mut has_asked = false;
        poll_fn(|cx| {
            let mut state = self.lock();
            if has_asked && state.asking.is_none() {
                return Poll::Ready(());
            }
            has_asked = true;
            state.asking = Some(cx.waker().clone());
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Whether the system is to be asked, which its reader does then.
    pub(super) fn is_asked(&self) -> bool {
        let asking = self.lock().asking.take();
        asking.map(Waker::wake).is_some()
    }

    /// Waits until the client has closed its end.
    pub(crate) async fn at_end(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.is_at_end {
                return Poll::Ready(());
            }
            state.at_end = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// A panic while the lock was held leaves a state that is still whole: every change is one
    /// step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        if self.phase != Phase::Socket {
            (self.phase, self.since) = (phase, Instant::now());
        }
    }
}

/// What a connection's reader is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// To read what there is.
    Freely,
    /// To read until then.
    Until(Instant),
    /// To stop.
    ClosedConnection,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PATIENCE: Patience =
        Patience { keep_alive: Duration::from_secs(2), request: Duration::from_secs(1) };

    fn phase(conn: &Conn) -> Phase {
        conn.doing().unwrap().0
    }

    #[tokio::test]
    async fn a_request_comes_and_is_answered() {
        let conn = Conn::new();
        assert_eq!(phase(&conn), Phase::Receiving);
        conn.after_read(10);
        conn.begin();
        conn.complete();
        assert_eq!(phase(&conn), Phase::Answering);
        conn.answered();
        assert_eq!(phase(&conn), Phase::Waiting);
        conn.after_read(1);
        assert_eq!(phase(&conn), Phase::Receiving);
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_goes_on_coming() {
        let conn = Conn::new();
        let began = conn.begin();
        conn.answered();
        assert_eq!(conn.doing(), Some((Phase::Receiving, began)));
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(conn.before_read(&cx, PATIENCE), Reading::Until(began + PATIENCE.request));
    }

    #[tokio::test]
    async fn what_comes_early_belongs_to_the_next_request() {
        let conn = Conn::new();
        conn.begin();
        conn.complete();
        conn.after_read(3);
        conn.answered();
        assert_eq!(phase(&conn), Phase::Receiving);
    }

    #[tokio::test]
    async fn a_websocket_stays_one() {
        let conn = Conn::new();
        conn.begin();
        conn.upgraded();
        conn.complete();
        conn.answered();
        conn.after_read(100);
        assert!(conn.is_socket());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(conn.before_read(&cx, PATIENCE), Reading::Freely);
        let doing = conn.doing().unwrap();
        assert!(conn.end(doing) && !conn.end(doing));
        assert_eq!((conn.before_read(&cx, PATIENCE), conn.doing()), (Reading::ClosedConnection, None));
    }

    #[tokio::test]
    async fn what_is_doing_something_else_or_closed_is_not_ended() {
        let conn = Conn::new();
        let doing = conn.doing().unwrap();
        conn.begin();
        conn.complete();
        assert!(!conn.end(doing));
        let doing = conn.doing().unwrap();
        conn.closed();
        assert!(!conn.end(doing));
        assert_eq!(conn.doing(), None);
    }

    #[tokio::test]
    async fn who_waits_hears_of_the_end_and_of_flushes() {
        let conn = Conn::new();
        let cx = Context::from_waker(Waker::noop());
        let flushes = conn.flushes();
        assert_eq!(conn.poll_flushed(&cx, flushes), Poll::Pending);
        conn.after_flush();
        assert_eq!(conn.poll_flushed(&cx, flushes), Poll::Ready(()));
        conn.after_read(0);
        conn.at_end().await;
    }
}
