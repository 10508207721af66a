//! What waits in an outbox.

use std::{collections::VecDeque, task::Waker};

use bytestring::ByteString;
use tokio::net::tcp::OwnedWriteHalf;
use vestibule_phoenix::{disconnect::Ending, socket::JoinId};

use super::{OutboxLimits, frame::Wire};

/// What the reader is doing.
#[derive(Default)]
pub(super) enum Reader {
    /// It handles what it took, or is not there: the queue's limits hold.
    #[default]
    Busy,
    /// It found the queue empty, and waits.
    Waiting(Waker),
    /// It is woken, and has not run yet.
    Woken,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Open,
    Closing,
    Finished,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) frames: VecDeque<Wire>,
    /// The bytes of all frames.
    bytes: usize,
    /// How much of the first frame is written already.
    pub(super) begun: usize,
    /// Frames that were taken and not counted yet, and their bytes.
    pub(super) taken: (usize, usize),
    pub(super) phase: Phase,
    pub(super) reader: Reader,
    /// Whether the queue exceeds its limits until the reader has had its turn.
    pub(super) is_ahead: bool,
    /// Whether the thread's flusher is about to write what waits.
    pub(super) is_due: bool,
    /// Where any thread may write, if the connection is plain TCP.
    pub(super) socket: Option<OwnedWriteHalf>,
    pub(super) ended: Vec<(ByteString, JoinId)>,
    /// How the connection ends, once that is decided.
    pub(super) ending: Option<Ending>,
}

impl Queue {
    pub(super) fn append(&mut self, frame: Wire) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// The first frame.
    pub(super) fn take(&mut self) -> Option<Wire> {
        let frame = self.frames.pop_front()?;
        self.begun = 0;
        self.bytes -= frame.len();
        self.taken.0 += 1;
        self.taken.1 += frame.len();
        Some(frame)
    }

    /// Takes off what was written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front().map(Wire::len) {
            let left = first - self.begun;
            if written < left {
                self.begun += written;
                return;
            }
            written -= left;
            self.take();
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Drops what waits. The rest of a frame that has begun stays: the client could make nothing of
    /// what comes after a part of one.
    pub(super) fn discard(&mut self) {
        self.frames.truncate(usize::from(self.begun > 0));
        self.bytes = self.frames.iter().map(Wire::len).sum();
    }

    pub(super) fn takes(&self, frame: &Wire, limits: OutboxLimits) -> bool {
        // A single frame always fits: its size is limited elsewhere.
        let has_room = self.frames.is_empty() || self.bytes + frame.len() <= limits.bytes;
        has_room && self.frames.len() < limits.frames
    }

    pub(super) fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.wake();
    }

    pub(super) fn wake(&mut self) {
        match std::mem::replace(&mut self.reader, Reader::Woken) {
            Reader::Waiting(waker) => waker.wake(),
            before => self.reader = before,
        }
    }
}
