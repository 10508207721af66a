//! The only place that reads the time of day.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// What the store goes by: by default the system's time of day.
///
/// Ends and seqs hang on the time, so whoever wants to see what a store does at a certain time hands in a clock that shows it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that shows what `now_us` says, in Unix microseconds. It is asked from several threads, and may go back.
    pub fn new(now_us: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_us))
    }

    /// Unix microseconds.
    pub(crate) fn now_us(&self) -> i64 {
        (self.0)()
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_us() / 1000
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(now_us)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now_us()).finish()
    }
}

/// Unix microseconds.
pub(crate) fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    now_us() / 1000
}
