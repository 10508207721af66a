//! Commands that share a transaction, so that many senders share one fsync.
//!
//! A command that fails is undone alone; the others stay. Where SQLite rolls back the whole
//! transaction because of one command, as on a full disk, the commands before it are carried out
//! again without it, and then those after it. So no client is answered ok for a change that was
//! rolled back, or refused because of somebody else's command.

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

/// The outcome of a command.
pub(super) type Outcome = Result<Committed, CommandError>;

/// Carries out batches.
pub(super) struct Batches<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) quotas: &'a Quotas,
    pub(super) clock: &'a Clock,
    pub(super) disk: &'a mut SlowDisk,
    pub(super) failures: &'a FailurePolicy,
}

/// Commands that share a transaction, in order.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) commands: &'a [&'a Submission],
    /// How many of them somebody waits for. Of the rest at least one is carried out, and more while
    /// `spare` lasts.
    pub(super) awaited: usize,
    /// How long the commands that nobody waits for may take.
    pub(super) spare: Duration,
}

/// A batch that was rolled back.
struct Lost {
    /// The command that caused it; `None` if the transaction could not begin or commit.
    over: Option<usize>,
    failure: Failure,
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self { over: None, failure: error.into() }
    }
}

impl Batches<'_> {
    /// Carries out a batch and commits it. Returns an outcome for each command, in order; fewer if
    /// the time was up.
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

/// Whether SQLite will fail to commit the other commands although it could undo this one: it has
/// met a damaged page.
fn spoils(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(error) if error.kind() == ErrorKind::Corrupt)
}

impl<'a> Batch<'a> {
    /// The batch without its first `count` commands.
    fn after(self, count: usize) -> Self {
        Self { commands: &self.commands[count..], awaited: self.awaited.saturating_sub(count), ..self }
    }

    /// The first `count` commands. All of them are carried out, as they fitted into the time
    /// before.
    fn before(self, count: usize) -> Batch<'a> {
        Self { commands: &self.commands[..count], awaited: count, ..self }
    }
}

#[cfg(test)]
mod tests;
