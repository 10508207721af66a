//! Group commit: what waits goes into one transaction, so that many senders share one fsync.
//!
//! Nothing is waited for to fill a batch: while one is being committed the next one gathers, so that batches grow exactly
//! as far as the disk is slow.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Arc, mpsc::Receiver},
    time::Instant,
};

use vestibule_protocol::approve::{
    limits::Quotas,
    refusal::{Reason, Refusal},
};
use vestibule_schema::{
    Connection, Database, Error, ErrorKind,
    repository::store::{last_seq, savepoint, transaction},
};

use super::{
    Committed, Job, Submission,
    apply::{Failure, apply},
    keeper,
    metrics::StoreMetrics,
    place::Place,
    slow::SlowDisk,
};
use crate::{clock::Clock, live::Live};

/// The most commands in one transaction: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 256;

/// `EX_IOERR` of sysexits.h: the process ends because the disk cannot be trusted.
const EXIT_IO: i32 = 74;
/// `EX_SOFTWARE` of sysexits.h: the process ends because of a mistake in this program.
const EXIT_SOFTWARE: i32 = 70;

/// What stands between a commit and the answer to it.
pub(super) struct Progress {
    /// Where the database was opened.
    pub(super) place: Arc<Place>,
    /// How far it has come.
    pub(super) committed: keeper::Committed,
}

impl Progress {
    /// What is stored in a file that nobody finds any more is not stored: the process ends.
    fn check_place(&self) {
        if let Err(moved) = self.place.check() {
            tracing::error!(error = %moved, "stopping, since what is stored there is lost");
            process::exit(EXIT_IO);
        }
    }
}

/// Writes until it is told to stop. Holds the database's lock for that long.
pub(super) fn run(
    database: Database,
    mut connection: Connection,
    quotas: &Live<Quotas>,
    clock: &Clock,
    metrics: &StoreMetrics,
    progress: &Progress,
    jobs: &Receiver<Job>,
) {
    let mut is_over = false;
    let mut disk = SlowDisk::from_environment();
    while !is_over && let Ok(first) = jobs.recv() {
        let mut submissions = Vec::new();
        let mut done = Vec::new();
        let mut alone = None;
        for job in std::iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH) {
            match job {
                Job::CarryOut(submission, callback) => {
                    metrics.taken();
                    submissions.push(*submission);
                    done.push(callback);
                }
                Job::Alone(work) => {
                    alone = Some(work);
                    break;
                }
                Job::Stop => {
                    is_over = true;
                    break;
                }
            }
        }
        let began = Instant::now();
        // A transaction that a panic left open would swallow what comes after it.
        let committed = catch_unwind(AssertUnwindSafe(|| {
            commit(&mut connection, &quotas.now(), clock, &mut disk, &submissions)
        }));
        let Ok(committed) = committed else { process::exit(EXIT_SOFTWARE) };
        metrics.committed(
            began.elapsed(),
            submissions.iter().map(|submission| &submission.command),
            &committed,
        );
        progress
            .committed
            .note(committed.iter().flatten().map(|committed| committed.seq).max().unwrap_or_default());
        progress.check_place();
        disk.wait();
        for (done, result) in done.into_iter().zip(committed) {
            done(result);
        }
        if let Some(work) = alone {
            // It answers by itself, so what can be seen before has to do.
            progress.check_place();
            let work = AssertUnwindSafe(|| work(&mut connection, &quotas.now(), clock.now_us()));
            let Ok(()) = catch_unwind(work) else { process::exit(EXIT_SOFTWARE) };
            // Where that cannot be read, the next number will do.
            progress.committed.note(last_seq(&mut connection).unwrap_or_default());
        }
    }
    drop(connection);
    drop(database);
}

/// Carries out a batch and commits it. One result for each command, in their order.
fn commit(
    connection: &mut Connection,
    quotas: &Quotas,
    clock: &Clock,
    disk: &mut SlowDisk,
    batch: &[Submission],
) -> Vec<Result<Committed, Refusal>> {
    let applied = transaction(connection, |connection| {
        let carried_out = batch
            .iter()
            .map(|submission| carry_out(connection, quotas, submission, clock.now_us()))
            .collect::<Result<Vec<_>, Error>>()?;
        disk.wait();
        crate::failpoint::pass("before_commit");
        Ok(carried_out)
    });
    crate::failpoint::pass("after_commit");
    applied.unwrap_or_else(|error| {
        let refusal = refusal_for(&error);
        batch.iter().map(|_| Err(refusal.clone())).collect()
    })
}

/// Carries out one command of a batch. An `Err` outside ends the batch, one inside is the command's own.
fn carry_out(
    connection: &mut Connection,
    quotas: &Quotas,
    submission: &Submission,
    now_us: i64,
) -> Result<Result<Committed, Refusal>, Error> {
    match savepoint(connection, |connection| apply(connection, quotas, submission, now_us)) {
        Ok(committed) => Ok(Ok(committed)),
        Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
        // SQLite may have given up the whole transaction.
        Err(Failure::Store(error)) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Fatal) => {
            Err(error)
        }
        Err(Failure::Store(error)) => Ok(Err(refusal_for(&error))),
    }
}

/// What senders are told of a failed store. After a failed fsync the kernel may have dropped what it could not write, and a
/// repeat would report success for pages that are lost: the process ends instead, and recovers from the log.
pub(super) fn refusal_for(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::Fatal => {
            tracing::error!(%error, "the disk failed; stopping, since what it holds is unknown");
            process::exit(EXIT_IO)
        }
        ErrorKind::Full => {
            tracing::error!(%error, "the disk is full");
            Reason::StorageFull.retry_after(60_000)
        }
        _ => {
            tracing::error!(%error, "the store failed");
            Reason::Unavailable.retry_after(5000)
        }
    }
}
