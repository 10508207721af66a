//! A counter for what happens with every frame.

use std::{
    array,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use crossbeam_utils::CachePadded;
use prometheus_client::metrics::counter::{Atomic, Counter};

/// Threads beyond this number share a shard; the count is right all the same.
const SHARDS: usize = 16;

/// A counter with a shard for each thread: two threads that count at the same time do not wait for
/// each other's cache line.
pub type HotCounter = Counter<u64, Sharded>;

/// The shards of a [`HotCounter`].
#[derive(Debug)]
pub struct Sharded([CachePadded<AtomicU64>; SHARDS]);

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

impl Default for Sharded {
    fn default() -> Self {
        Self(array::from_fn(|_| CachePadded::default()))
    }
}

impl Atomic<u64> for Sharded {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    /// Returns the previous value of this thread's shard: nothing uses it.
    #[inline]
    fn inc_by(&self, more: u64) -> u64 {
        self.0[SHARD.with(|shard| *shard)].fetch_add(more, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.iter().map(|shard| shard.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn counts_of_all_threads_add_up() {
        let counter = HotCounter::default();
        thread::scope(|scope| {
            for _ in 0..SHARDS + 4 {
                scope.spawn(|| (0..1000).for_each(|_| _ = counter.inc_by(2)));
            }
        });
        assert_eq!(counter.get(), 2000 * (SHARDS as u64 + 4));
    }
}
