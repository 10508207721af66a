//! A look at a data folder from outside, while a server may be using it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use vestibule_schema::{
    Error,
    backup::{self, Look},
};

use crate::{
    durable,
    problem::{LEAST_FREE, free_bytes},
};

/// How often a write is timed.
const WRITES: usize = 9;

/// What there is to know of a data folder.
#[derive(Debug)]
pub struct Inspection {
    /// Whether a server uses it.
    pub is_in_use: bool,
    /// The database, or why it cannot be used; `None` if there is none yet.
    pub database: Option<Result<Look, Error>>,
    /// The size of the database, with its log.
    pub bytes: u64,
    /// How many bytes can still be written; `None` if the system does not tell.
    pub free_bytes: Option<u64>,
    /// How long a write takes until it is durable: the median of some.
    pub durable_write: io::Result<Duration>,
}

impl Inspection {
    /// Looks at the folder of the database at this path. Writes some bytes into the folder, for a
    /// moment, to time that.
    pub fn of(database: &Path) -> Self {
        let folder = database.parent().unwrap_or(Path::new("."));
        // The start creates missing folders, on the disk of the nearest one above.
        let disk = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        Self {
            is_in_use: is_in_use(database),
            database: database.exists().then(|| backup::look(database)),
            bytes: size(database) + size(&durable::beside(database, "-wal")),
            free_bytes: free_bytes(disk),
            durable_write: time_a_write(folder),
        }
    }

    /// Whether a server would count the disk as full.
    pub fn is_full(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < LEAST_FREE)
    }
}

/// Whether a server has locked the database.
fn is_in_use(database: &Path) -> bool {
    let lock = File::open(durable::beside(database, ".lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn time_a_write(folder: &Path) -> io::Result<Duration> {
    let path = folder.join("vestibule.try");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    let mut times = Vec::new();
    let mut write = || -> io::Result<()> {
        for _ in 0..WRITES {
            let begun = Instant::now();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            times.push(begun.elapsed());
        }
        Ok(())
    };
    let written = write();
    fs::remove_file(&path)?;
    written?;
    times.sort();
    Ok(times[WRITES / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, StoreConfig};

    #[test]
    fn a_folder_is_looked_at_with_and_without_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("v.db");
        let empty = Inspection::of(&database);
        assert!(!empty.is_in_use && empty.database.is_none() && empty.bytes == 0 && !empty.is_full());
        assert!(!database.exists(), "and nothing is made");

        let (store, writer) = Store::open(&database, &StoreConfig::default()).unwrap();
        let used = Inspection::of(&database);
        assert!(used.is_in_use && used.bytes > 0 && used.durable_write.is_ok());
        let look = used.database.unwrap().unwrap();
        assert!(look.migrations == 0 && look.seq > 0, "{look:?}");
        drop(store);
        writer.stop();
        assert!(!Inspection::of(&database).is_in_use);

        fs::write(&database, "x".repeat(4096)).unwrap();
        let error = Inspection::of(&database).database.unwrap().unwrap_err().to_string();
        assert!(error.ends_with("v.db: file is not a database"), "{error}");
    }
}
