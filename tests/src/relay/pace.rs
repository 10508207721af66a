//! How fast a relay passes things on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// One pace for all lines of a relay.
#[derive(Debug, Default)]
pub(super) struct Pace {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_paused: bool,
    delay: Duration,
}

impl Pace {
    pub(super) fn set_paused(&self, is_paused: bool) {
        self.state().is_paused = is_paused;
        self.changed.notify_all();
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Lets all who wait look again whether their lines are cut.
    pub(super) fn wake(&self) {
        // Under the lock: nobody is between looking and waiting.
        let _state = self.state();
        self.changed.notify_all();
    }

    /// Waits until a piece may be passed on, or its line is cut.
    pub(super) fn hold(&self, is_cut: impl Fn() -> bool) {
        let state = self.state();
        let waiting = self.changed.wait_while(state, |state| state.is_paused && !is_cut());
        let delay = waiting.unwrap_or_else(PoisonError::into_inner).delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
