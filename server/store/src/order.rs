//! The order in which users are told of what several writers commit.
//!
//! The database orders the commits of one user's stream: a writer locks the stream, and the next
//! one waits. But the first may have committed, and not yet told, when the second has told already.
//! So a writer also holds a lock in this process, from before it locks the streams until it has
//! told. A room needs none: all of its commands go to the same writer.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use vestibule_approve::ids::Uid;

/// Enough that two users seldom share a lock.
const LOCKS: usize = 1024;

/// A lock for each user; some users share one.
pub(super) struct Order {
    /// None for one writer, which needs none.
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Order {
    /// The locks of so many writers.
    pub(super) fn of(writers: usize) -> Self {
        let locks = if writers > 1 { LOCKS } else { 0 };
        Self { locks: (0..locks).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

/// The locks that a writer holds, which it gives up with this.
pub(super) struct Held<'o> {
    order: &'o Order,
    locks: Vec<MutexGuard<'o, ()>>,
}

impl<'o> Held<'o> {
    /// Holds none yet.
    pub(super) fn of(order: &'o Order) -> Self {
        Self { order, locks: Vec::new() }
    }

    /// Takes the locks of these users. It must not hold any yet: all writers take theirs in the
    /// same order, and so do not wait for each other.
    pub(super) fn take<'u>(&mut self, users: impl IntoIterator<Item = &'u Uid>) {
        let Order { locks, hasher } = self.order;
        if locks.is_empty() {
            return;
        }
        let place = |user: &Uid| usize::try_from(hasher.hash_one(user)).unwrap_or_default() % locks.len();
        let places: BTreeSet<usize> = users.into_iter().map(place).collect();
        let lock = |place: usize| locks[place].lock().unwrap_or_else(PoisonError::into_inner);
        self.locks = places.into_iter().map(lock).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_user_is_told_by_one_writer_at_a_time() {
        let order = Order::of(2);
        let (alice, bob) = (Uid([1; 32]), Uid([2; 32]));
        let mut first = Held::of(&order);
        first.take([&alice, &bob, &alice]);
        let (told, is_told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                Held::of(&order).take([&bob]);
                told.send(()).unwrap();
            });
            assert!(is_told.recv_timeout(Duration::from_millis(50)).is_err(), "Bob's lock was taken twice");
            drop(first);
            is_told.recv().unwrap();
        });
    }

    #[test]
    fn one_writer_needs_no_locks() {
        let order = Order::of(1);
        let (mut first, mut second) = (Held::of(&order), Held::of(&order));
        first.take([&Uid([1; 32])]);
        second.take([&Uid([1; 32])]);
        assert!(first.locks.is_empty() && second.locks.is_empty());
    }
}
