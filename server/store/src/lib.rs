//! The way to the database: commands through one writer with group commit, reads through a pool.
//!
//! A command is answered when it is durable, never before: [`Store::submit`] takes a callback that the writer calls after
//! the commit, in the order of the commits. Whatever goes wrong, nothing of that command has been stored.
//!
//! # Concurrency
//! One thread writes (`writer`); reads run beside it on blocking threads, each on a snapshot of its own.
//!
//! # Dependencies
//! The one place that knows both sides: rules and frames of `vestibule-protocol`, rows of `vestibule-schema`. `record`
//! converts between them.

mod admin;
mod apply;
mod batch;
pub mod clock;
mod condition;
pub mod durable;
mod error;
pub mod failpoint;
mod history;
mod keeper;
mod load_facts;
mod mark;
mod metrics;
mod pages;
mod piecemeal;
mod place;
mod read;
mod record;
mod remove;
mod restored;
mod slow;
mod spare;
mod verdict;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use vestibule_approve::{
    frames::Deny,
    items::{NackCode, Notice, RequestItem},
    limits::Quotas,
    rules::{Caller, Command, Decision},
    signed::{Rid, Uid},
};
use vestibule_schema::{Connection, Database, Error, ErrorKind, ReadPool, migrate, repository};

use self::{
    history::History,
    keeper::Keeper,
    metrics::StoreMetrics,
    piecemeal::{PIECES, Pieces},
    place::Place,
    restored::Start,
    verdict::Verdicts,
    writer::{Desk, Progress},
};

pub use self::clock::Clock;
pub use admin::{Act, RequestRecord, RequestSearch, RoomRecord, RoomSearch};
pub use condition::{Census, StoreProblem};
pub use error::{CommandError, StoreError};
pub use pages::Page;
pub use read::{Arrival, Due};
pub use record::pack;
pub use remove::{Deleted, Removed};
pub use vestibule_approve::ids::{Epoch, Seq};

/// Connections that read: so many reads go on at once, each on a blocking thread.
pub const READERS: u32 = 4;

/// How many rows of each kind are forgotten before the time is looked at.
const TIDIED_AT_ONCE: u32 = 32;

/// For how long it is remembered what operators did, and how much of it at the most.
const KEEP_ACTS_MS: i64 = 365 * 24 * 60 * 60 * 1000;
const KEEP_ACTS: i64 = 100_000;

/// What an operator may set about the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many of everything there may be.
    pub quotas: Quotas,
    /// How large the database may grow, in bytes; as large as the disk where nothing is said.
    pub max_bytes: Option<u64>,
    /// Commands that wait for the writer before [`StoreError::Overloaded`] is answered.
    pub queue: usize,
    /// About how much one page of a list holds at the most, in bytes. A join is answered with three of them, in text a
    /// third larger, and the whole has to fit an outbox.
    pub page_bytes: usize,
    /// What time it is.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            max_bytes: None,
            queue: 4096,
            page_bytes: 128 * 1024,
            clock: Clock::default(),
        }
    }
}

/// See the [module](self).
pub struct Store {
    queue: SyncSender<Job>,
    pieces: Pieces,
    readers: ReadPool,
    history: History,
    clock: Clock,
    page_bytes: usize,
    /// The folder of the data file.
    folder: PathBuf,
    place: Arc<Place>,
    metrics: Arc<StoreMetrics>,
    verdicts: Verdicts,
    quotas: Arc<ArcSwap<Quotas>>,
    max_bytes: Arc<ArcSwap<Option<u64>>>,
}

/// The writer's thread.
pub struct Writer {
    queue: SyncSender<Job>,
    thread: thread::JoinHandle<()>,
    keeper: Option<Keeper>,
}

impl Writer {
    /// Stores all that has been submitted, then closes the database. What is submitted later is refused.
    pub fn stop(self) {
        // Neither fails but where the writer is gone, which ends the process.
        let _ = self.queue.send(Job::Stop);
        let _ = self.thread.join();
        if let Some(keeper) = self.keeper {
            keeper.stop();
        }
    }
}

/// One command on its way to the store.
#[derive(Debug)]
pub struct Submission {
    /// The room it is about.
    pub rid: Rid,
    /// Who sends it.
    pub caller: Caller,
    /// What is to be done.
    pub command: Command,
    /// What is stored with it.
    pub content: Content,
}

/// What a command brings along to be stored.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// A card, request or approve, from [`pack`].
    Frame(Vec<u8>),
    /// A denial.
    Deny(Deny),
    /// Why an approve is no good.
    Nack(NackCode),
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The decision, which is durable now.
    pub decision: Decision,
    /// The seq of the change; 0 where nothing was changed.
    pub seq: Seq,
    /// When it was decided, in Unix milliseconds.
    pub at: i64,
    /// What a user is told of it.
    pub notice: Option<(Uid, Notice)>,
    /// The requests that are pending again.
    pub reopened: Vec<RequestItem>,
    /// How long the request waited, in milliseconds, where this is its first approve.
    pub first_approve_ms: Option<i64>,
}

/// Called once, on the writer's thread: it must not wait.
pub type Done = Box<dyn FnOnce(Result<Committed, CommandError>) + Send>;

enum Job {
    CarryOut(Box<Submission>, Done),
    Alone(Alone),
    /// There is a piece to look for.
    Look,
    Stop,
}

/// What the writer does in a transaction of its own, between two batches.
type Alone = Box<dyn FnOnce(&mut Connection, &Quotas, i64) + Send>;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database itself.
    #[error(transparent)]
    Database(#[from] vestibule_schema::Error),
    /// The database's files are not there, although it was opened.
    #[error("cannot find {}: {source}", path.display())]
    Place {
        /// The database.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread of the store: {0}")]
    Thread(std::io::Error),
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and brings it up to date.
    pub fn open(path: &Path, settings: &Settings) -> Result<(Self, Writer), OpenError> {
        let Settings { quotas, max_bytes, queue, page_bytes, clock } = settings.clone();
        let (database, mut connection) = open(path)?;
        let path = database.path().to_owned();
        let applied = migrate::run(&mut connection)?;
        if applied > 0 {
            tracing::info!(applied, "database migrated");
        }
        if let Some(bytes) = max_bytes {
            vestibule_schema::cap(&mut connection, bytes)?;
        }
        let Start { epoch, downtimes, seq, mark } = restored::begin(&path, &mut connection, clock.now_us())?;
        spare::keep(&path);
        let readers = database.readers(READERS)?;
        let place = Place::of(&path).map_err(|source| OpenError::Place { path: path.clone(), source })?;
        let place = Arc::new(place);
        let committed = keeper::Committed::new(seq);
        let keeper = mark
            .map(|mark| Keeper::start(path.clone(), mark, committed.clone(), clock.clone()))
            .transpose()
            .map_err(OpenError::Thread)?;
        let (queue, jobs) = sync_channel(queue);
        let (pieces, waiting_pieces) = sync_channel(PIECES);
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let metrics = Arc::new(StoreMetrics::default());
        let verdicts = Verdicts::new(folder.clone(), Arc::clone(&metrics));
        let (quotas, max_bytes) =
            (Arc::new(ArcSwap::from_pointee(quotas)), Arc::new(ArcSwap::from_pointee(max_bytes)));
        let desk = Desk {
            connection,
            _database: database,
            quotas: quotas.clone(),
            max_bytes: max_bytes.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            verdicts: verdicts.clone(),
            progress: Progress { place: Arc::clone(&place), committed },
        };
        let thread = thread::Builder::new()
            .name("vestibule-writer".to_owned())
            .spawn(move || writer::run(desk, &jobs, &waiting_pieces))
            .map_err(OpenError::Thread)?;
        let writer = Writer { queue: queue.clone(), thread, keeper };
        let store = Self {
            queue,
            pieces,
            readers,
            history: History::new(epoch, downtimes),
            clock,
            page_bytes,
            folder,
            place,
            metrics,
            verdicts,
            quotas,
            max_bytes,
        };
        Ok((store, writer))
    }

    /// Registers what the store counts.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// The database's epoch.
    pub fn epoch(&self) -> Epoch {
        self.history.epoch()
    }

    /// The epoch to tell a client that has seen this seq in this epoch: another than its own where what it has seen was not here.
    pub fn epoch_for(&self, seen: Option<(Epoch, Seq)>) -> Epoch {
        self.history.epoch_for(seen)
    }

    /// Other quotas, for the commands that are decided from now on. What is stored already stays.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.quotas.store(Arc::new(quotas));
    }

    /// Another size that the database may grow to, from the next command on. One that is larger already keeps its size.
    pub fn set_max_bytes(&self, max_bytes: Option<u64>) {
        self.max_bytes.store(Arc::new(max_bytes));
    }

    /// Has a command carried out. `done` hears how it went, after the commit; at once where the queue is full.
    pub fn submit(&self, submission: Submission, done: Done) {
        self.metrics.submitted();
        let (job, error) = match self.queue.try_send(Job::CarryOut(Box::new(submission), done)) {
            Ok(()) => return,
            Err(TrySendError::Full(job)) => (job, StoreError::Overloaded),
            Err(TrySendError::Disconnected(job)) => (job, StoreError::Unavailable),
        };
        if let Job::CarryOut(submission, done) = job {
            let result = Err(error.into());
            self.metrics.turned_away(&submission.command, &result);
            done(result);
        }
    }

    /// As [`Store::submit`], for who can wait.
    pub async fn carry_out(&self, submission: Submission) -> Result<Committed, CommandError> {
        let (sender, receiver) = oneshot::channel();
        self.submit(
            submission,
            Box::new(move |result| {
                let _ = sender.send(result);
            }),
        );
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable.into()))
    }

    /// Deletes what is over and need not be remembered any more, for a few milliseconds at a time. Says how many rows.
    pub async fn tidy(&self, now: i64) -> Result<usize, StoreError> {
        let Quotas { memory_ms, notices_ms, .. } = **self.quotas.load();
        let (finished_before, notices_before) = (now - memory_ms, now - notices_ms);
        self.little_by_little(move |conn| {
            let tidied = repository::tidy::run(conn, now, finished_before, notices_before, TIDIED_AT_ONCE)?
                + repository::audit::forget(conn, now - KEEP_ACTS_MS, KEEP_ACTS, TIDIED_AT_ONCE)?;
            Ok((tidied, tidied > 0))
        })
        .await
    }

    /// Writes something in a transaction of its own. It is handed the quotas, and the time in Unix microseconds.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Quotas, i64) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let verdicts = self.verdicts.clone();
        let alone: Alone = Box::new(move |conn, quotas, now_us| {
            let written = repository::store::transaction(conn, |conn| work(conn, quotas, now_us));
            // Who asked may have gone.
            let _ = sender.send(written.map_err(|error| verdicts.on_write(&error)));
        });
        self.queue.try_send(Job::Alone(alone)).map_err(|_| StoreError::Overloaded)?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable))
    }
}

/// Opens the database, on a full disk by what is spared for that.
fn open(path: &Path) -> Result<(Database, Connection), Error> {
    let database = Database::open(path)?;
    let connection = database.writer().or_else(|error| {
        let is_disk = matches!(error.kind(), ErrorKind::Full | ErrorKind::Fatal);
        if is_disk && spare::give_up(database.path()) { database.writer() } else { Err(error) }
    })?;
    Ok((database, connection))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use vestibule_approve::{base64url::Fixed, rules::Answer};

    use super::*;

    const QUEUE: usize = 100;

    fn withdraw() -> Submission {
        let caller = Caller { uid: Uid([1; 32]), is_member: false };
        let command = Command::Withdraw { request_id: Fixed([2; 16]) };
        Submission { rid: Rid([3; 32]), caller, command, content: Content::Nothing }
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_everything_else_is_answered_before_the_writer_stops() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) =
            Store::open(&folder.path().join("test.db"), &Settings { queue: QUEUE, ..Settings::default() })
                .unwrap();

        // The writer is held up in the answer to its first command, so that what follows has to wait.
        let (reached, is_reached) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let hold = move |_| {
            reached.send(()).unwrap();
            is_released.recv().unwrap();
        };
        store.submit(withdraw(), Box::new(hold));
        is_reached.recv().unwrap();

        let (answer, answers) = mpsc::channel();
        for _ in 0..QUEUE {
            let answer = answer.clone();
            store.submit(withdraw(), Box::new(move |result| answer.send(result).unwrap()));
        }
        assert!(answers.try_recv().is_err(), "exactly as many as the queue holds");
        let one_more = answer.clone();
        store.submit(withdraw(), Box::new(move |result| one_more.send(result).unwrap()));
        assert_eq!(answers.try_recv().unwrap().unwrap_err(), StoreError::Overloaded.into());

        release.send(()).unwrap();
        writer.stop();
        drop(answer);
        let committed: Vec<Answer> = answers.iter().map(|result| result.unwrap().decision.answer).collect();
        assert_eq!(committed, vec![Answer::Withdraw { dup: true }; QUEUE]);

        // After the end nothing is taken, and that is said.
        let (answer, answers) = mpsc::channel();
        store.submit(withdraw(), Box::new(move |result| answer.send(result).unwrap()));
        assert_eq!(answers.recv().unwrap().unwrap_err(), StoreError::Unavailable.into());
    }
}
