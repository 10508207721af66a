//! The data file of SQLite and the connections to it.
//!
//! One process a data file: [`DataFile::open`] takes a lock that the kernel releases however the
//! process ends.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::Connection;
use crate::error::{Error, ErrorKind};

/// Name, value, and the value as SQLite reports it.
type Pragma = (&'static str, &'static str, &'static str);

/// The file may come from a backup that others could write, so its schema must not call functions
/// with side effects.
const TRUST_NO_SCHEMA: Pragma = ("trusted_schema", "OFF", "0");

/// Every connection gets all of them, readers too: whichever connection closes last writes the log
/// back into the file. `busy_timeout` (milliseconds) comes first, because `journal_mode` may have
/// to wait for another connection.
const PRAGMAS: [Pragma; 9] = [
    ("busy_timeout", "5000", "5000"),
    ("journal_mode", "WAL", "wal"),
    // An answer means stored, so a commit waits for the disk.
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    // Deleted content is overwritten, not only unlinked.
    ("secure_delete", "ON", "1"),
    // Sorting must not leave copies in a temporary file.
    ("temp_store", "MEMORY", "2"),
    TRUST_NO_SCHEMA,
    // The size in bytes to which the log is cut after a burst, and the pages (4 MiB) after which it
    // is written back.
    ("journal_size_limit", "16777216", "16777216"),
    ("wal_autocheckpoint", "1000", "1000"),
];

/// Must come last: the pragmas before it may have to write.
const READ_ONLY: Pragma = ("query_only", "ON", "1");

/// A data file, locked for this process.
///
/// Keep it as long as any of its connections: the lock ends with it.
#[derive(Debug)]
pub(super) struct DataFile {
    /// Absolute, so that SQLite never reads it as a `file:` URL or as `:memory:`.
    path: String,
    _lock: File,
}

impl DataFile {
    /// Locks the data file at `path`. Creates it (mode 0600) and its folder (0700) if they are
    /// missing.
    ///
    /// [`writer`](Self::writer) finds out whether the file is a database.
    ///
    /// Errors: [`ErrorKind::InUse`] if another process has it, [`ErrorKind::Config`] if the
    /// folder or the file cannot be created, written or kept private.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let path = resolve(path).map_err(|error| config(path, &error))?;
        let Some(name) = path.to_str() else {
            return Err(Error::new(ErrorKind::Config, "the path is not UTF-8").at(path));
        };

        // This comes first: closing any handle of the data file drops the locks that SQLite holds
        // on it in this process, so the file must not be touched before it is certain that nobody
        // else has it.
        let lock_path = beside(&path, ".lock");
        let lock = open_private(&lock_path).map_err(|error| config(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(ErrorKind::InUse, "is in use by another vestibule").at(path));
            }
            Err(TryLockError::Error(error)) => return Err(config(&lock_path, &error)),
        }

        // SQLite would silently open a file that it cannot write for reading only; opening it here
        // reports that now.
        open_private(&path).map_err(|error| config(&path, &error))?;
        // SQLite gives new -wal and -shm files the mode of the data file, but keeps the mode of
        // existing ones.
        for path in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
            make_private(&path).map_err(|error| config(&path, &error))?;
        }
        Ok(Self { path: name.to_owned(), _lock: lock })
    }

    /// The data file: absolute, without symbolic links.
    pub(super) fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Opens a connection that may write. Open only one: a second would wait for the first.
    ///
    /// Errors: [`ErrorKind::Corrupt`] if the file is not a database or its schema is damaged,
    /// [`ErrorKind::Config`] if a pragma had no effect.
    pub(super) fn writer(&self) -> Result<Connection, Error> {
        connect(&self.path, &PRAGMAS)
    }
}

/// Limits the database to `bytes`: a statement on this connection that would make it larger fails
/// with [`ErrorKind::Full`]. A database that is already larger keeps its size and uses its free
/// pages.
///
/// Call it after the migrations, which may need space for a second copy of the rows that they
/// change.
pub fn cap(conn: &mut Connection, bytes: u64) -> Result<(), Error> {
    // SQLite's own maximum; it ignores larger values.
    const MOST: i64 = 0xffff_fffe;
    let page_size: i64 = sql::<BigInt>("PRAGMA page_size").get_result(conn)?;
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    // 0 would ask for the present maximum.
    let pages = (bytes / page_size).clamp(1, MOST);
    let actual: i64 = sql::<BigInt>(&format!("PRAGMA max_page_count = {pages}")).get_result(conn)?;
    if actual < pages {
        let message = format!("SQLite has max_page_count = {actual} where {pages} was asked for");
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(())
}

/// Opens a connection that cannot write.
pub(super) fn reader(path: &str) -> Result<Connection, Error> {
    let mut conn = connect(path, &PRAGMAS)?;
    set(&mut conn, READ_ONLY).map_err(|error| error.at(path))?;
    Ok(conn)
}

fn connect(path: &str, pragmas: &[Pragma]) -> Result<Connection, Error> {
    let conn = <SqliteConnection as diesel::Connection>::establish(path)
        .map_err(|error| Error::from_text(error, ErrorKind::Unavailable).at(path))?;
    let mut conn = Connection::Sqlite(conn);
    pragmas
        .iter()
        .try_for_each(|pragma| set(&mut conn, *pragma))
        .and_then(|()| read_schema(&mut conn))
        .map_err(|error| error.at(path))?;
    Ok(conn)
}

/// Opens a database that another process may use, as a server would. It must exist.
pub(crate) fn connect_to_look(path: &str) -> Result<Connection, Error> {
    must_exist(path)?;
    connect(path, &PRAGMAS)
}

/// Opens a database that another process may use, to copy it. It must exist.
///
/// Its journal mode stays as it is, since SQLite writes that into the file: a backup that is put
/// back does not change, and may be on a disk that cannot be written.
pub(crate) fn connect_to_copy(path: &str) -> Result<Connection, Error> {
    must_exist(path)?;
    let is_kept = |(name, ..): &Pragma| *name != "journal_mode";
    connect(path, &PRAGMAS.into_iter().filter(is_kept).collect::<Vec<_>>())
}

/// Opens a database that nobody uses, to read it. It must exist, and is left as it is.
pub(crate) fn connect_to_read(path: &str) -> Result<Connection, Error> {
    must_exist(path)?;
    connect(path, &[TRUST_NO_SCHEMA, READ_ONLY])
}

/// SQLite would create the file.
fn must_exist(path: &str) -> Result<(), Error> {
    fs::metadata(path).map(drop).map_err(|error| config(Path::new(path), &error))
}

/// Reads each pragma back, because SQLite ignores pragmas and values that it does not know.
fn set(conn: &mut Connection, (name, value, expected): Pragma) -> Result<(), Error> {
    conn.batch_execute(&format!("PRAGMA {name} = {value}"))?;
    let actual: Option<String> = sql::<Text>(&format!("PRAGMA {name}")).get_result(conn).optional()?;
    if actual.as_deref() != Some(expected) {
        let actual = actual.unwrap_or_else(|| "nothing".to_owned());
        let message = format!("SQLite has {name} = {actual} where {expected} was asked for");
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(())
}

/// Makes SQLite read the schema, which it would do only with the first query, to find damage at the
/// start.
fn read_schema(conn: &mut Connection) -> Result<(), Error> {
    sql::<BigInt>("SELECT count(*) FROM sqlite_schema").get_result::<i64>(conn)?;
    Ok(())
}

/// Resolves symbolic links and creates the folder: two names of one file must lead to the same
/// lock.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "does not name a file"));
    };
    create_folder(folder)?;
    match fs::canonicalize(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(fs::canonicalize(folder)?.join(name)),
        found => found,
    }
}

/// Creates a folder and those above it. Their names are on disk when this returns: a power failure
/// would take a folder whose name is not, with everything that is synced in it.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut parents = missing.into_iter().filter_map(Path::parent);
    parents.try_for_each(|parent| File::open(parent)?.sync_all())
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Removes other users' permissions from a file, if it exists.
fn make_private(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode().trailing_zeros() >= 6 => Ok(()),
        Ok(_) => fs::set_permissions(path, Permissions::from_mode(0o600)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn config(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Config, error.to_string()).at(path)
}

#[cfg(test)]
mod tests;
