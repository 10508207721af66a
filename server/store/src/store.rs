//! The store: opens the database, sends commands to the writer, and reads beside it.

use std::{
    hash::{BuildHasher as _, RandomState},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
    time::timeout,
};
use vestibule_approve::{
    ids::{Epoch, Rid, Seq},
    limits::Quotas,
};
use vestibule_schema::{
    Connection, Database, Error, ErrorKind, ReadPool,
    repository::transaction::{snapshot, transaction},
};

use crate::{
    chunk::{Chunks, MAX_CHUNKS},
    clock::Clock,
    config::{Location, StoreConfig},
    era::Era,
    error::{CommandError, OpenError, StoreError},
    failure_policy::FailurePolicy,
    file_identity::DatabaseFiles,
    history::History,
    in_flight::{InFlight, Watch},
    job::{Exclusive, Job},
    link::Link,
    mark_writer::{LastCommitted, MarkWriter},
    metrics::StoreMetrics,
    open,
    order::Order,
    reserve,
    restored::{self, Startup},
    rows::Rules,
    submission::{Committed, Done, Submission},
    writer::{Common, Progress, Worker},
};

/// How many connections read: so many reads run at once, each on a blocking thread.
pub const READERS: u32 = 4;

/// How many connections write to a server. A room's commands always go through the same one.
pub const WRITERS: usize = 4;

/// How often to look whether a writer has stopped.
const LOOK: Duration = Duration::from_millis(20);

/// How long to wait for a server that may hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// The handle to the database. See the [crate](crate).
pub struct Store {
    queues: Vec<SyncSender<Job>>,
    hasher: RandomState,
    pub(super) chunks: Chunks,
    readers: ReadPool,
    era: Arc<Era>,
    pub(super) clock: Clock,
    pub(super) page_bytes: usize,
    show_accounts: AtomicBool,
    /// The folder of the data file.
    pub(super) folder: PathBuf,
    /// `None` on a server.
    pub(super) files: Option<Arc<DatabaseFiles>>,
    pub(super) metrics: Arc<StoreMetrics>,
    failures: FailurePolicy,
    pub(super) quotas: Arc<ArcSwap<Quotas>>,
    max_bytes: Arc<ArcSwap<Option<u64>>>,
}

/// The handle to the writers' threads.
pub struct Writer {
    queues: Vec<SyncSender<Job>>,
    threads: Vec<(thread::JoinHandle<()>, Arc<InFlight>)>,
    /// Over a file there is none: it does not fall silent.
    watch: Option<Watch>,
    marking: Option<MarkWriter>,
}

impl Writer {
    /// Carries out all submitted commands, then closes the database. Later commands fail with
    /// [`StoreError::Unavailable`]. A writer whose database does not answer is left alone.
    pub fn stop(self) {
        // All fail only if a writer is gone, and that ends the process.
        for queue in &self.queues {
            let _ = queue.send(Job::Stop);
        }
        for (thread, in_flight) in self.threads {
            while self.watch.is_some() && !thread.is_finished() && !in_flight.is_given_up() {
                thread::sleep(LOOK);
            }
            if in_flight.is_given_up() {
                tracing::warn!("stopping, although the database has not answered");
            } else {
                let _ = thread.join();
            }
        }
        if let Some(marking) = self.marking {
            marking.stop();
        }
    }
}

impl Store {
    /// Opens or creates the database, runs the migrations, and starts the writers.
    pub fn open(location: impl Into<Location>, config: &StoreConfig) -> Result<(Self, Writer), OpenError> {
        let location = location.into();
        let (database, mut connection) = open::open(&location, config)?;
        let path = database.file().map_or_else(|| location.mark_base(), Path::to_owned);
        let Startup { epoch, downtimes, seq, mark } =
            restored::begin(&path, &mut connection, config.clock.now_us())?;
        if let Some(path) = database.file() {
            reserve::keep(path);
        }
        let files = open::files_of(&database)?;
        let readers = database.readers(READERS)?;
        let committed = LastCommitted::new(seq);
        let marking = mark
            .map(|mark| MarkWriter::start(path.clone(), mark, committed.clone(), config.clock.clone()))
            .transpose()
            .map_err(OpenError::Thread)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let metrics = Arc::new(StoreMetrics::default());
        let common = Common {
            quotas: Arc::new(ArcSwap::from_pointee(config.quotas)),
            max_bytes: Arc::new(ArcSwap::from_pointee(config.max_bytes)),
            clock: config.clock.clone(),
            failures: FailurePolicy::new(folder.clone(), Arc::clone(&metrics)),
            metrics,
            progress: Progress { files: files.clone(), committed },
            open_total: Arc::default(),
        };
        let era = Era::new(History::new(epoch, downtimes));
        let started = start((database, connection), &common, &era, config.queue)?;
        let watch = files.is_none().then(|| {
            let writers = started.threads.iter().map(|(_, in_flight)| Arc::clone(in_flight));
            Watch::start(writers.collect(), Arc::clone(&common.metrics))
        });
        let watch = watch.transpose().map_err(OpenError::Thread)?;
        let writer = Writer { queues: started.queues.clone(), threads: started.threads, watch, marking };
        let store = Self {
            queues: started.queues,
            hasher: RandomState::new(),
            chunks: started.chunks,
            readers,
            era,
            clock: common.clock,
            page_bytes: config.page_bytes,
            show_accounts: AtomicBool::new(config.show_accounts),
            folder,
            files,
            metrics: common.metrics,
            failures: common.failures,
            quotas: common.quotas,
            max_bytes: common.max_bytes,
        };
        Ok((store, writer))
    }

    /// Registers the store's metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// The database's epoch.
    pub fn epoch(&self) -> Epoch {
        self.era.epoch()
    }

    /// The epoch to tell a client that has seen this seq in this epoch. It differs from the
    /// client's if this store never issued that seq.
    pub fn epoch_for(&self, seen: Option<(Epoch, Seq)>) -> Epoch {
        self.era.epoch_for(seen)
    }

    /// Changes each time when clients must look again: something may be stored of which they were
    /// not told, or the database has lost something and has a new epoch.
    pub fn breaks(&self) -> watch::Receiver<u64> {
        self.era.breaks()
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
        let queue = self.queue_of(&submission.rid);
        let (job, error) = match queue.try_send(Job::CarryOut(Box::new(submission), done)) {
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

    /// The queue of the writer to whom a room's commands go.
    fn queue_of(&self, rid: &Rid) -> &SyncSender<Job> {
        match &self.queues[..] {
            [queue] => queue,
            queues => &queues[usize::try_from(self.hasher.hash_one(rid)).unwrap_or_default() % queues.len()],
        }
    }

    /// The queue of the writer that does what is not about one room.
    pub(super) fn queue(&self) -> &SyncSender<Job> {
        &self.queues[0]
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

    /// Runs `work` in a transaction of its own.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, Rules<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let failures = self.failures.clone();
        let exclusive: Exclusive = Box::new(move |conn, rules| {
            let written = conn.and_then(|conn| transaction(conn, |conn| work(conn, rules)));
            // The caller may be gone.
            let _ = sender.send(written.map_err(|error| failures.on_write(&error)));
        });
        self.queue().try_send(Job::Exclusive(exclusive)).map_err(|_| StoreError::Overloaded)?;
        let written = self.in_time(receiver).await;
        written.and_then(Result::ok).unwrap_or(Err(StoreError::Unavailable))
    }

    /// Reads in a snapshot, on a connection of the pool and a blocking thread; on another one, if
    /// the connection was lost.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (readers, era) = (self.readers.clone(), Arc::clone(&self.era));
        let read = spawn_blocking(move || {
            let read = snapshot(&mut *readers.get()?, &query);
            match read {
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    readers.note_loss();
                    era.note_loss();
                    snapshot(&mut *readers.get()?, &query)
                }
                read => read,
            }
        });
        let failed = match self.in_time(read).await {
            Some(Ok(Ok(found))) => {
                self.look_after_loss();
                return Ok(found);
            }
            Some(Ok(Err(error))) => self.failures.on_read(&error),
            Some(Err(error)) => {
                tracing::error!(%error, "the store cannot be read");
                StoreError::Unavailable
            }
            None => self.failures.on_read(&Error::lost("an answer")),
        };
        self.metrics.read_failed();
        Err(failed)
    }

    /// Waits for a server that may hang, but not for ever. A file answers.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.files.is_some() {
            return Some(work.await);
        }
        timeout(PATIENCE, work).await.ok()
    }

    /// After a loss, has writers look whether the database is still the same: they might have
    /// nothing to do for long.
    fn look_after_loss(&self) {
        if self.era.take_loss() {
            for queue in &self.queues {
                // With a full queue there is enough to do.
                let _ = queue.try_send(Job::Look);
            }
        }
    }
}

/// The writers, started.
struct Started {
    queues: Vec<SyncSender<Job>>,
    threads: Vec<(thread::JoinHandle<()>, Arc<InFlight>)>,
    chunks: Chunks,
}

/// Starts the writers: one to a file, several to a server.
fn start(
    (database, connection): (Database, Connection),
    common: &Common,
    era: &Arc<Era>,
    queue: usize,
) -> Result<Started, OpenError> {
    let database = Arc::new(database);
    let writers = if database.file().is_some() { 1 } else { WRITERS };
    let order = Arc::new(Order::of(writers));
    let (chunks, waiting_chunks) = sync_channel(MAX_CHUNKS);
    let mut started = Started { queues: Vec::new(), threads: Vec::new(), chunks };
    let (mut first, mut waiting_chunks) = (Some(connection), Some(waiting_chunks));
    for number in 0..writers {
        let (sender, jobs) = sync_channel(queue.div_ceil(writers));
        let connection = first.take().map_or_else(|| database.writer(), Ok)?;
        let link = Link::new(connection, Arc::clone(&database), Arc::clone(era), number);
        let in_flight = InFlight::new(jobs);
        let worker = Worker::new(link, common.clone(), Arc::clone(&order), Arc::clone(&in_flight));
        let thread = worker.start(waiting_chunks.take()).map_err(OpenError::Thread)?;
        started.queues.push(sender);
        started.threads.push((thread, in_flight));
    }
    Ok(started)
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
