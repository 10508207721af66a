//! The only place that reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix microseconds.
pub(crate) fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    now_us() / 1000
}
