//! A slow disk, for the tests that want one: what is true only while a commit lasts is seen more often when it lasts longer.
//!
//! `VESTIBULE_SLOW_DISK=SEED:MILLISECONDS` makes the writer wait before each commit and after it, for times that the seed
//! draws, of at most so many milliseconds. Builds without debug assertions do not look at it.

use std::{env, thread, time::Duration};

const VARIABLE: &str = "VESTIBULE_SLOW_DISK";

/// How slow the disk is.
#[derive(Debug, Default)]
pub(super) struct SlowDisk(Option<Delays>);

#[derive(Debug, PartialEq, Eq)]
struct Delays {
    state: u64,
    most_ms: u64,
}

impl SlowDisk {
    /// As the environment says; no slower than it is where that says nothing that makes sense.
    pub(super) fn from_environment() -> Self {
        let setting = cfg!(debug_assertions).then(|| env::var(VARIABLE).ok()).flatten();
        Self(setting.and_then(|setting| Delays::parse(&setting)))
    }

    /// Waits, perhaps: what is under way is not stored yet, or stored and not answered.
    pub(super) fn wait(&mut self) {
        if let Some(delays) = &mut self.0 {
            thread::sleep(delays.next());
        }
    }
}

impl Delays {
    fn parse(setting: &str) -> Option<Self> {
        let (seed, most_ms) = setting.split_once(':')?;
        Some(Self { state: seed.parse().ok()?, most_ms: most_ms.parse().ok()? })
    }

    /// `SplitMix64`. One wait of four is a long one.
    fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = if mixed.is_multiple_of(4) { self.most_ms } else { self.most_ms / 8 };
        Duration::from_millis((mixed >> 2) % (most + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_seed_and_a_time() {
        assert_eq!(Delays::parse("7:40"), Some(Delays { state: 7, most_ms: 40 }));
        for nothing in ["", "7", "7:", ":40", "x:40", "7:-1"] {
            assert_eq!(Delays::parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_times_and_none_too_long() {
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
