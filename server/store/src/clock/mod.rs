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
pub use certainty::Certainty;
pub use certainty::Doubt;

/// The clock of a store: by default the system's time of day.
///
/// Expiry and seqs depend on the time, so tests pass a clock that shows the time they need.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that shows what `now_us` returns, in Unix microseconds. Several threads call it, and
    /// it may go back.
    pub fn new(now_us: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_us))
    }

    /// The time in Unix microseconds.
    pub fn now_us(&self) -> i64 {
        (self.0)()
    }

    /// The time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
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

/// The time in Unix microseconds.
pub fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    now.saturating_add(FakeTime::look().ahead_ms.saturating_mul(1000))
}

/// The time in Unix milliseconds.
pub fn now_ms() -> i64 {
    now_us() / 1000
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
fn is_synchronised() -> bool {
    FakeTime::look().since_boot.is_none() && Path::new("/run/systemd/timesync/synchronized").exists()
}
