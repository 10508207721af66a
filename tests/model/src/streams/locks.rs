//! Locks: of rows in the database, and of users within a process.

use std::collections::{BTreeMap, VecDeque};

use super::database::Stream;

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A stream's row in the database, until the transaction has ended.
    Row(Stream),
    /// A stream in one node's memory, until the transaction's frames are published.
    Process(usize, Stream),
}

/// What comes of asking for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The transaction has it.
    Now,
    /// Another transaction has it; this one is in the queue.
    Waits,
    /// Waiting would close a circle: nothing was taken.
    Deadlock,
}

/// All locks, of all nodes.
#[derive(Debug, Default)]
pub struct Locks {
    held: BTreeMap<Key, Held>,
    waits: BTreeMap<u64, Key>,
}

#[derive(Debug)]
struct Held {
    owner: u64,
    queue: VecDeque<u64>,
}

impl Locks {
    /// Takes a lock for a transaction, or puts the transaction into the queue.
    pub fn take(&mut self, key: Key, tx: u64) -> Taken {
        let Some(held) = self.held.get(&key) else {
            self.held.insert(key, Held { owner: tx, queue: VecDeque::new() });
            return Taken::Now;
        };
        let mut owner = held.owner;
        loop {
            if owner == tx {
                return if self.held[&key].owner == tx { Taken::Now } else { Taken::Deadlock };
            }
            let Some(next) = self.waits.get(&owner) else { break };
            owner = self.held[next].owner;
        }
        self.waits.insert(tx, key);
        self.held.entry(key).and_modify(|held| held.queue.push_back(tx));
        Taken::Waits
    }

    /// Releases the locks of a transaction that `which` chooses, and its place in a queue. Returns
    /// the transactions that have a lock because of that.
    pub fn release(&mut self, tx: u64, which: impl Fn(Key) -> bool) -> Vec<u64> {
        if let Some(key) = self.waits.get(&tx).copied().filter(|key| which(*key)) {
            self.waits.remove(&tx);
            self.held.entry(key).and_modify(|held| held.queue.retain(|other| *other != tx));
        }
        let of_tx = self.held.iter().filter(|(key, held)| held.owner == tx && which(**key));
        let keys: Vec<Key> = of_tx.map(|(key, _)| *key).collect();
        let mut granted = Vec::new();
        for key in keys {
            let next = self.held.get_mut(&key).and_then(|held| held.queue.pop_front());
            if let (Some(next), Some(held)) = (next, self.held.get_mut(&key)) {
                held.owner = next;
                self.waits.remove(&next);
                granted.push(next);
            } else {
                self.held.remove(&key);
            }
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_waits_is_noticed() {
        let (mut locks, one, two) =
            (Locks::default(), Key::Row(Stream::User(1)), Key::Process(0, Stream::User(2)));
        assert_eq!((locks.take(one, 1), locks.take(two, 2)), (Taken::Now, Taken::Now));
        assert_eq!((locks.take(two, 1), locks.take(one, 2)), (Taken::Waits, Taken::Deadlock));
        assert_eq!(locks.release(2, |_| true), [1]);
        assert_eq!(locks.take(two, 1), Taken::Now);
    }
}
