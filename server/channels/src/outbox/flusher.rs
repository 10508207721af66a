//! Writes to many connections what waits for them, once for each burst.
//!
//! Whoever has something to send on a thread goes first: the flusher of that thread runs when they
//! have all put their frames into the outboxes, and then writes each connection's frames at once.
//! So a burst costs a connection one system call, and no task is woken for a recipient.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use actix::Arbiter;
use tokio::task::yield_now;

use super::Outbox;
use crate::metrics::Traffic;

/// How many connections are written to before other tasks of the thread run. What those have to
/// send to the remaining connections goes out together with what waits for them.
const TURN: usize = 128;

/// From how many connections on the flusher first has the thread look for what has come in. Those
/// frames then go out together with the ones that wait; for fewer, looking costs more than it
/// saves.
pub(super) const MANY: usize = 64;

/// How many connections a thread's list keeps room for while nothing waits.
const KEPT: usize = 1024;

thread_local! {
    static FLUSHER: Flusher = const {
        Flusher { due: RefCell::new(Vec::new()), is_running: Cell::new(false), waker: Cell::new(None) }
    };
}

struct Flusher {
    due: RefCell<Vec<Outbox>>,
    is_running: Cell<bool>,
    /// Set while nothing is due.
    waker: Cell<Option<Waker>>,
}

/// Has an outbox flushed soon, by this thread. Returns whether it will be: a thread without actors
/// has no flusher.
pub(super) fn schedule(outbox: &Outbox) -> bool {
    let scheduled = FLUSHER.try_with(|flusher| {
        if !flusher.is_running.get() {
            if Arbiter::try_current().is_none() {
                return false;
            }
            flusher.is_running.set(true);
            actix::spawn(Run(Vec::new()).run());
            // A thread that is about to end drops the task at once.
            if !flusher.is_running.get() {
                return false;
            }
        }
        flusher.due.borrow_mut().push(outbox.clone());
        if let Some(waker) = flusher.waker.take() {
            waker.wake();
        }
        true
    });
    scheduled.unwrap_or(false)
}

/// What was sent in a turn. Connections count in few places, most of them in one, so it is counted
/// together.
#[derive(Default)]
pub(super) struct Sent {
    traffic: Option<Arc<Traffic>>,
    frames: usize,
    bytes: usize,
}

impl Sent {
    pub(super) fn add(&mut self, traffic: &Arc<Traffic>, (frames, bytes): (usize, usize)) {
        if !self.traffic.as_ref().is_some_and(|counted| Arc::ptr_eq(counted, traffic)) {
            self.count();
            self.traffic = Some(Arc::clone(traffic));
        }
        self.frames += frames;
        self.bytes += bytes;
    }

    fn count(&mut self) {
        if let Some(traffic) = self.traffic.take() {
            traffic.sent(std::mem::take(&mut self.frames), std::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.count();
    }
}

impl Flusher {
    /// Waits until some outbox is due, and returns how many are.
    fn poll_due(&self, cx: &mut Context<'_>) -> Poll<usize> {
        match self.due.borrow().len() {
            0 => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
            due => Poll::Ready(due),
        }
    }
}

/// A thread's flusher, with the outboxes that it is about to flush, the first one last.
struct Run(Vec<Outbox>);

impl Run {
    async fn run(mut self) {
        loop {
            let due = poll_fn(|cx| FLUSHER.with(|flusher| flusher.poll_due(cx))).await;
            if due >= MANY {
                // Whatever arrives while this many frames are queued shares their system calls.
                yield_now().await;
            }
            FLUSHER.with(|flusher| std::mem::swap(&mut *flusher.due.borrow_mut(), &mut self.0));
            self.0.reverse();
            self.flush();
            while !self.0.is_empty() {
                yield_now().await;
                self.flush();
            }
            self.0.shrink_to(KEPT);
        }
    }

    /// Writes to as many connections as a turn has.
    fn flush(&mut self) {
        let mut sent = Sent::default();
        for _ in 0..TURN {
            // Taken off one by one: those that a panic leaves are left to their tasks.
            let Some(outbox) = self.0.pop() else { break };
            outbox.flush(&mut sent);
        }
    }
}

impl Drop for Run {
    /// The thread's tasks end, or flushing panicked: the connections' own tasks write what is due.
    fn drop(&mut self) {
        let due = FLUSHER.try_with(|flusher| {
            flusher.is_running.set(false);
            flusher.waker.set(None);
            flusher.due.take()
        });
        for outbox in self.0.drain(..).chain(due.into_iter().flatten()) {
            outbox.leave_to_task();
        }
    }
}
