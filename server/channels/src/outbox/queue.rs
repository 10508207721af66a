//! What waits in an outbox.

use std::{collections::VecDeque, task::Waker};

use bytestring::ByteString;
use tokio::net::tcp::OwnedWriteHalf;
use vestibule_phoenix::{disconnect::Ending, socket::JoinId};

use super::{OutboxLimits, frame::Wire};

/// How many frames an empty queue keeps room for.
const KEPT: usize = 4;

/// What the reader is doing.
#[derive(Default)]
pub(super) enum Reader {
    /// It handles what it took, or is not there: the queue's limits hold.
    #[default]
    Busy,
    /// It waits until the system takes more. The queue's limits hold.
    Blocked(Waker),
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
    /// The frame that goes out next. Mostly nothing waits behind it, and it needs no buffer.
    first: Option<Wire>,
    /// The frames behind it.
    others: VecDeque<Wire>,
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
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.others.push_back(frame);
        }
    }

    /// The first frame.
    pub(super) fn take(&mut self) -> Option<Wire> {
        let frame = self.first.take()?;
        if !self.others.is_empty() {
            self.first = self.others.pop_front();
        }
        self.begun = 0;
        self.bytes -= frame.len();
        self.taken.0 += 1;
        self.taken.1 += frame.len();
        Some(frame)
    }

    /// What is to be written first, and the frames behind it.
    pub(super) fn waiting(&self) -> Option<(&[u8], &VecDeque<Wire>)> {
        let first = self.first.as_ref()?.framed_bytes();
        Some((&first[self.begun..], &self.others))
    }

    /// Takes off what was written.
    pub(super) fn advance(&mut self, mut written: usize) {
        if self.begun + written == self.bytes {
            return self.take_all();
        }
        while let Some(first) = self.first.as_ref().map(Wire::len) {
            let left = first - self.begun;
            if written < left {
                self.begun += written;
                return;
            }
            written -= left;
            self.take();
        }
    }

    fn take_all(&mut self) {
        self.taken.0 += usize::from(self.first.is_some()) + self.others.len();
        self.taken.1 += self.bytes;
        self.clear();
    }

    /// Empties the queue, and keeps no more room than a few frames need.
    fn clear(&mut self) {
        self.first = None;
        if !self.others.is_empty() {
            self.others.clear();
            self.others.shrink_to(KEPT);
        }
        (self.bytes, self.begun) = (0, 0);
    }

    #[cfg(feature = "tls")]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Drops what waits. The rest of a frame that has begun stays: the client could make nothing of
    /// what comes after a part of one.
    pub(super) fn discard(&mut self) {
        let (begun, first) = (self.begun, self.first.take());
        self.clear();
        if let Some(first) = first.filter(|_| begun > 0) {
            self.begun = begun;
            self.append(first);
        }
    }

    pub(super) fn takes(&self, frame: &Wire, limits: OutboxLimits) -> bool {
        // A single frame always fits: its size is limited elsewhere.
        self.first.is_none()
            || self.bytes + frame.len() <= limits.bytes && self.others.len() + 1 < limits.frames
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::frame::pong;

    #[test]
    fn a_burst_leaves_no_buffer_behind() {
        let mut queue = Queue::default();
        for length in 0..100 {
            queue.append(pong(&vec![0; length]));
        }
        assert_eq!(queue.bytes, 2 * 100 + (0..100).sum::<usize>());
        queue.advance(2 + 3 + 1);
        assert_eq!((queue.waiting().unwrap().0.len(), queue.begun, queue.taken), (3, 1, (2, 5)));
        queue.advance(queue.bytes - queue.begun);
        assert!(queue.waiting().is_none());
        assert_eq!((queue.bytes, queue.begun, queue.taken.0), (0, 0, 100));
        assert!(queue.others.capacity() <= 2 * KEPT, "{}", queue.others.capacity());
    }

    #[test]
    fn a_queue_takes_frames_up_to_its_limits() {
        let limits = OutboxLimits { frames: 2, bytes: 10 };
        let (short, long) = (pong(b""), pong(b"four hundred"));
        let mut queue = Queue::default();
        assert!(queue.takes(&long, limits), "a single frame always fits");
        queue.append(short.clone());
        assert!(queue.takes(&short, limits) && !queue.takes(&long, limits));
        queue.append(short.clone());
        assert!(!queue.takes(&short, limits));
    }
}
