//! The limit on what one user sends to other members.
//!
//! A message costs the server its bytes times its recipients, so that product is counted: in a
//! small room a member may say more than in a large one. It is counted per user, over all
//! connections and rooms, so reconnecting changes nothing.

use std::num::NonZeroU32;

use governor::Quota;
use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::Uid,
};
use vestibule_channels::keyed_rate::KeyedRate;

/// The cost of a recipient besides the payload: topic, event, frame, and the way there.
const OVERHEAD: usize = 256;

/// A rate of bytes times recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOutRate {
    /// The sustained rate.
    pub per_second: usize,
    /// What may be sent at once after a pause.
    pub at_once: usize,
}

impl FanOutRate {
    fn quota(self) -> Quota {
        Quota::per_second(kib(self.per_second)).allow_burst(kib(self.at_once))
    }
}

/// Counts what users have sent. Shared by all rooms.
#[derive(Debug)]
pub(super) struct FanOutLimit(KeyedRate<Uid>);

/// Bytes in KiB, rounded up: the rate limiter counts in 32 bits.
fn kib(bytes: usize) -> NonZeroU32 {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN)
}

impl FanOutLimit {
    pub(super) fn new(rate: FanOutRate) -> Self {
        Self(KeyedRate::new(rate.quota()))
    }

    /// Changes the rate and forgets what was counted; does nothing if the rate is the same.
    pub(super) fn change(&self, rate: FanOutRate) {
        self.0.change(rate.quota());
    }

    /// Admits a payload to so many recipients and returns its cost in bytes, or refuses it with the
    /// time to wait.
    pub(super) fn admit(&self, from: Uid, recipients: usize, payload: usize) -> Result<usize, Refusal> {
        if recipients == 0 {
            return Ok(0);
        }
        let bytes = recipients.saturating_mul(payload.saturating_add(OVERHEAD));
        self.0.admit(&from, kib(bytes)).map_err(|wait| {
            let retry_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).saturating_add(1);
            Reason::RateLimited.retry_after(retry_ms)
        })?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FanOutRate = FanOutRate { per_second: 1024, at_once: 100 * 1024 };

    fn user(number: u8) -> Uid {
        Uid([number; 32])
    }

    #[test]
    fn bytes_count_times_recipients() {
        let limit = FanOutLimit::new(RATE);
        assert_eq!(limit.admit(user(1), 0, usize::MAX), Ok(0), "without recipients anything is free");
        assert_eq!(limit.admit(user(1), 50, 1024 - OVERHEAD), Ok(50 * 1024));
        assert_eq!(limit.admit(user(1), 50, 1024 - OVERHEAD), Ok(50 * 1024), "exactly at the limit");
        let refusal = limit.admit(user(1), 10, 1024 - OVERHEAD).unwrap_err();
        assert_eq!(refusal.reason, Reason::RateLimited);
        let retry_ms = refusal.retry_ms.expect("a time");
        assert!((9000..=10_001).contains(&retry_ms), "ten seconds for ten KiB: {retry_ms}");
        assert!(limit.admit(user(2), 50, 0).is_ok(), "another user has another rate");
    }

    #[test]
    fn a_message_over_the_burst_passes_after_a_pause() {
        let limit = FanOutLimit::new(RATE);
        assert_eq!(limit.admit(user(1), 1000, 1024 - OVERHEAD), Ok(1000 * 1024));
        let refusal = limit.admit(user(1), 1000, 1024 - OVERHEAD).unwrap_err();
        assert!(refusal.retry_ms.is_some_and(|ms| ms > 99_000), "all of it again: {refusal:?}");
    }

    #[test]
    fn a_changed_rate_counts_from_now_on() {
        let limit = FanOutLimit::new(RATE);
        assert!(limit.admit(user(1), 1000, 0).is_ok());
        limit.change(RATE);
        assert!(limit.admit(user(1), 1000, 0).is_err(), "the same rate goes on counting");
        limit.change(FanOutRate { per_second: usize::MAX, at_once: 1024 });
        assert!(limit.admit(user(1), 1, 0).is_ok());
    }
}
