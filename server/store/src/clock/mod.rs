//! The only module that reads the time of day, and that decides which time has certainly passed.

mod certainty;
mod fake;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use self::fake::FakeTime;
pub use certainty::{Certainty, Doubt};

/// A time in Unix microseconds. Other times are in milliseconds, and neither compiles in place of
/// the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// The time in Unix milliseconds.
    pub fn ms(self) -> i64 {
        self.0 / 1000
    }
}

/// The clock of a store: by default the system's time of day.
///
/// Expiry and seqs depend on the time, so tests pass a clock that shows the time they need.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMicros + Send + Sync>);

impl Clock {
    /// A clock that shows what `now` returns. Several threads call it, and it may go back.
    pub fn new(now: impl Fn() -> UnixMicros + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time in microseconds.
    pub fn now_us(&self) -> UnixMicros {
        (self.0)()
    }

    /// The time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_us().ms()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(time_of_day)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now_us()).finish()
    }
}

/// The system's time of day.
fn time_of_day() -> UnixMicros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    UnixMicros(now.saturating_add(FakeTime::look().ahead_ms.saturating_mul(1000)))
}

/// A time in Unix milliseconds; 0 for a time before 1970.
pub fn unix_ms(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// How long ago the machine booted, including the time it slept. Nobody sets this clock.
fn since_boot() -> Duration {
    let measured = || Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    FakeTime::look().since_boot.unwrap_or_else(measured)
}

/// Whether systemd-timesyncd has set the clock since boot. Other programs that synchronise are not
/// noticed: the kernel knows, but does not tell a service that may not set the clock.
pub fn is_synchronised() -> bool {
    FakeTime::look().since_boot.is_none() && Path::new("/run/systemd/timesync/synchronized").exists()
}
