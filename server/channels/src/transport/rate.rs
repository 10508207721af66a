//! Rates, and the answer to clients that exceed one.

use std::{num::NonZeroU32, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{CACHE_CONTROL, RETRY_AFTER},
};
use governor::Quota;
use serde_json::{Value, json};
use vestibule_phoenix::message::Payload;

/// A number in each period, with a burst after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a period, in the long run.
    pub often: NonZeroU32,
    /// The period.
    pub period: Period,
    /// How many at once, after a pause.
    pub at_once: NonZeroU32,
}

/// The period of a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
}

impl Rate {
    /// A rate per second.
    ///
    /// # Panics
    /// If either number is 0.
    pub const fn new(per_second: u32, at_once: u32) -> Self {
        Self::of(per_second, Period::Second, at_once)
    }

    /// A rate per minute.
    ///
    /// # Panics
    /// If either number is 0.
    pub const fn per_minute(often: u32, at_once: u32) -> Self {
        Self::of(often, Period::Minute, at_once)
    }

    const fn of(often: u32, period: Period, at_once: u32) -> Self {
        let (Some(often), Some(at_once)) = (NonZeroU32::new(often), NonZeroU32::new(at_once)) else {
            panic!("a rate of 0 lets nothing through")
        };
        Self { often, period, at_once }
    }

    pub(super) fn quota(self) -> Quota {
        let quota = match self.period {
            Period::Second => Quota::per_second(self.often),
            Period::Minute => Quota::per_minute(self.often),
        };
        quota.allow_burst(self.at_once)
    }
}

/// A client exceeded a rate, and is told when to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateLimited {
    /// How long to wait from now.
    pub(super) wait: Duration,
}

impl RateLimited {
    /// The response of an error reply.
    pub(super) fn payload(self) -> Payload {
        Payload::of(&self.body())
    }

    /// HTTP 429. `Retry-After` counts in seconds, `retry_ms` is exact.
    pub(super) fn response(self) -> HttpResponse {
        let mut answer = HttpResponse::TooManyRequests();
        self.put_headers(&mut answer);
        answer.json(self.body())
    }

    /// Sets the headers of a 429.
    pub(super) fn put_headers(self, answer: &mut HttpResponseBuilder) {
        answer.insert_header((RETRY_AFTER, self.retry_ms().div_ceil(1000)));
        answer.insert_header((CACHE_CONTROL, "no-store"));
    }

    /// The body, with the `status` that long poll needs in it.
    pub(super) fn body_with(self, status: u16) -> Value {
        let mut body = self.body();
        body["status"] = status.into();
        body
    }

    fn body(self) -> Value {
        json!({ "reason": "rate_limited", "retry_ms": self.retry_ms() })
    }

    /// Rounded up, so that a client that waits that long is not refused again for a fraction.
    fn retry_ms(self) -> u64 {
        u64::try_from(self.wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_retry_is_never_too_early() {
        for (micros, retry_ms, seconds) in
            [(0, 1, "1"), (9_001, 10, "1"), (1_000_000, 1000, "1"), (1_000_001, 1001, "2")]
        {
            let limited = RateLimited { wait: Duration::from_micros(micros) };
            assert_eq!(limited.body(), json!({ "reason": "rate_limited", "retry_ms": retry_ms }));
            let response = limited.response();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            assert_eq!((response.status().as_u16(), retry_after), (429, Some(seconds)));
        }
    }
}
