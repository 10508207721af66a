//! How long a client has been silent while the server was able to hear it.
//!
//! A process that is paused (stopped by a signal, a suspended machine, no processor time) hears
//! nobody. When it goes on, timers may fire before the first socket is read, although messages of
//! clients wait there. A timer that fires late therefore says nothing about the client, and the
//! silence starts afresh. A timer that fires in time is followed by a second one, a little later,
//! so that a client whose message arrives at that moment, or just after a pause, is not
//! disconnected.

use std::time::Duration;

use tokio::time::Instant;

/// A timer that fires later than this shows that the process was paused.
pub(super) const LATE: Duration = Duration::from_millis(100);

/// The longest time between the first check and the second.
const MAX_SECOND_LOOK: Duration = Duration::from_secs(1);

/// One client's silence.
#[derive(Debug)]
pub(super) struct Silence {
    patience: Duration,
    look: Instant,
    is_second_look: bool,
}

impl Silence {
    /// Begins now. The client may be silent for `patience`.
    pub(super) fn new(patience: Duration, now: Instant) -> Self {
        Self { patience, look: now + patience, is_second_look: false }
    }

    /// Starts afresh, because the client was heard.
    pub(super) fn ends(&mut self, now: Instant) {
        *self = Self::new(self.patience, now);
    }

    /// When to check next.
    pub(super) fn look(&self) -> Instant {
        self.look
    }

    /// Whether the client is gone. If it cannot be said yet, [`Silence::look`] has the time of the
    /// next check.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        if now < self.look {
            return false;
        }
        if now - self.look > LATE {
            self.ends(now);
            return false;
        }
        if !self.is_second_look {
            self.is_second_look = true;
            self.look = now + MAX_SECOND_LOOK.min(self.patience / 10);
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_client_is_gone_at_the_second_check() {
        let start = Instant::now();
        let mut silence = Silence::new(PATIENCE, start);
        assert!(!silence.is_over(start + PATIENCE / 2));
        assert_eq!(silence.look(), start + PATIENCE);
        assert!(!silence.is_over(silence.look()));
        assert_eq!(silence.look(), start + PATIENCE + MAX_SECOND_LOOK);
        assert!(silence.is_over(silence.look() + LATE));
    }

    #[test]
    fn a_client_heard_between_the_checks_stays() {
        let start = Instant::now();
        let mut silence = Silence::new(PATIENCE, start);
        assert!(!silence.is_over(silence.look()));
        let heard = silence.look() - Duration::from_millis(1);
        silence.ends(heard);
        assert_eq!(silence.look(), heard + PATIENCE);
        assert!(!silence.is_over(silence.look()), "the next look is a first one again");
    }

    #[test]
    fn after_a_pause_silence_starts_afresh() {
        let start = Instant::now();
        for looks_before in [0, 1] {
            let mut silence = Silence::new(PATIENCE, start);
            for _ in 0..looks_before {
                assert!(!silence.is_over(silence.look()));
            }
            let awake = silence.look() + Duration::from_secs(125);
            assert!(!silence.is_over(awake));
            assert_eq!(silence.look(), awake + PATIENCE);
        }
    }
}
