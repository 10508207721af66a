//! A slow disk, for tests: longer commits make it likelier to see what is true only during a
//! commit.
//!
//! `VESTIBULE_SLOW_DISK=SEED:MILLISECONDS` makes the writer wait before and after each commit, for
//! random times up to that many milliseconds. Builds without debug assertions ignore it.

use std::{env, thread, time::Duration};

use fastrand::Rng;

const VARIABLE: &str = "VESTIBULE_SLOW_DISK";

#[derive(Debug, Default)]
pub(super) struct SlowDisk(Option<Delays>);

#[derive(Debug, PartialEq, Eq)]
struct Delays {
    random: Rng,
    most_ms: u64,
}

impl SlowDisk {
    /// Reads the environment variable; if it is missing or malformed, nothing waits.
    pub(super) fn from_environment() -> Self {
        let setting = cfg!(debug_assertions).then(|| env::var(VARIABLE).ok()).flatten();
        Self(setting.and_then(|setting| Delays::parse(&setting)))
    }

    /// Waits, while a change is not yet stored, or stored and not yet answered.
    pub(super) fn wait(&mut self) {
        if let Some(delays) = &mut self.0 {
            thread::sleep(delays.next());
        }
    }
}

impl Delays {
    fn parse(setting: &str) -> Option<Self> {
        let (seed, most_ms) = setting.split_once(':')?;
        Some(Self { random: Rng::with_seed(seed.parse().ok()?), most_ms: most_ms.parse().ok()? })
    }

    /// One wait of four may take all of the time, the others an eighth.
    fn next(&mut self) -> Duration {
        let most = if self.random.u8(..4) == 0 { self.most_ms } else { self.most_ms / 8 };
        Duration::from_millis(self.random.u64(..=most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_seed_and_a_time() {
        assert_eq!(Delays::parse("7:40"), Some(Delays { random: Rng::with_seed(7), most_ms: 40 }));
        for nothing in ["", "7", "7:", ":40", "x:40", "7:-1"] {
            assert_eq!(Delays::parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_seed_repeats_its_delays() {
        let times = |seed: &str| {
            let mut delays = Delays::parse(seed).unwrap();
            (0..100).map(|_| delays.next()).collect::<Vec<_>>()
        };
        assert_eq!(times("1:40"), times("1:40"));
        assert_ne!(times("1:40"), times("2:40"));
        assert!(times("1:40").iter().all(|time| *time <= Duration::from_millis(40)));
        assert!(times("1:0").iter().all(Duration::is_zero));
    }
}
