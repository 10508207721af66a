//! The only place that reads the time of day, and that says what is certainly past.

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
    pub fn now_us(&self) -> i64 {
        (self.0)()
    }

    /// Unix milliseconds.
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

/// Unix microseconds.
pub fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    now.saturating_add(FakeTime::look().ahead_ms.saturating_mul(1000))
}

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    now_us() / 1000
}

/// A moment in Unix milliseconds; the epoch itself for one before it.
pub fn unix_ms(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// How long ago the machine booted, the time that it has slept included. Nobody sets this clock.
fn since_boot() -> Duration {
    let measured = || Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    FakeTime::look().since_boot.unwrap_or_else(measured)
}

/// Whether systemd-timesyncd has set the clock since the boot. Others' synchronisation is not seen: the kernel would tell, but
/// not a service that is kept from setting the clock.
fn is_synchronised() -> bool {
    FakeTime::look().since_boot.is_none() && Path::new("/run/systemd/timesync/synchronized").exists()
}
