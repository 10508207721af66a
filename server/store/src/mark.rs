//! The mark: a small file beside the database that says how far the database had come.
//!
//! A database cannot know whether it is the newest state of itself. The mark can: it is written
//! when the server starts and stops, and at most a second after a commit. It misses what was
//! committed in the last second before a crash.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use vestibule_approve::ids::{Epoch, Seq};

use crate::{durable, history::Downtime};

const MINUTE_US: i64 = 60_000_000;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The database's epoch.
    pub(super) epoch: Epoch,
    /// How often the server was started with it.
    pub(super) starts: i64,
    /// The last seq that it issued.
    pub(super) seq: Seq,
    /// When this was written, in Unix microseconds. A running server writes it at least once a
    /// minute.
    pub(super) at: i64,
    /// Whether the server had stopped.
    pub(super) is_stopped: bool,
    /// When no server ran.
    pub(super) downtimes: Vec<Downtime>,
}

/// What the files beside the database say.
#[derive(Debug)]
pub(super) enum MarkFile {
    Mark(Mark),
    /// How often the server was started, from the file that version 0.1.0 had for that.
    Starts(i64),
    Nothing,
    /// There is a file, but it cannot be read or understood.
    Unreadable(PathBuf, io::Error),
}

impl Mark {
    /// Reads the files beside the database at this path.
    pub(super) fn find(database: &Path) -> MarkFile {
        let (mark, starts) = (path(database), starts_path(database));
        match read(&mark, |text| serde_json::from_str(text).ok()) {
            Ok(Some(found)) => return MarkFile::Mark(found),
            Ok(None) => {}
            Err(error) => return MarkFile::Unreadable(mark, error),
        }
        match read(&starts, |text| text.trim().parse().ok()) {
            Ok(found) => found.map_or(MarkFile::Nothing, MarkFile::Starts),
            Err(error) => MarkFile::Unreadable(starts, error),
        }
    }

    /// Writes the mark, replacing the old one.
    pub(super) fn write(&self, database: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        durable::write(&path(database), &text)?;
        durable::remove(&starts_path(database))
    }

    /// The minute of a time, to compare.
    pub(super) fn minute(us: i64) -> i64 {
        us.div_euclid(MINUTE_US)
    }

    /// When the server stopped: after the last seq that it may have issued, where `seq` is the
    /// database's last. After a crash this is rounded to the minute, because the exact time would
    /// tell when somebody last did something.
    pub(super) fn stopped_at(&self, Seq(seq): Seq) -> i64 {
        if self.is_stopped && seq <= self.at {
            return self.at;
        }
        let last = self.at.max(seq);
        last.saturating_add(MINUTE_US - 1 - last.saturating_sub(1).rem_euclid(MINUTE_US))
    }
}

/// The path of the mark of the database at this path.
pub(super) fn path(database: &Path) -> PathBuf {
    database.with_extension("mark")
}

/// The path of the file that version 0.1.0 had instead.
fn starts_path(database: &Path) -> PathBuf {
    database.with_extension("starts")
}

/// Removes whatever says how far the database at this path had come.
pub(super) fn remove(database: &Path) -> io::Result<()> {
    durable::remove(&path(database))?;
    durable::remove(&starts_path(database))
}

/// Reads and parses a file; `None` if it does not exist.
fn read<T>(path: &Path, parse: impl FnOnce(&str) -> Option<T>) -> io::Result<Option<T>> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            epoch: Epoch([7; 16]),
            starts: 3,
            seq: Seq(5),
            at: 9,
            is_stopped: true,
            downtimes: vec![(1, 2)],
        }
    }

    #[test]
    fn a_mark_is_read_back_and_replaces_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("v.db");
        assert!(matches!(Mark::find(&database), MarkFile::Nothing));
        fs::write(folder.path().join("v.starts"), "3\n").unwrap();
        assert!(matches!(Mark::find(&database), MarkFile::Starts(3)));
        mark().write(&database).unwrap();
        let MarkFile::Mark(found) = Mark::find(&database) else { panic!("no mark") };
        assert_eq!(found, mark());
        assert!(!folder.path().join("v.starts").exists());
    }

    #[test]
    fn a_malformed_mark_is_not_a_missing_one() {
        for name in ["v.mark", "v.starts"] {
            let folder = tempfile::tempdir().unwrap();
            for text in ["", "x", "{}", "\u{fffd}", "-"] {
                fs::write(folder.path().join(name), text).unwrap();
                let MarkFile::Unreadable(path, _) = Mark::find(&folder.path().join("v.db")) else {
                    panic!("{name}: {text:?}")
                };
                assert_eq!(path, folder.path().join(name));
            }
        }
    }

    #[test]
    fn a_stop_is_known_exactly_and_a_crash_to_the_minute() {
        const NOON: i64 = 720 * MINUTE_US;
        let mark = |at, is_stopped| Mark { at, is_stopped, ..mark() };
        assert_eq!(mark(NOON + 7, true).stopped_at(Seq(NOON + 7)), NOON + 7);
        for (at, seq) in [(NOON + 1, NOON), (NOON + 7, NOON + 9), (NOON, NOON + 1), (NOON + MINUTE_US, 0)] {
            assert_eq!(mark(at, false).stopped_at(Seq(seq)), NOON + MINUTE_US, "{at} {seq}");
        }
        // The server started, could not write the mark, and issued seqs all the same.
        assert_eq!(mark(NOON, true).stopped_at(Seq(NOON + 1)), NOON + MINUTE_US);
        assert_eq!(mark(i64::MAX, false).stopped_at(Seq(0)), i64::MAX);
    }
}
