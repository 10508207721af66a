//! What a start finds out: whether the database was restored from a backup, and when no server ran.
//!
//! A restored database lacks whatever was answered ok since the backup. It cannot know that itself,
//! so its epoch, starts and last seq are noted beside it, in the [mark](crate::mark). If the mark
//! has seen more, has another epoch, is missing or cannot be read, the database has, or may have,
//! gone back in time. Then it gets a new epoch. Clients that come with the old one fetch everything
//! anew and repeat what is unanswered.

use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_approve::ids::{Epoch, Seq};
use vestibule_schema::{
    Connection, Error, ErrorKind,
    repository::store::{self, Own},
};

use crate::{
    clock::UnixMicros,
    history::{self, Downtime},
    mark::{Mark, MarkFile},
};

/// The result of a start.
pub(super) struct Startup {
    /// The database's epoch from now on.
    pub(super) epoch: Epoch,
    /// When no server ran.
    pub(super) downtimes: Vec<Downtime>,
    /// The last seq that the database issued.
    pub(super) seq: Seq,
    /// The mark to write beside the database; `None` if the one that is there must stay.
    pub(super) mark: Option<Mark>,
}

/// Checks whether the database at this path was restored, and notes the start in it if the disk has
/// space.
pub(super) fn begin(path: &Path, connection: &mut Connection, now_us: UnixMicros) -> Result<Startup, Error> {
    let is_on_server = !matches!(connection, Connection::Sqlite(_));
    let own = store::own(connection).map_err(|error| if is_on_server { error } else { error.at(path) })?;
    let found = Mark::find(path);
    let mut epoch = Some(Epoch(own.epoch));
    let is_older = if is_on_server { has_lost(&own, &found) } else { was_restored(&own, &found) };
    if is_older {
        tracing::warn!("the database was restored from a backup: clients will fetch everything anew");
        let drawn = drawn();
        epoch = unless_full(store::renew_epoch(connection, drawn.0))?.map(|()| drawn);
    }
    // If the new epoch cannot be stored, the mark stays, so that the next start finds the same.
    let Some(epoch) = epoch else {
        return Ok(Startup { epoch: drawn(), downtimes: Vec::new(), seq: Seq(own.seq), mark: None });
    };
    let counted = match &found {
        MarkFile::Mark(Mark { starts, .. }) | MarkFile::Starts(starts) => *starts,
        MarkFile::Nothing | MarkFile::Unreadable(..) => 0,
    };
    // The database first: after a crash in between it is one start ahead of the mark, which is
    // harmless. One behind would look like a restore.
    let next = own.starts.max(counted) + 1;
    let begun = unless_full(store::begin(connection, next, now_us.0))?;
    let mut downtimes = Vec::new();
    if let MarkFile::Mark(mark) = found
        && mark.epoch == epoch
        // On a server others may have run meanwhile.
        && !is_on_server
    {
        let stopped = mark.stopped_at(Seq(own.seq));
        downtimes = mark.downtimes;
        if let Some(started) = begun {
            history::add(&mut downtimes, (stopped, started));
        }
    }
    let (starts, seq) = begun.map_or((own.starts, Seq(own.seq)), |seq| (next, Seq(seq)));
    let mark = Mark { epoch, starts, seq, at: now_us.0, is_stopped: false, downtimes: downtimes.clone() };
    Ok(Startup { epoch, downtimes, seq, mark: Some(mark) })
}

fn was_restored(own: &Own, found: &MarkFile) -> bool {
    match found {
        MarkFile::Mark(mark) => {
            mark.epoch != Epoch(own.epoch) || own.starts < mark.starts || Seq(own.seq) < mark.seq
        }
        MarkFile::Starts(counted) => own.starts < *counted,
        MarkFile::Nothing => own.starts > 0,
        MarkFile::Unreadable(path, error) => {
            tracing::warn!("cannot read {}: {error}. The database may be an older one", path.display());
            true
        }
    }
}

/// Whether a database on a server has lost what this program had stored. Without a mark nobody
/// knows: another program may have come to it before, and this one is new. The epoch does not
/// matter, because another program may have noticed the same and drawn a new one.
fn has_lost(own: &Own, found: &MarkFile) -> bool {
    match found {
        MarkFile::Mark(mark) => own.starts < mark.starts || Seq(own.seq) < mark.seq,
        _ => false,
    }
}

/// A random epoch.
pub(super) fn drawn() -> Epoch {
    let mut drawn = [0; 16];
    let random = SystemRandom::new().fill(&mut drawn);
    random.expect("a system that stops giving random numbers cannot run a server");
    Epoch(drawn)
}

/// Treats a full disk as `None`, so that the start goes on.
fn unless_full<T>(written: Result<T, Error>) -> Result<Option<T>, Error> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.kind() == ErrorKind::Full => {
            tracing::error!(%error, "the disk is full: new frames are refused");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::ffi::OsStrExt as _,
        path::Path,
        thread,
        time::{Duration, Instant},
    };

    use diesel::connection::SimpleConnection as _;
    use vestibule_schema::Database;

    use crate::{Store, StoreConfig, Writer};

    /// Opens a store, closes it and returns its epoch.
    fn epoch_of(path: &Path) -> String {
        let (store, writer): (Store, Writer) = Store::open(path, &StoreConfig::default()).unwrap();
        let epoch = store.epoch().to_string();
        drop(store);
        writer.stop();
        // The pool closes its connections on other threads.
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_open(path) {
            assert!(Instant::now() < deadline, "the database is not closed");
            thread::sleep(Duration::from_millis(1));
        }
        epoch
    }

    /// Whether this process holds the database or its log (proc(5)).
    fn is_open(path: &Path) -> bool {
        let path = fs::canonicalize(path).unwrap();
        let mut held =
            fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        held.any(|held| held.as_os_str().as_bytes().starts_with(path.as_os_str().as_bytes()))
    }

    /// Copies the database, and its log, which stays if two connections close at once.
    fn copy(from: &Path, to: &Path) {
        fs::copy(from, to).unwrap();
        let log = |path: &Path| path.with_extension("db-wal");
        let _ = fs::remove_file(log(to));
        if log(from).exists() {
            fs::copy(log(from), log(to)).unwrap();
        }
    }

    #[test]
    fn a_restored_database_has_another_epoch_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("v.db"), folder.path().join("backup.db"));
        let first = epoch_of(&path);
        copy(&path, &backup);
        assert_eq!(epoch_of(&path), first);

        copy(&backup, &path);
        let second = epoch_of(&path);
        assert_ne!(second, first);
        assert_eq!(epoch_of(&path), second, "only once");

        // Without the mark nothing is known. Operators delete it when they restore a whole folder.
        fs::remove_file(path.with_extension("mark")).unwrap();
        let third = epoch_of(&path);
        assert_ne!(third, second);
        assert_eq!(epoch_of(&path), third);
    }

    #[test]
    fn a_database_of_another_epoch_is_a_restored_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("v.db"), folder.path().join("backup.db"));
        let first = epoch_of(&path);
        copy(&path, &backup);
        fs::remove_file(path.with_extension("mark")).unwrap();
        let second = epoch_of(&path);
        // Whatever has been counted since the second epoch, clients may have seen more in the
        // first.
        let kept = fs::read_to_string(path.with_extension("mark")).unwrap();
        let behind = kept.replace("\"starts\":2", "\"starts\":0");
        assert_ne!(behind, kept);
        fs::write(path.with_extension("mark"), behind).unwrap();
        copy(&backup, &path);
        let third = epoch_of(&path);
        assert!(third != first && third != second);
    }

    #[test]
    fn a_malformed_epoch_keeps_the_store_from_opening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        epoch_of(&path);
        for malformed in ["x'00'", "x''", "zeroblob(17)"] {
            let database = Database::open(&path).unwrap();
            let damage = format!("PRAGMA ignore_check_constraints = 1; UPDATE store SET epoch = {malformed}");
            database.writer().unwrap().batch_execute(&damage).unwrap();
            drop(database);
            let Err(error) = Store::open(&path, &StoreConfig::default()) else { panic!("{malformed}") };
            assert!(error.to_string().contains("an epoch that is not 16 bytes long"), "{error}");
        }
    }
}
