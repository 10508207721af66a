//! How much a topic actor has sent, and when it lets readers run first.
//!
//! An actor handles all messages in its mailbox in one go, and no connection on its thread writes
//! meanwhile. It therefore yields the thread after every [`TURN`] bytes, and where it is ahead of a
//! reader, on whichever thread, it waits for that reader to run.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use tokio::{task::yield_now, time::timeout};

use crate::outbox::{Outbox, Pushed};

/// How many bytes a topic actor sends, to all its recipients together, before it yields.
const TURN: usize = 1024 * 1024;

/// How long a topic actor waits for readers to run. A thread that takes longer is in trouble, and
/// that must not become the topic's trouble.
const READER_TIMEOUT: Duration = Duration::from_secs(2);

/// The bytes sent since the readers last ran.
#[derive(Default)]
pub(crate) struct FanOut {
    bytes: Cell<usize>,
    /// Outboxes that hold more than their limits because their readers have not run yet.
    ahead: RefCell<Vec<Outbox>>,
}

impl FanOut {
    /// Counts a frame that was queued.
    #[inline]
    pub(super) fn note(&self, pushed: Pushed, outbox: &Outbox) {
        self.bytes.set(self.bytes.get() + pushed.bytes);
        if pushed.is_ahead {
            self.note_ahead(outbox);
        }
    }

    #[cold]
    fn note_ahead(&self, outbox: &Outbox) {
        self.ahead.borrow_mut().push(outbox.clone());
    }

    /// What to wait for before the next message is handled; `None` while little was sent.
    pub(crate) fn break_due(&self) -> Option<impl Future<Output = ()> + use<>> {
        if self.bytes.get() < TURN && self.ahead.borrow().is_empty() {
            return None;
        }
        let ahead = self.ahead.take();
        self.bytes.set(0);
        Some(async move {
            yield_now().await;
            let turns = async {
                for outbox in &ahead {
                    outbox.turn().await;
                }
            };
            if timeout(READER_TIMEOUT, turns).await.is_err() {
                ahead.iter().for_each(Outbox::close_if_ahead);
            }
        })
    }
}
