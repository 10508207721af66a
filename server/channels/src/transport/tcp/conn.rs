//! What a TCP connection is doing: shared by its stream, which sees bytes, and its requests, which
//! know what they mean.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::time::Instant;

use super::{connections::Entry, timeouts::HttpTimeouts};

/// What a connection is doing, in the order in which connections are ended when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing, between two requests.
    Waiting,
    /// It is receiving a request.
    Receiving,
    /// Its request is being answered.
    Answering,
    /// It carries a WebSocket, which has limits of its own.
    Socket,
}

/// What a connection is doing, and since when.
pub(super) type Doing = (Phase, Instant);

/// A TCP connection.
pub(crate) struct Conn(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    /// While the first request is waited for: until when its head must be there.
    first_by: Option<Instant>,
    /// Whether bytes of the next request came while one was answered.
    is_ahead: bool,
    /// Whether it is closed or must be.
    is_ended: bool,
    /// Whether the client sends no more, which usually means that it has closed the connection.
    is_at_end: bool,
    /// Wakes the caller of [`Conn::ask`].
    asking: Option<Waker>,
    /// How often everything to send has been handed to the system.
    flushes: u64,
    reader: Option<Waker>,
    flushed: Option<Waker>,
    at_end: Option<Waker>,
    /// The connection's entry among those without a WebSocket, removed on drop.
    entry: Option<Entry>,
}

impl Conn {
    /// A new connection that expects its first request.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            phase: Phase::Receiving,
            since: Instant::now(),
            first_by: None,
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

    /// Keeps the connection's entry until it is upgraded or closed.
    pub(super) fn keep(&self, entry: Entry) {
        self.lock().entry = Some(entry);
    }

    /// Notes that the first request is waited for. Reading fails at the deadline.
    pub(super) fn await_first(&self, deadline: Instant) {
        self.lock().first_by = Some(deadline);
    }

    /// Notes that the first request is no longer waited for.
    pub(super) fn stop_awaiting(&self) {
        self.lock().first_by = None;
    }

    /// Ends the connection, if it waits for the first request.
    pub(super) fn end_if_awaiting(&self) {
        let mut state = self.lock();
        if state.first_by.is_some() {
            state.end();
        }
    }

    /// Notes that a request's head is there, and returns when its first byte came.
    pub(super) fn begin(&self) -> Instant {
        let mut state = self.lock();
        if state.phase != Phase::Receiving {
            state.enter(Phase::Receiving);
        }
        state.is_ahead = false;
        state.since
    }

    /// Notes that the request is complete.
    pub(super) fn complete(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Receiving {
            state.enter(Phase::Answering);
        }
    }

    /// Notes that the request is answered. If its body was not complete, it goes on arriving, and
    /// its deadline stays.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Answering {
            let next = if state.is_ahead { Phase::Receiving } else { Phase::Waiting };
            state.is_ahead = false;
            state.enter(next);
        }
    }

    /// Notes that the connection carries a WebSocket from now on.
    pub(crate) fn upgraded(&self) {
        let entry = {
            let mut state = self.lock();
            state.enter(Phase::Socket);
            state.entry.take()
        };
        drop(entry);
    }

    /// Notes that the connection is closed.
    pub(super) fn closed(&self) {
        let entry = {
            let mut state = self.lock();
            state.is_ended = true;
            state.entry.take()
        };
        drop(entry);
    }

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
        state.end();
        true
    }

    /// Tells the reader whether the connection must end, and until when data may come.
    pub(super) fn before_read(&self, cx: &Context<'_>, timeouts: HttpTimeouts) -> Reading {
        let mut state = self.lock();
        if state.is_ended {
            return Reading::Stop;
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        match state.phase {
            // The HTTP library has a timer of its own, but not where the next head began in the
            // bytes of the previous request.
            Phase::Waiting => Reading::Until(state.since + timeouts.keep_alive),
            Phase::Receiving => {
                let deadline = state.since + timeouts.request;
                Reading::Until(state.first_by.map_or(deadline, |first_by| first_by.min(deadline)))
            }
            Phase::Answering | Phase::Socket => Reading::Freely,
        }
    }

    /// Notes that the reader has read this many bytes.
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

    /// Notes that everything to send has been handed to the system.
    pub(super) fn after_flush(&self) {
        let mut state = self.lock();
        state.flushes += 1;
        if let Some(waiting) = state.flushed.take() {
            waiting.wake();
        }
    }

    /// How often everything to send has been handed to the system.
    pub(crate) fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// Ready once that has happened more often than `flushes` times.
    pub(crate) fn poll_flushed(&self, cx: &Context<'_>, flushes: u64) -> Poll<()> {
        let mut state = self.lock();
        if state.flushes > flushes {
            return Poll::Ready(());
        }
        state.flushed = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Has the system say whether the client has closed its end, which [`Conn::at_end`] then knows.
    /// The HTTP library reads a connection whenever it polls the request, so this wakes it.
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

    /// Whether the reader must ask the system.
    pub(super) fn is_asked(&self) -> bool {
        let asking = self.lock().asking.take();
        asking.map(Waker::wake).is_some()
    }

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

    /// A panic while the lock was held leaves a consistent state: every change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Has the reader fail.
    fn end(&mut self) {
        self.is_ended = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != Phase::Socket {
            (self.phase, self.since) = (phase, Instant::now());
        }
    }
}

/// What a connection's reader must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Read whatever there is.
    Freely,
    /// Read until then.
    Until(Instant),
    /// End the connection.
    Stop,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMEOUTS: HttpTimeouts =
        HttpTimeouts { keep_alive: Duration::from_secs(2), request: Duration::from_secs(1) };

    fn phase(conn: &Conn) -> Phase {
        conn.doing().unwrap().0
    }

    #[tokio::test]
    async fn a_request_arrives_and_is_answered() {
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
    async fn a_first_request_has_a_deadline_of_its_own() {
        let conn = Conn::new();
        let (_, since) = conn.doing().unwrap();
        let cx = Context::from_waker(Waker::noop());
        for (given, until) in [(0, 0), (1, 1), (2, 1)] {
            conn.await_first(since + Duration::from_secs(given));
            let until = Reading::Until(since + Duration::from_secs(until));
            assert_eq!(conn.before_read(&cx, TIMEOUTS), until, "{given}");
        }
        conn.stop_awaiting();
        conn.end_if_awaiting();
        assert_eq!(conn.before_read(&cx, TIMEOUTS), Reading::Until(since + TIMEOUTS.request));
        conn.await_first(since);
        conn.end_if_awaiting();
        assert_eq!(conn.before_read(&cx, TIMEOUTS), Reading::Stop);
    }

    #[tokio::test]
    async fn an_unread_body_goes_on_arriving() {
        let conn = Conn::new();
        let began = conn.begin();
        conn.answered();
        assert_eq!(conn.doing(), Some((Phase::Receiving, began)));
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(conn.before_read(&cx, TIMEOUTS), Reading::Until(began + TIMEOUTS.request));
    }

    #[tokio::test]
    async fn early_bytes_belong_to_the_next_request() {
        let conn = Conn::new();
        conn.begin();
        conn.complete();
        conn.after_read(3);
        conn.answered();
        assert_eq!(phase(&conn), Phase::Receiving);
    }

    #[tokio::test]
    async fn a_websocket_stays_a_websocket() {
        let conn = Conn::new();
        conn.begin();
        conn.upgraded();
        conn.complete();
        conn.answered();
        conn.after_read(100);
        assert!(conn.is_socket());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(conn.before_read(&cx, TIMEOUTS), Reading::Freely);
        let doing = conn.doing().unwrap();
        assert!(conn.end(doing) && !conn.end(doing));
        assert_eq!((conn.before_read(&cx, TIMEOUTS), conn.doing()), (Reading::Stop, None));
    }

    #[tokio::test]
    async fn a_busy_or_closed_connection_is_not_ended() {
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
    async fn waiters_hear_of_the_end_and_of_flushes() {
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
