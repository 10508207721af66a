//! The writer's thread: takes the waiting commands, carries them out, and answers once they are
//! durable.
//!
//! The writer never waits to fill a batch. While it commits one, the next gathers in the queue, so
//! batches grow as far as the disk is slow. Background commands come in chunks, after all others.

use std::{
    io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Arc, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use vestibule_approve::{ids::Seq, limits::Quotas};
use vestibule_schema::{Connection, Database, repository::store::last_seq};

use crate::{
    batch::{Batch, Batches, Outcome},
    chunk::Chunk,
    clock::Clock,
    failure_policy::{EXIT_IO, FailurePolicy},
    file_identity::DatabaseFiles,
    job::{Exclusive, Job},
    mark_writer::LastCommitted,
    metrics::StoreMetrics,
    slow_disk::SlowDisk,
    submission::{Done, Submission},
};

/// The most commands in one transaction. It bounds how long the first waits for the last.
const MAX_BATCH: usize = 256;

/// How long a chunk may take in a transaction of its own, and in one that others wait for.
const CHUNK_ALONE: Duration = Duration::from_millis(8);
const CHUNK_BESIDE: Duration = Duration::from_millis(1);

/// `EX_SOFTWARE` of sysexits.h: the process ends because of a bug.
const EXIT_SOFTWARE: i32 = 70;

/// What the writer does between a commit and the answers.
pub(super) struct Progress {
    /// The files that were opened.
    pub(super) files: Arc<DatabaseFiles>,
    /// The last durable seq, for the mark.
    pub(super) committed: LastCommitted,
}

impl Progress {
    /// Ends the process if the files were deleted or replaced: what is stored in them is lost.
    fn check_files(&self) {
        if let Err(moved) = self.files.check() {
            tracing::error!(error = %moved, "stopping, because what is stored there is lost");
            process::exit(EXIT_IO);
        }
    }
}

/// The writer's state. The connection is dropped before the database, which holds the lock on the
/// file.
pub(super) struct Worker {
    pub(super) connection: Connection,
    pub(super) _database: Database,
    pub(super) quotas: Arc<ArcSwap<Quotas>>,
    /// The size to which the database may grow, in bytes.
    pub(super) max_bytes: Arc<ArcSwap<Option<u64>>>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<StoreMetrics>,
    pub(super) failures: FailurePolicy,
    pub(super) progress: Progress,
}

/// What is taken from the queue for one transaction.
#[derive(Default)]
struct Taken {
    submissions: Vec<Submission>,
    done: Vec<Done>,
    exclusive: Option<Exclusive>,
    is_last: bool,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(
        self,
        jobs: Receiver<Job>,
        chunks: Receiver<Chunk>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let thread = thread::Builder::new().name("vestibule-writer".to_owned());
        thread.spawn(move || self.run(&jobs, &chunks))
    }

    /// Writes until it is told to stop. Holds the database's lock until then.
    fn run(mut self, jobs: &Receiver<Job>, chunks: &Receiver<Chunk>) {
        let mut slow = SlowDisk::from_environment();
        let mut max_bytes = **self.max_bytes.load();
        let mut is_over = false;
        while !is_over && let Ok(first) = jobs.recv() {
            let Taken { submissions, done, exclusive, is_last } = self.take(first, jobs);
            is_over = is_last;
            self.cap(&mut max_bytes);
            let chunk = chunks.try_recv().ok();
            let mut outcomes = self.carry_out(&mut slow, &submissions, chunk.as_ref());
            slow.wait();
            let of_chunk = outcomes.split_off(submissions.len());
            for (done, outcome) in done.into_iter().zip(outcomes) {
                done(outcome);
            }
            if let Some(chunk) = chunk {
                chunk.finish(of_chunk);
            }
            if let Some(work) = exclusive {
                self.work_exclusively(work);
            }
        }
    }

    /// Takes the waiting commands, up to a job that must come after them.
    fn take(&self, first: Job, jobs: &Receiver<Job>) -> Taken {
        let mut taken = Taken::default();
        for job in iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH) {
            match job {
                Job::CarryOut(submission, done) => {
                    self.metrics.taken();
                    taken.submissions.push(*submission);
                    taken.done.push(done);
                }
                Job::Wake => {}
                Job::Exclusive(work) => {
                    taken.exclusive = Some(work);
                    break;
                }
                Job::Stop => {
                    taken.is_last = true;
                    break;
                }
            }
        }
        taken
    }

    /// Carries out the commands, and as much of the chunk as time allows.
    fn carry_out(
        &mut self,
        slow: &mut SlowDisk,
        submissions: &[Submission],
        chunk: Option<&Chunk>,
    ) -> Vec<Outcome> {
        let began = Instant::now();
        let leisurely = chunk.map_or(&[][..], Chunk::commands);
        let commands: Vec<&Submission> = submissions.iter().chain(leisurely).collect();
        let spare = if submissions.is_empty() { CHUNK_ALONE } else { CHUNK_BESIDE };
        let batch = Batch { commands: &commands, awaited: submissions.len(), spare };
        let Self { connection, quotas, clock, failures, .. } = self;
        // After a panic the open transaction would swallow all later commands, so the process ends.
        let outcomes = catch_unwind(AssertUnwindSafe(|| {
            Batches { connection, quotas: &quotas.load(), clock, disk: slow, failures }.carry_out(batch)
        }));
        let Ok(outcomes) = outcomes else { process::exit(EXIT_SOFTWARE) };
        let commands = commands[..outcomes.len()].iter().map(|submission| &submission.command);
        self.metrics.committed(began.elapsed(), commands, &outcomes);
        let last = outcomes.iter().flatten().map(|committed| committed.seq).max();
        self.progress.committed.note(last.unwrap_or_default());
        self.progress.check_files();
        outcomes
    }

    /// Does work in a transaction of its own. The work answers by itself, so the files are checked
    /// before.
    fn work_exclusively(&mut self, work: Exclusive) {
        let Self { connection, quotas, clock, progress, .. } = self;
        progress.check_files();
        let work = AssertUnwindSafe(|| work(connection, &quotas.load(), clock.now_us()));
        let Ok(()) = catch_unwind(work) else { process::exit(EXIT_SOFTWARE) };
        // If it cannot be read, the next commit will note a later one.
        progress.committed.note(Seq(last_seq(connection).unwrap_or_default()));
    }

    /// Applies a new size limit.
    fn cap(&mut self, present: &mut Option<u64>) {
        let wanted = **self.max_bytes.load();
        if *present == wanted {
            return;
        }
        *present = wanted;
        if let Err(error) = vestibule_schema::cap(&mut self.connection, wanted.unwrap_or(u64::MAX)) {
            tracing::error!(%error, "cannot change the limit of the database's size");
        }
    }
}
