//! What a room has sent, and when it lets the readers go first.
//!
//! A room handles what is in its mailbox in one go, and no connection on its thread writes meanwhile. It therefore gives the
//! thread up after every [`TURN`] bytes, and where it is ahead of a reader, on whichever thread, it waits for that one.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use tokio::{task::yield_now, time::timeout};

use crate::outbox::{Outbox, Pushed};

/// How many bytes a room sends, all its recipients' together, before others on its thread have their turn.
const TURN: usize = 256 * 1024;

/// How long a room waits for readers whose turn is to come. A thread that takes longer to come round is in trouble, which is
/// not to become the room's.
const PATIENCE: Duration = Duration::from_secs(2);

/// What has been sent since the readers had their turn.
#[derive(Default)]
pub(crate) struct FanOut {
    bytes: Cell<usize>,
    /// Those that hold more than they may, for want of their readers' turn.
    ahead: RefCell<Vec<Outbox>>,
}

impl FanOut {
    /// A frame was queued.
    pub(super) fn note(&self, pushed: Pushed, outbox: &Outbox) {
        self.bytes.set(self.bytes.get() + pushed.bytes);
        if pushed.is_ahead {
            self.ahead.borrow_mut().push(outbox.clone());
        }
    }

    /// What has to happen before the next message is handled: nothing, as long as little was sent.
    pub(crate) fn break_due(&self) -> Option<impl Future<Output = ()> + use<>> {
        let ahead = self.ahead.take();
        if self.bytes.get() < TURN && ahead.is_empty() {
            return None;
        }
        self.bytes.set(0);
        Some(async move {
            yield_now().await;
            let turns = async {
                for outbox in &ahead {
                    outbox.turn().await;
                }
            };
            if timeout(PATIENCE, turns).await.is_err() {
                ahead.iter().for_each(Outbox::close_if_ahead);
            }
        })
    }
}
