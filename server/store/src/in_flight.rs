//! What a writer is busy with, and answers in time although its database hangs.
//!
//! A server that has fallen silent ends no connection, and a call that waits for it cannot be taken
//! back. So a writer leaves here what it has to answer, and its queue. When it has been busy for
//! too long, a watch answers in its place, that nobody knows. Should the writer succeed after all,
//! clients are told to look again.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{batch::Outcome, error::StoreError, job::Job, metrics::StoreMetrics, submission::Done};

/// How long a writer may be busy with what it has taken from its queue. Longer than it takes to get
/// a lock, or a new connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look, and so how long a command may wait for a writer that hangs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a writer is busy with, and its queue.
pub(super) struct InFlight {
    jobs: Mutex<Receiver<Job>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when it has been busy.
    since: Option<Instant>,
    /// Those whom it must answer, in order.
    waiting: VecDeque<Done>,
    /// Whether they were answered by the watch.
    is_given_up: bool,
    /// Whether the watch has found the order to stop.
    is_to_stop: bool,
}

impl InFlight {
    pub(super) fn new(jobs: Receiver<Job>) -> Arc<Self> {
        Arc::new(Self { jobs: Mutex::new(jobs), state: Mutex::default() })
    }

    /// The queue. The writer must not hold it while it is busy.
    pub(super) fn jobs(&self) -> MutexGuard<'_, Receiver<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer is busy from now on.
    pub(super) fn begin(&self, waiting: Vec<Done>) {
        let mut state = self.state();
        (state.since, state.waiting, state.is_given_up) = (Some(Instant::now()), waiting.into(), false);
    }

    /// Answers the next of those who wait. Returns whether it was too late for that.
    pub(super) fn answer(&self, outcome: Outcome) -> bool {
        let next = self.state().waiting.pop_front();
        let is_late = next.is_none();
        if let Some(done) = next {
            done(outcome);
        }
        is_late
    }

    /// The writer waits for work again. Returns whether it has to stop instead.
    pub(super) fn end(&self) -> bool {
        let mut state = self.state();
        (state.since, state.is_given_up) = (None, false);
        state.is_to_stop
    }

    /// Whether nobody waits for the writer any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.state().is_given_up
    }

    /// Answers everybody, if the writer has been busy for too long.
    fn give_up_if_late(&self, metrics: &StoreMetrics) {
        let waiting = {
            let mut state = self.state();
            if state.since.is_none_or(|since| since.elapsed() < PATIENCE) {
                return;
            }
            if !state.is_given_up {
                tracing::warn!("the database does not answer: commands are refused until it does");
            }
            state.is_given_up = true;
            std::mem::take(&mut state.waiting)
        };
        for done in waiting {
            done(Err(StoreError::Unavailable.into()));
        }
        self.refuse_queued(metrics);
    }

    fn refuse_queued(&self, metrics: &StoreMetrics) {
        let jobs = match self.jobs.try_lock() {
            Ok(jobs) => jobs,
            Err(TryLockError::Poisoned(jobs)) => jobs.into_inner(),
            // The writer has come back.
            Err(TryLockError::WouldBlock) => return,
        };
        for job in jobs.try_iter() {
            match job {
                Job::CarryOut(submission, done) => {
                    let refused = Err(StoreError::Unavailable.into());
                    metrics.turned_away(&submission.command, &refused);
                    done(refused);
                }
                // Who waits for it sees that it is gone. A chunk is still there.
                Job::Exclusive(_) | Job::Wake | Job::Look => {}
                Job::Stop => self.state().is_to_stop = true,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle to the watch, which ends with it.
pub(super) struct Watch {
    _end: SyncSender<()>,
}

impl Watch {
    /// Starts to watch these writers.
    pub(super) fn start(writers: Vec<Arc<InFlight>>, metrics: Arc<StoreMetrics>) -> io::Result<Self> {
        let (end, is_ended) = sync_channel::<()>(0);
        let watch = move || {
            while is_ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                for writer in &*writers {
                    writer.give_up_if_late(&metrics);
                }
            }
        };
        thread::Builder::new().name("vestibule-watch".to_owned()).spawn(watch)?;
        Ok(Self { _end: end })
    }
}
