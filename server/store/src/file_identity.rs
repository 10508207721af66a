//! Whether the database's files are still the ones that were opened.
//!
//! A file that is deleted while a process has it open goes on working for that process only: its
//! content is gone when the process ends.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::durable::beside;

/// The files of a database, as they were when it was opened.
pub(super) struct DatabaseFiles {
    files: Vec<(PathBuf, Identity)>,
}

/// Device and inode identify a file whatever its name.
type Identity = (u64, u64);

/// A file is gone, or another file has its name.
#[derive(Debug, thiserror::Error)]
#[error("{} is not where it was: it was deleted, renamed or replaced while the server had it open", .0.display())]
pub(super) struct Moved(PathBuf);

impl DatabaseFiles {
    /// Notes the files of an open database. Its log and the log's index stay until the last
    /// connection closes.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let paths = ["", "-wal", "-shm"].map(|suffix| beside(database, suffix));
        let files = paths.into_iter().map(|path| identity(&path).map(|identity| (path, identity)));
        Ok(Self { files: files.collect::<Result<_, _>>()? })
    }

    /// Checks that all files are where they were: three system calls, no disk access.
    pub(super) fn check(&self) -> Result<(), Moved> {
        let moved = self.files.iter().find(|(path, was)| match identity(path) {
            Ok(is) => is != *was,
            // Other errors do not mean that the file is another.
            Err(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        });
        moved.map_or(Ok(()), |(path, _)| Err(Moved(path.clone())))
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_or_replaced_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("v.db");
        let files = ["", "-wal", "-shm"].map(|suffix| beside(&database, suffix));
        let write = |content| files.iter().try_for_each(|path| fs::write(path, content)).unwrap();
        write("x");
        let place = DatabaseFiles::of(&database).unwrap();
        write("other, and longer");
        place.check().unwrap();

        let elsewhere = folder.path().join("elsewhere");
        for path in &files {
            fs::rename(path, &elsewhere).unwrap();
            let moved = place.check().unwrap_err();
            assert!(moved.to_string().starts_with(&format!("{} is not", path.display())), "{moved}");
            fs::write(path, "x").unwrap();
            place.check().unwrap_err();
            fs::rename(&elsewhere, path).unwrap();
            place.check().unwrap();
        }
    }
}
