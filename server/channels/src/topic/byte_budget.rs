//! How many bytes of one connection's messages may wait in its topics.
//!
//! Mailboxes and the queues of busy subscribers bound how many messages wait. Each message may be
//! as large as the transport allows, so the bytes of a connection's waiting messages are bounded
//! too, in all its topics together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Overloaded;

/// The bytes that one connection has waiting, and how many it may have.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

/// One message's part of the budget, released on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl ByteBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: Arc::default(), limit }
    }

    /// Reserves a message's bytes. A message alone always fits, however large.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<Reserved, Overloaded> {
        let fits = |waiting: usize| {
            let sum = waiting.saturating_add(bytes);
            (waiting == 0 || sum <= self.limit).then_some(sum)
        };
        match self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(Reserved { waiting: Arc::clone(&self.waiting), bytes }),
            Err(_) => Err(Overloaded),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_end_at_the_limit_and_are_released() {
        let budget = ByteBudget::new(10);
        let first = budget.reserve(6).unwrap();
        let second = budget.reserve(4).unwrap();
        assert_eq!(budget.reserve(1).unwrap_err(), Overloaded);
        drop(first);
        let third = budget.reserve(6).unwrap();
        assert_eq!(budget.reserve(1).unwrap_err(), Overloaded);
        drop((second, third));
        assert_eq!(budget.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_message_alone_fits_however_large() {
        let budget = ByteBudget::new(10);
        let alone = budget.reserve(11).unwrap();
        assert_eq!(budget.reserve(0).unwrap_err(), Overloaded);
        drop(alone);
        assert!(budget.reserve(10).is_ok());
    }
}
