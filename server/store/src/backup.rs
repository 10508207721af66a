//! Backups: a copy of the database that is made while the server runs, checked, and put back.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use vestibule_schema::{Database, backup};

pub use vestibule_schema::backup::Contents;

use crate::{durable, mark};

/// A copy that was made, or the database that one was put in place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where the copy is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What is in it.
    pub contents: Contents,
}

/// A copy that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What is in it.
    pub contents: Contents,
    /// Where the database is that was there before, if there was one.
    pub replaced: Option<PathBuf>,
}

/// Why a backup was not made or put back. Each message says in one line what is wrong and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database or the copy cannot be used.
    #[error(transparent)]
    Database(#[from] vestibule_schema::Error),
    /// The database is not a file.
    #[error("the database is on a server: pg_dump copies it, and pg_restore puts a copy back")]
    OnServer,
    /// A file cannot be created, written or renamed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Copies the database to `to`, which must not exist, and reads all of the copy again. Afterwards
/// the copy is durable, and readable by its owner only.
///
/// A server may use the database meanwhile. After an error, no file is left at `to`.
pub fn make(database: &Path, to: &Path) -> Result<Backup, BackupError> {
    let at = |source| BackupError::File { path: to.to_owned(), source };
    if fs::symlink_metadata(to).is_ok() {
        return Err(at(io::ErrorKind::AlreadyExists.into()));
    }
    let part = Unfinished::create(to, ".part")?;
    let contents = part.copy(database)?;
    let bytes = fs::metadata(&part.0).map_err(at)?.len();
    // Unlike a rename, this replaces nothing.
    fs::hard_link(&part.0, to).map_err(at)?;
    drop(part);
    durable::sync_folder_of(to).map_err(at)?;
    Ok(Backup { path: to.to_owned(), bytes, contents })
}

/// Puts a copy in place of the database, which no server may be using. The database that was there
/// stays beside it, under a name that ends in `suffix`.
///
/// The next start tells clients that the database was restored. If anything fails before the last
/// step, which only gives files other names, the database that was there is still in its place.
pub fn restore(copy: &Path, database: &Path, suffix: &str) -> Result<Restored, BackupError> {
    backup::check(copy)?;
    let had_one = fs::symlink_metadata(database).is_ok();
    let locked = Database::open(database)?;
    let path = locked.file().unwrap_or(database).to_owned();
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| BackupError::File { path, source }
    };
    let new = Unfinished::create(&path, ".new")?;
    let contents = new.copy(copy)?;
    // Without them the next start cannot take the copy for the newest state.
    mark::remove(&path).map_err(at(&mark::path(&path)))?;
    // The log must not be read as that of the copy. Beside its own database it still counts.
    let aside = free_name(&path, suffix);
    for log in ["-wal", "-shm"] {
        let (from, to) = (durable::beside(&path, log), durable::beside(&aside, log));
        match fs::rename(&from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&from)(error)),
            _ => {}
        }
    }
    if had_one {
        fs::hard_link(&path, &aside).map_err(at(&aside))?;
    }
    fs::rename(&new.0, &path).map_err(at(&path))?;
    durable::sync_folder_of(&path).map_err(at(&path))?;
    Ok(Restored { contents, replaced: had_one.then_some(aside) })
}

/// A name beside a file that no other has: two restores can have the same suffix.
fn free_name(path: &Path, suffix: &str) -> PathBuf {
    let numbered = (2..).map(|number| format!("{suffix}-{number}"));
    let mut names = std::iter::once(suffix.to_owned()).chain(numbered);
    let is_free = |name: &PathBuf| fs::symlink_metadata(name).is_err();
    let free = names.find_map(|suffix| Some(durable::beside(path, &suffix)).filter(is_free));
    free.expect("a folder with infinitely many files does not exist")
}

/// A file that is removed unless it was renamed.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Creates an empty file beside `path`, readable by its owner only.
    fn create(path: &Path, suffix: &str) -> Result<Self, BackupError> {
        let path = durable::beside(path, suffix);
        // One that an interrupted attempt has left is of no use.
        let created = durable::remove(&path)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path));
        match created {
            Ok(_) => Ok(Self(path)),
            Err(source) => Err(BackupError::File { path, source }),
        }
    }

    /// Fills it with a copy of a database, has it on disk, and reads all of it again.
    fn copy(&self, database: &Path) -> Result<Contents, BackupError> {
        backup::copy(database, &self.0)?;
        let synced = File::open(&self.0).and_then(|file| file.sync_all());
        synced.map_err(|source| BackupError::File { path: self.0.clone(), source })?;
        Ok(backup::check(&self.0)?)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;
    use vestibule_schema::ErrorKind;

    use super::*;
    use crate::{Store, StoreConfig, Writer};

    const EMPTY: Contents = Contents { rooms: 0, requests: 0, approves: 0, denials: 0, notices: 0 };

    fn open(path: &Path) -> (Store, Writer) {
        Store::open(path, &StoreConfig::default()).unwrap()
    }

    fn close((store, writer): (Store, Writer)) -> String {
        let epoch = store.epoch().to_string();
        drop(store);
        writer.stop();
        epoch
    }

    /// A folder with a database in it, and their paths.
    fn folder() -> (TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (database, copy) = (folder.path().join("v.db"), folder.path().join("copy.db"));
        close(open(&database));
        (folder, database, copy)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_of_a_database_in_use_is_whole_and_private() {
        let (folder, database, to) = folder();
        let store = open(&database);
        let made = make(&database, &to).unwrap();
        assert_eq!((made.contents, &made.path), (EMPTY, &to));
        let metadata = fs::metadata(&to).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, made.bytes));
        let error = make(&database, &to).unwrap_err().to_string();
        assert!(error.ends_with("copy.db: entity already exists"), "{error}");
        assert!(names(&folder).iter().all(|name| !name.contains(".part")));
        close(store);
    }

    #[test]
    fn what_is_no_database_leaves_no_copy() {
        let (folder, database, to) = folder();
        let missing = folder.path().join("missing.db");
        assert!(make(&missing, &to).is_err() && !missing.exists());
        fs::write(&database, "x".repeat(4096)).unwrap();
        let BackupError::Database(error) = make(&database, &to).unwrap_err() else { panic!() };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(names(&folder).iter().all(|name| !name.starts_with("copy")), "{:?}", names(&folder));
    }

    #[test]
    fn each_restore_keeps_the_database_before() {
        let (_folder, database, copy) = folder();
        make(&database, &copy).unwrap();
        let kept = [(); 3].map(|()| restore(&copy, &database, ".replaced").unwrap().replaced.unwrap());
        let names = kept.map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(names, ["v.db.replaced", "v.db.replaced-2", "v.db.replaced-3"]);
    }

    #[test]
    fn a_restored_copy_is_noticed_even_if_nothing_was_lost() {
        let (folder, database, copy) = folder();
        let before = close(open(&database));
        make(&database, &copy).unwrap();
        let restored = restore(&copy, &database, ".replaced").unwrap();
        let replaced = folder.path().join("v.db.replaced");
        assert_eq!(restored, Restored { contents: EMPTY, replaced: Some(replaced.clone()) });
        assert!(backup::check(&replaced).is_ok(), "the one before is still there");
        assert_ne!(close(open(&database)), before);
        assert!(copy.exists());
    }

    #[test]
    fn a_database_in_use_is_not_replaced() {
        let (_folder, database, copy) = folder();
        make(&database, &copy).unwrap();
        let store = open(&database);
        let BackupError::Database(error) = restore(&copy, &database, ".replaced").unwrap_err() else {
            panic!()
        };
        assert_eq!(error.kind(), ErrorKind::InUse);
        let before = close(store);
        assert_eq!(close(open(&database)), before, "and nothing has happened to it");
    }

    #[test]
    fn a_damaged_copy_replaces_nothing() {
        let (folder, database, copy) = folder();
        make(&database, &copy).unwrap();
        let whole = fs::read(&copy).unwrap();
        let before = close(open(&database));
        let there = names(&folder);
        for damage in [0, 100, 4096, whole.len() / 4096 / 2 * 4096] {
            let mut damaged = whole.clone();
            damaged[damage..][..64].fill(0xff);
            fs::write(&copy, damaged).unwrap();
            restore(&copy, &database, ".replaced").unwrap_err();
            assert_eq!(names(&folder), there, "{damage}");
        }
        fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
        restore(&copy, &database, ".replaced").unwrap_err();
        assert_eq!(close(open(&database)), before);
    }

    #[test]
    fn a_log_is_not_read_as_that_of_the_copy() {
        let (folder, database, copy) = folder();
        make(&database, &copy).unwrap();
        // A database that cannot be opened keeps its log, whatever is in it.
        fs::write(&database, "x".repeat(4096)).unwrap();
        fs::write(durable::beside(&database, "-wal"), "y".repeat(4096)).unwrap();
        let restored = restore(&copy, &database, ".replaced").unwrap();
        assert_eq!(restored.contents, EMPTY);
        assert!(folder.path().join("v.db.replaced-wal").exists());
        assert!(!durable::beside(&database, "-wal").exists());
        close(open(&database));
    }
}
