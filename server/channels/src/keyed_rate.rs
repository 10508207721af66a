//! A rate for each of many keys. All threads share it; keys that have not been used for a while are
//! forgotten.

use std::{
    fmt,
    hash::Hash,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

/// How often keys that have recovered their whole burst are forgotten.
const CLEANING: Duration = Duration::from_secs(10);

/// Counts what each key does. See the [module](self).
pub struct KeyedRate<K: Hash + Eq + Clone> {
    limit: Arc<ArcSwap<Limit<K>>>,
    started: Instant,
    /// When keys were last forgotten, in seconds since the start.
    cleaned: AtomicU64,
}

/// A quota, and how much of it each key has used.
struct Limit<K: Hash + Eq + Clone> {
    quota: Quota,
    limiter: DefaultKeyedRateLimiter<K>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(quota: Quota) -> Self {
        Self { quota, limiter: RateLimiter::keyed(quota) }
    }
}

impl<K: Hash + Eq + Clone> KeyedRate<K> {
    /// At most `quota` for each key.
    pub fn new(quota: Quota) -> Self {
        Self {
            limit: Arc::new(ArcSwap::from_pointee(Limit::new(quota))),
            started: Instant::now(),
            cleaned: AtomicU64::new(0),
        }
    }

    /// Changes the quota, with which each key starts afresh. Setting the same quota changes
    /// nothing.
    pub fn change(&self, quota: Quota) {
        if self.limit.load().quota != quota {
            self.limit.store(Arc::new(Limit::new(quota)));
        }
    }

    /// Counts `cost` against a key's quota, or returns how long it must wait. A cost above the
    /// burst counts as the whole burst.
    pub fn admit(&self, key: &K, cost: NonZeroU32) -> Result<(), Duration> {
        self.clean();
        let limit = self.limit.load();
        let cost = cost.min(limit.quota.burst_size());
        // The error is for a cost above the burst, which this cannot be.
        let Ok(admitted) = limit.limiter.check_key_n(key, cost) else { return Ok(()) };
        admitted.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets recovered keys, if it is time to: on calls only, since nothing is added between
    /// them.
    fn clean(&self) {
        let (now, cleaned) = (self.started.elapsed().as_secs(), self.cleaned.load(Ordering::Relaxed));
        if now < cleaned + CLEANING.as_secs() {
            return;
        }
        // Another thread may have begun meanwhile.
        if self.cleaned.compare_exchange(cleaned, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        self.shrink();
    }

    /// Forgets recovered keys, and frees their room.
    pub fn shrink(&self) {
        let limit = self.limit.load();
        limit.limiter.retain_recent();
        limit.limiter.shrink_to_fit();
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for KeyedRate<K> {
    /// Without the keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyedRate").field("quota", &self.limit.load().quota).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_forgotten() {
        let one = NonZeroU32::MIN;
        let mut rate =
            KeyedRate::new(Quota::per_second(NonZeroU32::new(1_000_000).unwrap()).allow_burst(one));
        for key in 0..=255 {
            assert_eq!(rate.admit(&key, one), Ok(()));
        }
        assert_eq!(rate.limit.load().limiter.len(), 256, "it is not yet time");
        std::thread::sleep(Duration::from_millis(1));
        rate.started -= CLEANING;
        assert_eq!(rate.admit(&256, one), Ok(()));
        assert_eq!(rate.limit.load().limiter.len(), 1);
    }
}
