//! How long commands take, to know how many fit into a time.

use std::time::Duration;

/// Of how many batches about the pace is the mean.
const MEMORY: f64 = 8.0;

/// The mean time of a command in a batch.
#[derive(Debug, Default)]
pub(super) struct Pace {
    seconds: Option<f64>,
}

impl Pace {
    /// How many commands fit into this time: at least one, and one if nothing is known yet.
    pub(super) fn fitting(&self, time: Duration) -> usize {
        let Some(seconds) = self.seconds else { return 1 };
        let fitting = time.as_secs_f64() / seconds.max(1e-9);
        // A number that is too large becomes the largest.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let fitting = fitting as usize;
        fitting.max(1)
    }

    /// Notes how long so many commands took.
    pub(super) fn note(&mut self, commands: usize, took: Duration) {
        let commands = f64::from(u32::try_from(commands).unwrap_or(u32::MAX)).max(1.0);
        let seconds = took.as_secs_f64() / commands;
        self.seconds = Some(self.seconds.map_or(seconds, |mean| mean + (seconds - mean) / MEMORY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_commands_fit_as_the_last_ones_did() {
        let mut pace = Pace::default();
        let time = Duration::from_millis(8);
        assert_eq!(pace.fitting(time), 1);
        pace.note(10, Duration::from_millis(10));
        assert_eq!(pace.fitting(time), 8);
        (0..100).for_each(|_| pace.note(1, Duration::from_secs(1)));
        assert_eq!(pace.fitting(time), 1, "a slow disk");
        (0..200).for_each(|_| pace.note(1000, Duration::from_millis(100)));
        assert!((79..=80).contains(&pace.fitting(time)), "{}", pace.fitting(time));
    }
}
