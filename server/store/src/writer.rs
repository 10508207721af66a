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
use vestibule_schema::repository::store::last_seq;

use crate::{
    batch::{Batches, Outcome},
    chunk::Chunk,
    clock::Clock,
    failure_policy::{EXIT_IO, FailurePolicy},
    file_identity::DatabaseFiles,
    in_flight::InFlight,
    job::{Exclusive, Job},
    link::Link,
    mark_writer::LastCommitted,
    metrics::StoreMetrics,
    open_total::OpenTotal,
    order::Order,
    pace::Pace,
    rows::Rules,
    slow_disk::SlowDisk,
    submission::{Done, Submission},
};

/// The most commands in one transaction. It bounds how long the first waits for the last. On a
/// server fewer: writers wait for each other's.
const MAX_BATCH: usize = 256;
const MAX_BATCH_ON_SERVER: usize = 32;

/// How long a chunk may take in a transaction of its own, and in one that others wait for.
const CHUNK_ALONE: Duration = Duration::from_millis(8);
const CHUNK_BESIDE: Duration = Duration::from_millis(1);

/// `EX_SOFTWARE` of sysexits.h: the process ends because of a bug.
const EXIT_SOFTWARE: i32 = 70;

/// What the writers do between a commit and the answers.
#[derive(Clone)]
pub(super) struct Progress {
    /// The files that were opened; `None` on a server.
    pub(super) files: Option<Arc<DatabaseFiles>>,
    /// The last durable seq, for the mark.
    pub(super) committed: LastCommitted,
}

impl Progress {
    /// Ends the process if the files were deleted or replaced: what is stored in them is lost.
    fn check_files(&self) {
        if let Some(files) = &self.files
            && let Err(moved) = files.check()
        {
            tracing::error!(error = %moved, "stopping, because what is stored there is lost");
            process::exit(EXIT_IO);
        }
    }
}

/// What all writers share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) quotas: Arc<ArcSwap<Quotas>>,
    /// The size to which a file may grow, in bytes.
    pub(super) max_bytes: Arc<ArcSwap<Option<u64>>>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<StoreMetrics>,
    pub(super) failures: FailurePolicy,
    pub(super) progress: Progress,
    pub(super) open_total: Arc<OpenTotal>,
}

/// A writer's state.
pub(super) struct Worker {
    link: Link,
    common: Common,
    order: Arc<Order>,
    in_flight: Arc<InFlight>,
    pace: Pace,
}

/// What is taken from the queue for one transaction.
#[derive(Default)]
struct Taken {
    submissions: Vec<Submission>,
    done: Vec<Done>,
    exclusive: Option<Exclusive>,
    is_to_look: bool,
    is_last: bool,
}

impl Worker {
    pub(super) fn new(link: Link, common: Common, order: Arc<Order>, in_flight: Arc<InFlight>) -> Self {
        Self { link, common, order, in_flight, pace: Pace::default() }
    }

    /// Starts the thread.
    pub(super) fn start(self, chunks: Option<Receiver<Chunk>>) -> io::Result<thread::JoinHandle<()>> {
        let thread = thread::Builder::new().name("vestibule-writer".to_owned());
        thread.spawn(move || self.run(chunks.as_ref()))
    }

    /// Writes until it is told to stop.
    fn run(mut self, chunks: Option<&Receiver<Chunk>>) {
        let mut slow = SlowDisk::from_environment();
        let mut max_bytes = **self.common.max_bytes.load();
        let mut is_over = false;
        while !is_over && let Some(taken) = self.take() {
            let Taken { submissions, done, exclusive, is_to_look, is_last } = taken;
            self.in_flight.begin(done);
            if is_to_look {
                self.link.look();
            }
            self.cap(&mut max_bytes);
            let chunk = chunks.and_then(|chunks| chunks.try_recv().ok());
            let of_chunk = self.carry_out(&mut slow, &submissions, chunk.as_ref());
            if let Some(chunk) = chunk {
                chunk.finish(of_chunk);
            }
            if let Some(work) = exclusive {
                self.work_exclusively(work);
            }
            is_over = self.in_flight.end() || is_last;
        }
    }

    /// Waits for commands and takes them, up to a job that must come after them. Nothing once
    /// nobody can send any.
    fn take(&self) -> Option<Taken> {
        let jobs = self.in_flight.jobs();
        let first = jobs.recv().ok()?;
        let most = if self.link.is_on_server() { MAX_BATCH_ON_SERVER } else { MAX_BATCH };
        let mut taken = Taken::default();
        for job in iter::once(first).chain(jobs.try_iter()).take(most) {
            match job {
                Job::CarryOut(submission, done) => {
                    self.common.metrics.taken();
                    taken.submissions.push(*submission);
                    taken.done.push(done);
                }
                Job::Wake => {}
                Job::Look => taken.is_to_look = true,
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
        Some(taken)
    }

    /// Carries out the commands and answers them. Returns the outcomes of as many of the chunk's
    /// commands as time allowed, at least one.
    fn carry_out(
        &mut self,
        slow: &mut SlowDisk,
        submissions: &[Submission],
        chunk: Option<&Chunk>,
    ) -> Vec<Outcome> {
        let spare = if submissions.is_empty() { CHUNK_ALONE } else { CHUNK_BESIDE };
        let leisurely = chunk.map_or(&[][..], Chunk::commands);
        let leisurely = &leisurely[..leisurely.len().min(self.pace.fitting(spare))];
        let commands: Vec<&Submission> = submissions.iter().chain(leisurely).collect();
        if commands.is_empty() {
            return Vec::new();
        }
        let Self { link, common, order, in_flight, .. } = self;
        let began = Instant::now();
        let (mut answered, mut of_chunk, mut was_untold) = (0, Vec::new(), false);
        let mut answer = |outcomes: Vec<Outcome>| {
            common.note(&commands[answered..][..outcomes.len()], &outcomes, began);
            for outcome in outcomes {
                if answered < submissions.len() {
                    let is_change = outcome.as_ref().is_ok_and(|done| done.decision.change.is_some());
                    was_untold |= in_flight.answer(outcome) && is_change;
                } else {
                    of_chunk.push(outcome);
                }
                answered += 1;
            }
        };
        let quotas = common.quotas.load();
        let rules = common.rules(&quotas);
        let mut batches = Batches { link, rules, disk: slow, failures: &common.failures, order };
        // After a panic the open transaction would swallow all later commands, so the process ends.
        let carried_out = AssertUnwindSafe(|| batches.carry_out(&commands, &mut answer));
        let Ok(()) = catch_unwind(carried_out) else { process::exit(EXIT_SOFTWARE) };
        if was_untold {
            self.link.have_clients_look();
        }
        self.pace.note(commands.len(), began.elapsed());
        of_chunk
    }

    /// Does work in a transaction of its own. The work answers by itself, so the files are checked
    /// before. It is not repeated, so the connection is tested before, too.
    fn work_exclusively(&mut self, work: Exclusive) {
        let Self { link, common, .. } = self;
        common.progress.check_files();
        let quotas = common.quotas.load();
        let work = AssertUnwindSafe(|| work(link.tested(), common.rules(&quotas)));
        let Ok(()) = catch_unwind(work) else { process::exit(EXIT_SOFTWARE) };
        // If it cannot be read, the next commit will note a later one.
        let last = link.connection().and_then(last_seq).unwrap_or_default();
        common.progress.committed.note(Seq(last));
    }

    /// Applies a new size limit.
    fn cap(&mut self, present: &mut Option<u64>) {
        let wanted = **self.common.max_bytes.load();
        if *present == wanted {
            return;
        }
        *present = wanted;
        let bytes = wanted.unwrap_or(u64::MAX);
        let capped = self.link.connection().and_then(|connection| vestibule_schema::cap(connection, bytes));
        if let Err(error) = capped {
            tracing::error!(%error, "cannot change the limit of the database's size");
        }
    }
}

impl Common {
    fn rules<'a>(&'a self, quotas: &'a Quotas) -> Rules<'a> {
        Rules { quotas, clock: &self.clock, open_total: &self.open_total }
    }

    /// Notes what was committed, before anybody is told.
    fn note(&self, commands: &[&Submission], outcomes: &[Outcome], began: Instant) {
        let commands = commands.iter().map(|submission| &submission.command);
        self.metrics.committed(began.elapsed(), commands, outcomes);
        let last = outcomes.iter().flatten().map(|committed| committed.seq).max();
        self.progress.committed.note(last.unwrap_or_default());
        self.progress.check_files();
    }
}
