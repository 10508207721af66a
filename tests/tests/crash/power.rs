//! The power of a server's disk: what programs do to their files is recorded, and the folder can be
//! replaced by what a disk may hold once the power has failed.

use std::fs;
use std::path::PathBuf;

use vestibule_tests::preload;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::Random;

use crate::disk::Disk;
use crate::journal::records;

/// A disk under a server, and its power.
pub(crate) struct Power {
    folder: tempfile::TempDir,
    library: PathBuf,
    disk: Disk,
}

impl Power {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = preload::compile("tests/tests/crash/power.c", folder.path());
        Self { folder, library, disk: Disk::default() }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Has a program use this disk.
    pub(crate) fn under(&self, launch: Launch) -> Launch {
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let launch = launch.env("LD_PRELOAD", &text(self.library.clone()));
        launch.env("POWER_JOURNAL", &text(self.journal()))
    }

    fn cut(&self) -> PathBuf {
        self.folder.path().join("journal.cut")
    }

    /// Has the server die while it copies its log into the database, if it gets there.
    pub(crate) fn cut_at(&self, writes: usize) {
        fs::write(self.cut(), writes.to_string()).expect("a file to write");
    }

    /// Puts a folder in place as a disk may have it that lost its power when the server ended.
    pub(crate) fn fail(&mut self, server: &Server, random: &mut Random) -> Risked {
        let journal = fs::read(self.journal()).expect("the server's journal");
        records(&journal).for_each(|record| self.disk.apply(&record));
        let database = server.data().join("vestibule.db");
        let copies = usize::from(self.disk.is_at_risk(&database));
        let risked = Risked { changes: self.disk.at_risk(), copies };
        self.disk = self.disk.lose_power(&server.data(), random);
        fs::remove_file(self.journal()).expect("a file");
        // It is there only in some rounds.
        let _ = fs::remove_file(self.cut());
        risked
    }
}

/// What was not durable when the power failed.
#[derive(Debug, Default)]
pub(crate) struct Risked {
    /// Changes of files and of names.
    pub(crate) changes: usize,
    /// Losses of power while the log was copied into the database.
    pub(crate) copies: usize,
}

impl Risked {
    pub(crate) fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.copies += other.copies;
    }
}
