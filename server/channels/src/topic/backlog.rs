//! How many bytes of one connection's messages may wait in its rooms.
//!
//! Mailboxes and the queues of busy members bound how many messages wait. Each message may be as large as the
//! transport allows, so a connection's waiting messages are bounded in bytes too, in all of its rooms
//! together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Overloaded;

/// The bytes that one connection has under way, and how many there may be.
#[derive(Debug)]
pub struct Backlog {
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

/// One message's share, given back on drop.
#[derive(Debug)]
pub struct Share {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Backlog {
    /// Nothing under way, and at most so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { waiting: Arc::default(), limit }
    }

    /// Takes a share for a message of so many bytes. A message alone is no backlog, however large.
    pub fn take(&self, bytes: usize) -> Result<Share, Overloaded> {
        let fits = |waiting: usize| {
            let sum = waiting.saturating_add(bytes);
            (waiting == 0 || sum <= self.limit).then_some(sum)
        };
        match self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(Share { waiting: Arc::clone(&self.waiting), bytes }),
            Err(_) => Err(Overloaded),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_end_at_the_limit_and_are_given_back() {
        let backlog = Backlog::new(10);
        let first = backlog.take(6).unwrap();
        let second = backlog.take(4).unwrap();
        assert_eq!(backlog.take(1).unwrap_err(), Overloaded);
        drop(first);
        let third = backlog.take(6).unwrap();
        assert_eq!(backlog.take(1).unwrap_err(), Overloaded);
        drop((second, third));
        assert_eq!(backlog.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_message_alone_fits_however_large() {
        let backlog = Backlog::new(10);
        let alone = backlog.take(11).unwrap();
        assert_eq!(backlog.take(0).unwrap_err(), Overloaded);
        drop(alone);
        assert!(backlog.take(10).is_ok());
    }
}
