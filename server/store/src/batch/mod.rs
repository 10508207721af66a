//! Commands that share a transaction, so that many senders share one fsync.
//!
//! What is wrong with one command is its own: it is undone, and the others stay. Where SQLite gives the whole transaction up over
//! one, as it does on a full disk, nothing of it is stored; what came before is carried out again without that one, and what comes
//! after it likewise. So nobody is answered ok for what was rolled back, nor refused because of somebody else's command.

use std::time::{Duration, Instant};

use vestibule_approve::limits::Quotas;
use vestibule_schema::{
    Connection, Error, ErrorKind,
    repository::store::{Failed, savepoint, transaction},
};

use crate::{
    apply::{Failure, apply},
    clock::Clock,
    error::CommandError,
    failpoint,
    failure_policy::FailurePolicy,
    slow_disk::SlowDisk,
    submission::{Committed, Submission},
};

/// What became of a command.
pub(super) type Outcome = Result<Committed, CommandError>;

/// What batches are carried out with.
pub(super) struct Batches<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) quotas: &'a Quotas,
    pub(super) clock: &'a Clock,
    pub(super) disk: &'a mut SlowDisk,
    pub(super) failures: &'a FailurePolicy,
}

/// Commands that are to share a transaction, in their order.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) commands: &'a [&'a Submission],
    /// How many of them somebody waits for. The rest is carried out as far as the time goes, one at least.
    pub(super) awaited: usize,
    /// How long the rest may take.
    pub(super) spare: Duration,
}

/// A batch of which nothing was stored.
struct Lost {
    /// Over which command; none where it could not be begun or committed.
    over: Option<usize>,
    failure: Failure,
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self { over: None, failure: error.into() }
    }
}

impl Batches<'_> {
    /// Carries out a batch and commits it. One outcome for each command, in their order; fewer where the time was up.
    pub(super) fn carry_out(&mut self, batch: Batch<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.commands.len());
        while outcomes.len() < batch.commands.len() {
            let rest = batch.after(outcomes.len());
            match self.commit(rest) {
                Ok(committed) => {
                    outcomes.extend(committed);
                    break;
                }
                Err(Lost { over: Some(place), failure }) => {
                    outcomes.extend(self.carry_out(rest.before(place)));
                    outcomes.push(Err(self.failures.on_failure(failure)));
                }
                Err(Lost { over: None, failure }) => {
                    let error = self.failures.on_failure(failure);
                    outcomes.extend(rest.commands.iter().map(|_| Err(error.clone())));
                }
            }
        }
        outcomes
    }

    fn commit(&mut self, batch: Batch<'_>) -> Result<Vec<Outcome>, Lost> {
        let Self { connection, quotas, clock, disk, failures } = self;
        let committed = transaction(connection, |connection| {
            let mut outcomes = Vec::with_capacity(batch.commands.len());
            let mut end = None;
            for (place, submission) in batch.commands.iter().enumerate() {
                if place >= batch.awaited {
                    let end = *end.get_or_insert_with(|| Instant::now() + batch.spare);
                    if place > batch.awaited && Instant::now() >= end {
                        break;
                    }
                }
                let now_us = clock.now_us();
                let applied =
                    savepoint(connection, |connection| apply(connection, quotas, submission, now_us));
                outcomes.push(match applied {
                    Ok(committed) => Ok(committed),
                    Err(Failed::Alone(failure)) if !spoils(&failure) => Err(failures.on_failure(failure)),
                    Err(Failed::Alone(failure) | Failed::Batch(failure)) => {
                        return Err(Lost { over: Some(place), failure });
                    }
                });
            }
            disk.wait();
            failpoint::pass("before_commit");
            Ok(outcomes)
        });
        failpoint::pass("after_commit");
        committed
    }
}

/// Whether SQLite, although the command could be undone, will not commit what the others did: it has met a damaged page.
fn spoils(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(error) if error.kind() == ErrorKind::Corrupt)
}

impl<'a> Batch<'a> {
    /// All but the first so many commands.
    fn after(self, count: usize) -> Self {
        Self { commands: &self.commands[count..], awaited: self.awaited.saturating_sub(count), ..self }
    }

    /// The first so many commands, and all of them: they were carried out in time once.
    fn before(self, count: usize) -> Batch<'a> {
        Self { commands: &self.commands[..count], awaited: count, ..self }
    }
}

#[cfg(test)]
mod tests;
