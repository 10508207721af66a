//! How much one member may have sent to others.
//!
//! What a member sends costs the server its bytes times its recipients, so that is what is counted: in a small room somebody
//! may say more than in a large one. It is counted by user, over all connections and rooms, so that joining anew changes
//! nothing.

use std::num::NonZeroU32;

use governor::Quota;
use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::Uid,
};

use vestibule_channels::keyed_rate::KeyedRate;

/// What a recipient of a message costs beside its payload: topic, event, frame, and the way there.
const OVERHEAD: usize = 256;

/// Bytes to others, a second in the long run, and at once after a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachRate {
    /// A second.
    pub per_second: usize,
    /// At once.
    pub at_once: usize,
}

impl ReachRate {
    fn quota(self) -> Quota {
        Quota::per_second(kib(self.per_second)).allow_burst(kib(self.at_once))
    }
}

/// What has been sent by whom. Shared by all rooms.
#[derive(Debug)]
pub(super) struct Reach(KeyedRate<Uid>);

/// What is counted in, so that a rate of many bytes is a number that fits: started ones count.
fn kib(bytes: usize) -> NonZeroU32 {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    NonZeroU32::new(kib).unwrap_or(NonZeroU32::MIN)
}

impl Reach {
    pub(super) fn new(rate: ReachRate) -> Self {
        Self(KeyedRate::new(rate.quota()))
    }

    /// Another rate, at which everybody begins anew; the same one changes nothing.
    pub(super) fn change(&self, rate: ReachRate) {
        self.0.change(rate.quota());
    }

    /// Lets a payload through to so many, and says how many bytes that is; or how long it has to wait.
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

    const NOBODY_MORE: ReachRate = ReachRate { per_second: 1024, at_once: 100 * 1024 };

    fn user(number: u8) -> Uid {
        Uid([number; 32])
    }

    #[test]
    fn bytes_count_times_their_recipients() {
        let reach = Reach::new(NOBODY_MORE);
        assert_eq!(reach.admit(user(1), 0, usize::MAX), Ok(0), "who is alone may say anything");
        assert_eq!(reach.admit(user(1), 50, 1024 - OVERHEAD), Ok(50 * 1024));
        assert_eq!(reach.admit(user(1), 50, 1024 - OVERHEAD), Ok(50 * 1024), "exactly at the limit");
        let refusal = reach.admit(user(1), 10, 1024 - OVERHEAD).unwrap_err();
        assert_eq!(refusal.reason, Reason::RateLimited);
        let retry_ms = refusal.retry_ms.expect("a time");
        assert!((9000..=10_001).contains(&retry_ms), "ten seconds for ten KiB: {retry_ms}");
        assert!(reach.admit(user(2), 50, 0).is_ok(), "another user has another rate");
    }

    #[test]
    fn what_costs_more_than_may_go_out_at_once_goes_out_after_a_silence() {
        let reach = Reach::new(NOBODY_MORE);
        assert_eq!(reach.admit(user(1), 1000, 1024 - OVERHEAD), Ok(1000 * 1024));
        let refusal = reach.admit(user(1), 1000, 1024 - OVERHEAD).unwrap_err();
        assert!(refusal.retry_ms.is_some_and(|ms| ms > 99_000), "all of it again: {refusal:?}");
    }

    #[test]
    fn another_rate_counts_from_now_on() {
        let reach = Reach::new(NOBODY_MORE);
        assert!(reach.admit(user(1), 1000, 0).is_ok());
        reach.change(NOBODY_MORE);
        assert!(reach.admit(user(1), 1000, 0).is_err(), "the same rate goes on counting");
        reach.change(ReachRate { per_second: usize::MAX, at_once: 1024 });
        assert!(reach.admit(user(1), 1, 0).is_ok());
    }
}
