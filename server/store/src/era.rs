//! Which state of the database clients have seen, and when they must look again.
//!
//! On a server, the database may become another one while this program runs: restored from a
//! backup, or failed over to a standby that had not received everything. Then clients know what the
//! database does not. A writer that connects anew looks whether what each writer wrote last is
//! still there: another one may have nothing to do for long. If not, the database gets a new epoch,
//! once, by whichever program notices first.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use vestibule_approve::ids::{Epoch, Seq};
use vestibule_schema::{
    Connection, Error,
    repository::{
        store,
        streams::{self, Topic},
    },
};

use crate::{history::History, restored};

/// What a writer wrote last, and in which epoch.
#[derive(Debug)]
struct LastWritten {
    epoch: Epoch,
    topic: Topic,
    seq: Seq,
}

/// The present epoch. Shared by the store and its writers.
pub(super) struct Era {
    history: ArcSwap<History>,
    /// How often clients had to look again.
    breaks: watch::Sender<u64>,
    /// Whether a connection was lost since the writers were last asked to look.
    was_lost: AtomicBool,
    /// What each writer wrote last. Held while one of them looks for a new epoch.
    last: Mutex<BTreeMap<usize, LastWritten>>,
}

impl Era {
    pub(super) fn new(history: History) -> Arc<Self> {
        let history = ArcSwap::from_pointee(history);
        let (breaks, was_lost, last) = (watch::Sender::new(0), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { history, breaks, was_lost, last })
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.history.load().epoch()
    }

    pub(super) fn epoch_for(&self, seen: Option<(Epoch, Seq)>) -> Epoch {
        self.history.load().epoch_for(seen)
    }

    /// Changes each time when clients must look again.
    pub(super) fn breaks(&self) -> watch::Receiver<u64> {
        self.breaks.subscribe()
    }

    /// Has clients look again, because something may be stored of which they were not told.
    pub(super) fn interrupt(&self) {
        self.breaks.send_modify(|count| *count += 1);
    }

    /// Notes that a connection was lost, or could not be had: the writers must look.
    pub(super) fn note_loss(&self) {
        self.was_lost.store(true, Ordering::Relaxed);
    }

    /// Whether the writers must look now.
    pub(super) fn take_loss(&self) -> bool {
        self.was_lost.load(Ordering::Relaxed) && self.was_lost.swap(false, Ordering::Relaxed)
    }

    /// Notes what a writer wrote last, to look for it on a new connection.
    pub(super) fn wrote(&self, writer: usize, topic: Topic, seq: Seq) {
        self.last().insert(writer, LastWritten { epoch: self.epoch(), topic, seq });
    }

    /// Looks whether the database on a new connection is still the one that was written to.
    pub(super) fn look(&self, conn: &mut Connection) -> Result<(), Error> {
        let last = self.last();
        let mut found = Epoch(store::epoch(conn)?);
        if lacks_any(conn, last.values().filter(|last| last.epoch == found))? {
            tracing::error!(
                "the database has lost what was stored in it: it was restored, or failed over to a server \
                 that had not received everything. Clients will fetch everything anew"
            );
            found = restored::drawn();
            store::renew_epoch(conn, found.0)?;
        }
        if found != self.epoch() {
            self.history.store(Arc::new(History::new(found, Vec::new())));
            self.interrupt();
        }
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, BTreeMap<usize, LastWritten>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lacks_any<'l>(
    conn: &mut Connection,
    written: impl Iterator<Item = &'l LastWritten>,
) -> Result<bool, Error> {
    for last in written {
        if has_lost(conn, last)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what was written is gone, and not because its stream had no frame for so long that it
/// was deleted: then the database has noted a later seq.
fn has_lost(conn: &mut Connection, LastWritten { topic, seq, .. }: &LastWritten) -> Result<bool, Error> {
    let found = streams::last(conn, topic)?;
    Ok(found < seq.0 && (found > 0 || store::last_seq(conn)? < seq.0))
}
