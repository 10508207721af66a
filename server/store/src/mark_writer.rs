//! Keeps the mark up to date, on a thread of its own, so that commands do not wait for it.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use vestibule_approve::ids::Seq;

use crate::{
    clock::Clock,
    mark::{self, Mark},
};

/// How often to look for new commits.
const EVERY: Duration = Duration::from_secs(1);

/// The last durable seq. The writer sets it before it answers.
#[derive(Clone, Debug)]
pub(super) struct LastCommitted(Arc<AtomicI64>);

impl LastCommitted {
    pub(super) fn new(seq: Seq) -> Self {
        Self(Arc::new(AtomicI64::new(seq.0)))
    }

    pub(super) fn note(&self, seq: Seq) {
        self.0.fetch_max(seq.0, Ordering::Relaxed);
    }

    fn last(&self) -> Seq {
        Seq(self.0.load(Ordering::Relaxed))
    }
}

/// The thread that writes the mark.
pub(super) struct MarkWriter {
    stop: Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl MarkWriter {
    /// Writes the mark of the database at this path and starts the thread.
    pub(super) fn start(
        database: PathBuf,
        mark: Mark,
        committed: LastCommitted,
        clock: Clock,
    ) -> io::Result<Self> {
        let (stop, is_stopped) = channel();
        let mut mark_thread = MarkThread { database, mark, committed, clock, has_failed: false };
        mark_thread.write();
        let thread = thread::Builder::new()
            .name("vestibule-mark".to_owned())
            .spawn(move || mark_thread.run(&is_stopped))?;
        Ok(Self { stop, thread })
    }

    /// Writes that the server has stopped. Call it after the last commit.
    pub(super) fn stop(self) {
        // Both fail only if the thread has panicked, which is in the log.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

struct MarkThread {
    database: PathBuf,
    mark: Mark,
    committed: LastCommitted,
    clock: Clock,
    /// Whether the last write failed, to log that once.
    has_failed: bool,
}

impl MarkThread {
    fn run(&mut self, is_stopped: &Receiver<()>) {
        loop {
            match is_stopped.recv_timeout(EVERY) {
                Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(()) => {
                    self.mark.is_stopped = true;
                    return self.write();
                }
                // The handle was dropped: nobody knows whether the writer still runs.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes the mark after a commit, and once a minute.
    fn look(&mut self) {
        let is_another_minute = Mark::minute(self.clock.now_us().0) != Mark::minute(self.mark.at);
        if self.has_failed || is_another_minute || self.committed.last() > self.mark.seq {
            self.write();
        }
    }

    fn write(&mut self) {
        (self.mark.seq, self.mark.at) = (self.committed.last(), self.clock.now_us().0);
        match self.mark.write(&self.database) {
            Ok(()) => self.has_failed = false,
            Err(error) => {
                let path = mark::path(&self.database);
                if !self.has_failed {
                    tracing::warn!(%error, "cannot write {}: a restore may go unnoticed", path.display());
                }
                self.has_failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Instant};

    use vestibule_approve::ids::Epoch;

    use crate::clock::UnixMicros;

    use super::{mark::MarkFile, *};

    fn found(database: &Path) -> Option<Mark> {
        match Mark::find(database) {
            MarkFile::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn wait_for(database: &Path, is_there: impl Fn(&Mark) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !found(database).is_some_and(|mark| is_there(&mark)) {
            assert!(Instant::now() < deadline, "{:?}", found(database));
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn commits_are_marked_soon_and_the_stop_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("v.db");
        let minute = Arc::new(AtomicI64::new(10));
        let clock = Clock::new({
            let minute = Arc::clone(&minute);
            move || UnixMicros(minute.load(Ordering::Relaxed) * 60_000_000)
        });
        let committed = LastCommitted::new(Seq(5));
        let mark = Mark {
            epoch: Epoch([7; 16]),
            starts: 1,
            seq: Seq(0),
            at: 0,
            is_stopped: false,
            downtimes: vec![],
        };
        let mark_writer =
            MarkWriter::start(database.clone(), mark.clone(), committed.clone(), clock).unwrap();
        assert_eq!(found(&database), Some(Mark { seq: Seq(5), at: 600_000_000, ..mark.clone() }));
        committed.note(Seq(9));
        committed.note(Seq(8));
        wait_for(&database, |mark| mark.seq == Seq(9));
        // An idle server keeps the mark's time up to date.
        minute.store(11, Ordering::Relaxed);
        wait_for(&database, |mark| mark.at == 660_000_000);
        // A failed write is retried.
        let path = super::mark::path(&database);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("in-the-way"), "").unwrap();
        committed.note(Seq(10));
        thread::sleep(EVERY * 2);
        fs::remove_dir_all(&path).unwrap();
        wait_for(&database, |mark| mark.seq == Seq(10));
        committed.note(Seq(11));
        mark_writer.stop();
        let stopped = Mark { seq: Seq(11), at: 660_000_000, is_stopped: true, ..mark };
        assert_eq!(found(&database), Some(stopped));
    }
}
