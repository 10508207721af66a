//! Notices that the database was restored from a backup.
//!
//! A restored database is an older one: what was answered ok since the backup is not in it. Nothing inside it can tell, so
//! its starts are counted twice, in the database and in a small file beside it. Where the file has counted more, or is gone,
//! the database has gone back in time, or may have: it gets a new epoch, and clients that come with the old one are told to fetch anew, and repeat what
//! they wait for.

use std::{fs, io, path::Path};

use vestibule_schema::{Connection, repository::store};

use super::OpenError;

/// Counts this start, and says whether the database at `path` was restored since the last one. Then it has a new epoch.
pub(super) fn has_been(path: &Path, connection: &mut Connection) -> Result<bool, OpenError> {
    let file = path.with_extension("starts");
    let counted = read(&file).map_err(|source| OpenError::Starts { path: file.clone(), source })?;
    let starts = store::starts(connection)?;
    let was_restored = counted.map_or(starts > 0, |counted| starts < counted);
    if was_restored {
        store::renew_epoch(connection)?;
    }
    // The database first: a crash in between leaves it one ahead, which means nothing; one behind would mean a restore.
    let next = starts.max(counted.unwrap_or_default()) + 1;
    store::set_starts(connection, next)?;
    write(&file, next).map_err(|source| OpenError::Starts { path: file, source })?;
    Ok(was_restored)
}

fn read(file: &Path) -> io::Result<Option<i64>> {
    match fs::read_to_string(file) {
        Ok(text) => {
            let counted = text.trim().parse();
            counted.map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a number"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, starts: i64) -> io::Result<()> {
    let new = file.with_extension("starts.new");
    fs::write(&new, format!("{starts}\n"))?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Store, Writer};
    use std::{
        fs,
        os::unix::ffi::OsStrExt as _,
        path::Path,
        thread,
        time::{Duration, Instant},
    };

    /// The epoch of a store that is opened and closed again.
    fn epoch_of(path: &Path) -> String {
        let (store, writer): (Store, Writer) = Store::open(path, &Settings::default()).unwrap();
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
        fs::remove_file(path.with_extension("starts")).unwrap();
        let third = epoch_of(&path);
        assert_ne!(third, second);
        assert_eq!(epoch_of(&path), third);
    }

    #[test]
    fn a_file_that_holds_something_else_is_said_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        fs::write(path.with_extension("starts"), "x").unwrap();
        let error = Store::open(&path, &Settings::default()).err().unwrap();
        assert!(error.to_string().contains("v.starts"), "{error}");
    }
}
