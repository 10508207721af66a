//! Which of a session's polls gets the messages.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The polls that wait. The last one gets the messages, since its client has given up those before.
/// If it goes away without an answer, the one before it is next: two requests of one client may be
/// read in either order.
#[derive(Default)]
pub(super) struct Turns {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// In the order in which they came.
    polls: Vec<u64>,
}

/// A poll among the others, until this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    poll: u64,
}

impl Turns {
    pub(super) fn begin(&self) -> Turn<'_> {
        let poll = {
            let mut waiting = self.lock();
            let poll = waiting.next;
            waiting.next += 1;
            waiting.polls.push(poll);
            poll
        };
        self.changed.notify_waiters();
        Turn { turns: self, poll }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Runs `take` while this is the poll's turn, and returns its result. `take` is dropped when
    /// the turn goes to another poll, and starts again when it comes back.
    pub(super) async fn take<T, F: Future<Output = T>>(&self, take: impl Fn() -> F) -> T {
        loop {
            // Before the check whose turn it is, so that no change is missed.
            let changed = self.turns.changed.notified();
            let is_mine = self.turns.lock().polls.last() == Some(&self.poll);
            tokio::select! {
                biased;
                () = changed => {}
                taken = take(), if is_mine => return taken,
            }
        }
    }

    /// Notes that the poll is answered. Those before it are given up for good.
    pub(super) fn answered(self) {
        self.turns.lock().polls.retain(|poll| *poll > self.poll);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().polls.retain(|poll| *poll != self.poll);
        self.turns.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    fn is_on(turn: &Turn<'_>) -> bool {
        let taken = pin!(turn.take(|| ready(())));
        taken.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn the_last_poll_has_the_turn() {
        let turns = Turns::default();
        let first = turns.begin();
        assert!(is_on(&first));
        let second = turns.begin();
        assert_eq!((is_on(&first), is_on(&second)), (false, true));
    }

    #[test]
    fn a_gone_poll_returns_the_turn() {
        let turns = Turns::default();
        let (first, second) = (turns.begin(), turns.begin());
        drop(second);
        assert!(is_on(&first));
    }

    #[test]
    fn an_answer_ends_the_turns_before_it() {
        let turns = Turns::default();
        let (first, second) = (turns.begin(), turns.begin());
        second.answered();
        assert!(!is_on(&first));
        let third = turns.begin();
        assert!(is_on(&third) && !is_on(&first));
    }

    #[test]
    fn a_waiting_poll_hears_of_its_turn() {
        let turns = Turns::default();
        let (first, second) = (turns.begin(), turns.begin());
        let mut taken = pin!(first.take(|| ready(())));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(taken.as_mut().poll(cx).is_pending());
        drop(second);
        assert!(taken.as_mut().poll(cx).is_ready());
    }
}
