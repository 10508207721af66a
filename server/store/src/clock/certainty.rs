//! Which time has certainly passed, judged by the time of day and by a clock that nobody sets.
//!
//! The sweep uses this, because it deletes for good. The time of day can be wrong: mistyped, reset
//! by a dead battery, or restored with a virtual machine. If it jumps ahead, everything seems to
//! have expired until somebody sets it right. The time since boot, which also runs while the
//! machine sleeps, tells such a jump from time that has really passed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Clock, is_synchronised, since_boot};

/// How far the two clocks may differ. Clients tolerate as much.
const TOLERANCE_MS: i64 = 2 * 60 * 1000;

/// How long after boot an unsynchronised time of day is not trusted.
const BOOTING: Duration = Duration::from_secs(5 * 60);

/// After this long a time of day that is ahead is trusted anyway: operators have had time to set it
/// right.
const SETTLED: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the time of day is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The machine has just started, and its clock may not have been set yet.
    Unsynchronised,
    /// The time of day has jumped ahead.
    Ahead,
}

/// Decides which time has certainly come.
#[derive(Debug)]
pub struct Certainty {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The time of day at boot, according to the clock that is trusted.
    believed: Option<i64>,
    /// The same according to a clock that is not trusted yet, and since when it differs, counted
    /// from boot.
    other: Option<(i64, Duration)>,
    doubt: Option<Doubt>,
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// The time of day, in Unix milliseconds.
    now: i64,
    since_boot: Duration,
    is_synchronised: bool,
}

impl Certainty {
    /// Judges the time that `clock` shows.
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// The time that has certainly come, in Unix milliseconds; `None` while that is unknown.
    pub fn now_ms(&self) -> Option<i64> {
        self.look().0
    }

    /// What is wrong with the time of day, if anything.
    pub fn doubt(&self) -> Option<Doubt> {
        self.look().1
    }

    fn look(&self) -> (Option<i64>, Option<Doubt>) {
        let shown =
            Shown { now: self.clock.now_ms(), since_boot: since_boot(), is_synchronised: is_synchronised() };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.doubt;
        let certain = state.certain(shown);
        if state.doubt != before {
            // Rounded, because the two clocks are read one after the other.
            say(state.doubt, certain.map_or(0, |certain| (shown.now - certain + 500) / 1000));
        }
        (certain, state.doubt)
    }
}

impl State {
    fn certain(&mut self, shown: Shown) -> Option<i64> {
        let Shown { now, since_boot, is_synchronised } = shown;
        let up = i64::try_from(since_boot.as_millis()).unwrap_or(i64::MAX);
        let boot = now.saturating_sub(up);
        let is_known = self.believed.is_some() || is_synchronised || since_boot >= BOOTING;
        if !is_known {
            self.doubt = Some(Doubt::Unsynchronised);
            return None;
        }
        let believed = *self.believed.get_or_insert(boot);
        let is_near = |other: i64| boot.abs_diff(other) <= TOLERANCE_MS.unsigned_abs();
        if is_near(believed) {
            self.other = None;
        } else {
            let (other, since) =
                self.other.filter(|(other, _)| is_near(*other)).unwrap_or((boot, since_boot));
            self.other = Some((other, since));
            if since_boot.saturating_sub(since) >= SETTLED {
                (self.believed, self.other) = (Some(boot), None);
            }
        }
        // A clock that is behind expires nothing early.
        let is_ahead = self.other.is_some() && boot > believed;
        self.doubt = is_ahead.then_some(Doubt::Ahead);
        Some(if is_ahead { believed.saturating_add(up) } else { now })
    }
}

fn say(doubt: Option<Doubt>, seconds: i64) {
    match doubt {
        None => tracing::info!("the clock is trusted again: whatever has expired by it ends"),
        Some(Doubt::Unsynchronised) => tracing::warn!(
            "the machine has just started and its clock may be wrong: nothing expires for good until it \
             is synchronised, or five minutes after the boot"
        ),
        Some(Doubt::Ahead) => tracing::warn!(
            "the clock jumped ahead by {seconds} seconds: nothing expires for good by the new \
             time, unless it stays for a day or the server restarts"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_000_000_000;
    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    /// A reading `up` after the boot at noon, by a time of day that is `ahead`.
    fn at(up: i64, ahead: i64) -> Shown {
        let since_boot = Duration::from_millis(up.unsigned_abs());
        Shown { now: NOON + up + ahead, since_boot, is_synchronised: false }
    }

    #[test]
    fn a_jump_ahead_or_back_makes_nothing_certain() {
        let mut state = State::default();
        assert_eq!(state.certain(at(HOUR, 0)), Some(NOON + HOUR));
        for (up, ahead) in [(HOUR + 1, 40 * DAY), (2 * HOUR, 40 * DAY + 5), (3 * HOUR, DAY)] {
            assert_eq!(state.certain(at(up, ahead)), Some(NOON + up), "time goes on");
            assert_eq!(state.doubt, Some(Doubt::Ahead));
        }
        for (up, ahead) in [(4 * HOUR, 0), (5 * HOUR, TOLERANCE_MS), (6 * HOUR, -40 * DAY), (7 * HOUR, 0)] {
            assert_eq!(state.certain(at(up, ahead)), Some(NOON + up + ahead), "what it shows");
            assert_eq!(state.doubt, None, "{up}");
        }
        assert_eq!(state.certain(at(8 * HOUR, TOLERANCE_MS + 1)), Some(NOON + 8 * HOUR));
    }

    #[test]
    fn a_clock_that_stays_for_a_day_is_trusted() {
        let mut state = State::default();
        state.certain(at(HOUR, 0));
        // A second jump starts the day anew.
        for (up, ahead) in [(2 * HOUR, 9 * DAY), (20 * HOUR, 40 * DAY), (20 * HOUR + DAY - 1, 40 * DAY)] {
            assert_eq!(state.certain(at(up, ahead)), Some(NOON + up));
        }
        let up = 20 * HOUR + DAY;
        state.certain(at(up, 40 * DAY));
        assert_eq!(state.certain(at(up + 1, 40 * DAY)), Some(NOON + up + 1 + 40 * DAY));
        assert_eq!(state.doubt, None);
        // A clock that is behind is trusted too; going ahead from there is a jump.
        for up in [3 * DAY, 5 * DAY] {
            state.certain(at(up, 0));
        }
        assert_eq!(state.certain(at(6 * DAY, 40 * DAY)), Some(NOON + 6 * DAY));
    }

    #[test]
    fn nothing_is_certain_just_after_a_boot() {
        let booting = i64::try_from(BOOTING.as_millis()).unwrap();
        let mut state = State::default();
        for up in [0, 1000, booting - 1] {
            assert_eq!(state.certain(at(up, 40 * DAY)), None);
            assert_eq!(state.doubt, Some(Doubt::Unsynchronised));
        }
        assert_eq!(state.certain(at(booting, 0)), Some(NOON + booting), "it was set right meanwhile");
        assert_eq!(state.doubt, None);
        let mut state = State::default();
        assert_eq!(state.certain(Shown { is_synchronised: true, ..at(1000, 0) }), Some(NOON + 1000));
        assert_eq!(state.certain(at(2000, 40 * DAY)), Some(NOON + 2000));
    }

    #[test]
    fn the_clocks_of_this_machine_agree() {
        let certainty = Certainty::new(Clock::default());
        let certain = certainty.now_ms();
        assert!(
            certain.is_none_or(|certain| (Clock::default().now_ms() - certain).abs() < TOLERANCE_MS),
            "{certain:?}"
        );
        assert_ne!(certainty.doubt(), Some(Doubt::Ahead));
    }
}
