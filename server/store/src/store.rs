//! The store: opens the database, sends commands to the writer, and reads beside it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::{sync::oneshot, task::spawn_blocking};
use vestibule_approve::{
    ids::{Epoch, Seq},
    limits::Quotas,
};
use vestibule_schema::{
    Connection, Database, Error, ErrorKind, ReadPool, migrate,
    repository::store::{snapshot, transaction},
    shrink,
};

use crate::{
    chunk::{Chunks, MAX_CHUNKS},
    clock::{Clock, UnixMicros},
    config::StoreConfig,
    error::{CommandError, OpenError, StoreError},
    failure_policy::FailurePolicy,
    file_identity::DatabaseFiles,
    history::History,
    job::{Exclusive, Job},
    mark_writer::{LastCommitted, MarkWriter},
    metrics::StoreMetrics,
    reserve,
    restored::{self, Startup},
    submission::{Committed, Done, Submission},
    writer::{Progress, Worker},
};

/// How many connections read: so many reads run at once, each on a blocking thread.
pub const READERS: u32 = 4;

/// The handle to the database. See the [crate](crate).
pub struct Store {
    pub(super) queue: SyncSender<Job>,
    pub(super) chunks: Chunks,
    readers: ReadPool,
    history: History,
    pub(super) clock: Clock,
    pub(super) page_bytes: usize,
    show_accounts: AtomicBool,
    /// The folder of the data file.
    pub(super) folder: PathBuf,
    pub(super) files: Arc<DatabaseFiles>,
    pub(super) metrics: Arc<StoreMetrics>,
    failures: FailurePolicy,
    pub(super) quotas: Arc<ArcSwap<Quotas>>,
    max_bytes: Arc<ArcSwap<Option<u64>>>,
}

/// The handle to the writer's thread.
pub struct Writer {
    queue: SyncSender<Job>,
    thread: thread::JoinHandle<()>,
    marking: Option<MarkWriter>,
}

impl Writer {
    /// Carries out all submitted commands, then closes the database. Later commands fail with
    /// [`StoreError::Unavailable`].
    pub fn stop(self) {
        // Both fail only if the writer is gone, and that ends the process.
        let _ = self.queue.send(Job::Stop);
        let _ = self.thread.join();
        if let Some(marking) = self.marking {
            marking.stop();
        }
    }
}

impl Store {
    /// Opens or creates the database at `path`, runs the migrations, and starts the writer.
    pub fn open(path: &Path, config: &StoreConfig) -> Result<(Self, Writer), OpenError> {
        let StoreConfig { quotas, max_bytes, queue, page_bytes, show_accounts, clock } = config.clone();
        let (database, mut connection) = open(path, max_bytes)?;
        let path = database.path().to_owned();
        let Startup { epoch, downtimes, seq, mark } =
            restored::begin(&path, &mut connection, clock.now_us())?;
        reserve::keep(&path);
        let readers = database.readers(READERS)?;
        let files =
            DatabaseFiles::of(&path).map_err(|source| OpenError::Files { path: path.clone(), source })?;
        let files = Arc::new(files);
        let committed = LastCommitted::new(seq);
        let marking = mark
            .map(|mark| MarkWriter::start(path.clone(), mark, committed.clone(), clock.clone()))
            .transpose()
            .map_err(OpenError::Thread)?;
        let (queue, jobs) = sync_channel(queue);
        let (chunks, waiting_chunks) = sync_channel(MAX_CHUNKS);
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let metrics = Arc::new(StoreMetrics::default());
        let failures = FailurePolicy::new(folder.clone(), Arc::clone(&metrics));
        let (quotas, max_bytes) =
            (Arc::new(ArcSwap::from_pointee(quotas)), Arc::new(ArcSwap::from_pointee(max_bytes)));
        let worker = Worker {
            connection,
            _database: database,
            quotas: quotas.clone(),
            max_bytes: max_bytes.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            failures: failures.clone(),
            progress: Progress { files: Arc::clone(&files), committed },
        };
        let thread = worker.start(jobs, waiting_chunks).map_err(OpenError::Thread)?;
        let writer = Writer { queue: queue.clone(), thread, marking };
        let store = Self {
            queue,
            chunks,
            readers,
            history: History::new(epoch, downtimes),
            clock,
            page_bytes,
            show_accounts: AtomicBool::new(show_accounts),
            folder,
            files,
            metrics,
            failures,
            quotas,
            max_bytes,
        };
        Ok((store, writer))
    }

    /// Registers the store's metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// The database's epoch.
    pub fn epoch(&self) -> Epoch {
        self.history.epoch()
    }

    /// The epoch to tell a client that has seen this seq in this epoch. It differs from the
    /// client's if this store never issued that seq.
    pub fn epoch_for(&self, seen: Option<(Epoch, Seq)>) -> Epoch {
        self.history.epoch_for(seen)
    }

    /// Changes the quotas for the next commands. Stored frames stay.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.quotas.store(Arc::new(quotas));
    }

    /// Changes the size to which the database may grow. If it is already larger, it keeps its size.
    pub fn set_max_bytes(&self, max_bytes: Option<u64>) {
        self.max_bytes.store(Arc::new(max_bytes));
    }

    /// Changes whether lists show the accounts that are stored with requests.
    pub fn set_show_accounts(&self, show_accounts: bool) {
        self.show_accounts.store(show_accounts, Ordering::Relaxed);
    }

    /// Whether lists show the accounts that are stored with requests.
    pub fn shows_accounts(&self) -> bool {
        self.show_accounts.load(Ordering::Relaxed)
    }

    /// Sends a command to the writer, which calls `done` after the commit. If the queue is full,
    /// `done` is called at once.
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

    /// As [`Store::submit`], and waits for the outcome.
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

    /// Runs `work` in a transaction of its own. It gets the quotas and the time in Unix
    /// microseconds.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Quotas, UnixMicros) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let failures = self.failures.clone();
        let exclusive: Exclusive = Box::new(move |conn, quotas, now_us| {
            let written = transaction(conn, |conn| work(conn, quotas, now_us));
            // The caller may be gone.
            let _ = sender.send(written.map_err(|error| failures.on_write(&error)));
        });
        self.queue.try_send(Job::Exclusive(exclusive)).map_err(|_| StoreError::Overloaded)?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unavailable))
    }

    /// Reads in a snapshot, on a connection of the pool and a blocking thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let read = spawn_blocking(move || snapshot(&mut *readers.get()?, query)).await;
        let failed = match read {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => self.failures.on_read(&error),
            Err(error) => {
                tracing::error!(%error, "the store cannot be read");
                StoreError::Unavailable
            }
        };
        self.metrics.read_failed();
        Err(failed)
    }
}

/// Opens and migrates the database, on a full disk with the space that is reserved for that.
fn open(path: &Path, max_bytes: Option<u64>) -> Result<(Database, Connection), Error> {
    let database = Database::open(path)?;
    let mut connection = database.writer().or_else(|error| {
        let is_disk = matches!(error.kind(), ErrorKind::Full | ErrorKind::Fatal);
        if is_disk && reserve::give_up(database.path()) { database.writer() } else { Err(error) }
    })?;
    have_it_shrink(&mut connection)?;
    let applied = migrate::run(&mut connection)?;
    if applied > 0 {
        tracing::info!(applied, "database migrated");
    }
    if let Some(bytes) = max_bytes {
        vestibule_schema::cap(&mut connection, bytes)?;
    }
    Ok((database, connection))
}

/// Has the database give space back. A start on a full disk, or while a backup reads, goes on
/// without.
fn have_it_shrink(connection: &mut Connection) -> Result<(), Error> {
    match shrink::enable(connection) {
        Ok(true) => {}
        Ok(false) => {
            tracing::info!("the database never shrinks: a backup of it, restored, does");
        }
        Err(error) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Busy) => {
            tracing::warn!(%error, "the database does not shrink for now");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use vestibule_approve::{
        base64url::Fixed,
        ids::{Rid, Uid},
        rules::{Answer, Caller, Command},
    };

    use super::*;
    use crate::Content;

    const QUEUE: usize = 100;

    fn withdraw() -> Submission {
        let caller = Caller { uid: Uid([1; 32]), is_member: false };
        let command = Command::Withdraw { request_id: Fixed([2; 16]) };
        Submission { rid: Rid([3; 32]), caller, command, content: Content::Nothing }
    }

    #[test]
    fn a_full_queue_fails_at_once_and_a_stop_answers_all() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = Store::open(
            &folder.path().join("test.db"),
            &StoreConfig { queue: QUEUE, ..StoreConfig::default() },
        )
        .unwrap();

        // The first command's callback blocks the writer, so that later commands wait.
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

        // After the stop, commands fail.
        let (answer, answers) = mpsc::channel();
        store.submit(withdraw(), Box::new(move |result| answer.send(result).unwrap()));
        assert_eq!(answers.recv().unwrap().unwrap_err(), StoreError::Unavailable.into());
    }
}
