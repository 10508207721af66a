//! What a start finds: whether the database was restored from a backup since the last one, and when no server ran.
//!
//! A restored database is an older one: what was answered ok since the backup is not in it. Nothing inside it can tell, so
//! its epoch, its starts and its last seq are noted beside it, in the [mark](super::mark). Where the mark has seen more, is of
//! another epoch, is gone or says nothing that makes sense, the database has gone back in time, or may have: it gets a new epoch,
//! and clients that come with the old one are told to fetch anew, and repeat what they wait for.

use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_approve::ids::{Epoch, Seq};
use vestibule_schema::{
    Connection, Error, ErrorKind,
    repository::store::{self, Own},
};

use crate::{
    history::{self, Downtime},
    mark::{Mark, MarkFile},
};

/// What a start has found.
pub(super) struct Startup {
    /// The database's epoch from now on.
    pub(super) epoch: Epoch,
    /// When no server ran.
    pub(super) downtimes: Vec<Downtime>,
    /// The last number that the database has given.
    pub(super) seq: Seq,
    /// What is to be kept beside the database, unless what is there has to stay.
    pub(super) mark: Option<Mark>,
}

/// Looks whether the database at this path was restored, and notes the start in it, as far as the disk has room.
pub(super) fn begin(path: &Path, connection: &mut Connection, now_us: i64) -> Result<Startup, Error> {
    let own = store::own(connection).map_err(|error| error.at(path))?;
    let found = Mark::find(path);
    let mut epoch = Some(Epoch(own.epoch));
    if was_restored(&own, &found) {
        tracing::warn!("the database was restored from a backup: clients are told to fetch anew");
        epoch = unless_full(store::renew_epoch(connection))?.map(Epoch);
    }
    // Where that cannot be written down, what is beside the database stays, for the next start to find the same.
    let Some(epoch) = epoch else {
        return Ok(Startup { epoch: drawn(), downtimes: Vec::new(), seq: Seq(own.seq), mark: None });
    };
    let counted = match &found {
        MarkFile::Mark(Mark { starts, .. }) | MarkFile::Starts(starts) => *starts,
        MarkFile::Nothing | MarkFile::Unreadable(..) => 0,
    };
    // The database first: a crash in between leaves it one ahead, which means nothing; one behind would mean a restore.
    let next = own.starts.max(counted) + 1;
    let begun = unless_full(store::begin(connection, next, now_us))?;
    let mut downtimes = Vec::new();
    if let MarkFile::Mark(mark) = found
        && mark.epoch == epoch
    {
        let stopped = mark.stopped_at(Seq(own.seq));
        downtimes = mark.downtimes;
        if let Some(started) = begun {
            history::add(&mut downtimes, (stopped, started));
        }
    }
    let (starts, seq) = begun.map_or((own.starts, Seq(own.seq)), |seq| (next, Seq(seq)));
    let mark = Mark { epoch, starts, seq, at: now_us, is_stopped: false, downtimes: downtimes.clone() };
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
            tracing::warn!("{}: {error}, so nobody knows whether the database is the newest", path.display());
            true
        }
    }
}

/// An epoch of this run alone.
fn drawn() -> Epoch {
    let mut drawn = [0; 16];
    let random = SystemRandom::new().fill(&mut drawn);
    random.expect("a system that stops giving random numbers cannot run a server");
    Epoch(drawn)
}

/// Goes on without what a full disk did not take.
fn unless_full<T>(written: Result<T, Error>) -> Result<Option<T>, Error> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.kind() == ErrorKind::Full => {
            tracing::error!(%error, "the disk is full: what is new is refused");
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

    /// The epoch of a store that is opened and closed again.
    fn epoch_of(path: &Path) -> String {
        let (store, writer): (Store, Writer) = Store::open(path, &StoreConfig::default()).unwrap();
        let epoch = store.epoch().to_string();
        drop(store);
        writer.stop();
        // The pool closes its connections on threads of its own.
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

    /// The database and its log, which stays where two connections close at once.
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

        // Without the file nothing is known, and who restores a whole folder takes it away to say so.
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
        // Its clients may have seen more than is in it before there was the second epoch, whatever has been counted since.
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
