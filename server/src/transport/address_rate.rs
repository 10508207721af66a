//! A rate for each address.

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    DefaultKeyedRateLimiter, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use super::{Grain, Rate};
use crate::live::Live;

/// How often addresses are forgotten that may do as much as if they never had done anything.
const CLEANING: Duration = Duration::from_secs(10);

/// What comes from each address, kept in memory as long as it counts. Shared by all threads.
pub struct AddressRate {
    limit: Live<Limit>,
    grain: Grain,
    cleaned: Mutex<Instant>,
}

/// A rate, and how far each address has used it.
struct Limit {
    rate: Rate,
    limiter: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limit {
    fn new(rate: Rate) -> Self {
        Self { rate, limiter: RateLimiter::keyed(rate.quota()) }
    }
}

impl AddressRate {
    /// At most `rate` for what counts as one address.
    pub fn new(rate: Rate, grain: Grain) -> Self {
        Self { limit: Live::new(Limit::new(rate)), grain, cleaned: Mutex::new(Instant::now()) }
    }

    /// Another rate, at which each address begins anew; the same one changes nothing.
    pub fn change(&self, rate: Rate) {
        if self.limit.now().rate != rate {
            self.limit.replace(Limit::new(rate));
        }
    }

    /// Lets something from an address through, or says how long it has to wait. What comes from nowhere is let through.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let Some(address) = address else { return Ok(()) };
        self.clean();
        let now = || DefaultClock::default().now();
        let limit = self.limit.now();
        let admitted = limit.limiter.check_key(&self.grain.of(address));
        admitted.map_err(|not_until| not_until.wait_time_from(now()))
    }

    /// Forgets, if it is time to. Done when something comes: otherwise nothing is added either.
    fn clean(&self) {
        let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        if cleaned.elapsed() < CLEANING {
            return;
        }
        *cleaned = Instant::now();
        drop(cleaned);
        let limit = self.limit.now();
        limit.limiter.retain_recent();
        limit.limiter.shrink_to_fit();
    }
}

impl fmt::Debug for AddressRate {
    /// Without the addresses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AddressRate").field("rate", &self.limit.now().rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as it is asked for")]
    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn each_address_has_its_own_rate() {
        let rate = AddressRate::new(Rate::new(1, 2), Grain::Network);
        let (one, other) = (at("127.0.0.1"), at("127.0.0.2"));
        assert_eq!((rate.admit(one), rate.admit(one)), (Ok(()), Ok(())));
        let wait = rate.admit(one).unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rate.admit(other), Ok(()));
    }

    #[test]
    fn a_block_of_addresses_has_one_rate() {
        let rate = AddressRate::new(Rate::per_minute(1, 1), Grain::Block);
        assert_eq!(rate.admit(at("203.0.113.1")), Ok(()));
        let wait = rate.admit(at("203.0.113.250")).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        assert_eq!(rate.admit(at("203.0.114.1")), Ok(()));
        assert_eq!(rate.admit(at("2001:db8:1::1")), Ok(()));
        assert!(rate.admit(at("2001:db8:1:ffff::2")).is_err());
        assert_eq!(rate.admit(None), Ok(()));
    }

    #[test]
    fn another_rate_counts_from_now_on() {
        let rate = AddressRate::new(Rate::new(1, 1), Grain::Network);
        let address = at("127.0.0.1");
        assert_eq!(rate.admit(address), Ok(()));
        rate.change(Rate::new(1, 1));
        assert!(rate.admit(address).is_err(), "the same rate goes on counting");
        rate.change(Rate::new(1, 2));
        assert_eq!((rate.admit(address), rate.admit(address)), (Ok(()), Ok(())));
    }

    #[test]
    fn addresses_are_forgotten() {
        let rate = AddressRate::new(Rate::new(1_000_000, 1), Grain::Network);
        for last in 0..=255 {
            assert_eq!(rate.admit(Some(IpAddr::from([127, 0, 0, last]))), Ok(()));
        }
        assert_eq!(rate.limit.now().limiter.len(), 256, "it is not yet time");
        std::thread::sleep(Duration::from_millis(1));
        *rate.cleaned.lock().unwrap() -= CLEANING;
        assert_eq!(rate.admit(at("192.0.2.1")), Ok(()));
        assert_eq!(rate.limit.now().limiter.len(), 1);
    }
}
