//! The power fails in the middle of an exchange: the server is killed, and its folder is what a
//! disk may hold then.

use std::fs;
use std::path::PathBuf;

use vestibule_tests::preload;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::Random;

use crate::disk::Disk;
use crate::exchange::Exchange;
use crate::journal::records;
use crate::{Summary, check};

/// The number of rounds on one data folder.
const ROUNDS_PER_FOLDER: usize = 10;

/// A disk under a server that is killed.
struct Power {
    folder: tempfile::TempDir,
    library: PathBuf,
    disk: Disk,
}

impl Power {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = preload::compile("tests/tests/crash/power.c", folder.path());
        Self { folder, library, disk: Disk::default() }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn launch(&self) -> Launch {
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let launch = Launch::vestibule().env("LD_PRELOAD", &text(self.library.clone()));
        launch.env("POWER_JOURNAL", &text(self.journal()))
    }

    fn cut(&self) -> PathBuf {
        self.folder.path().join("journal.cut")
    }

    /// Has the server die while it copies its log into the database, if it gets there.
    fn cut_at(&self, writes: usize) {
        fs::write(self.cut(), writes.to_string()).expect("a file to write");
    }

    /// Puts a folder in place as a disk may have it that lost its power when the server ended.
    fn fail(&mut self, server: &Server, random: &mut Random) -> Risked {
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
struct Risked {
    /// Changes of files and of names.
    changes: usize,
    /// Losses of power while the log was copied into the database.
    copies: usize,
}

impl Risked {
    fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.copies += other.copies;
    }
}

/// Rounds of an exchange, each of which ends with a loss of power.
pub(crate) fn run(rounds: usize, seed: u64) {
    println!("power loss: POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut total, mut risked) = (Summary::default(), Risked::default());
    for _ in 0..rounds / ROUNDS_PER_FOLDER {
        let mut power = Power::new();
        let mut server = Server::start(power.launch());
        let exchange = Exchange::new(server.address());
        for number in 0..ROUNDS_PER_FOLDER {
            // A stop copies the log into the database, and removes it.
            let is_stopped = number % 3 == 2;
            if is_stopped || random.one_in(2) {
                power.cut_at(random.below(60));
            }
            let round = exchange.run(&mut server, &mut random, |server| {
                if is_stopped {
                    server.terminate();
                } else {
                    server.kill();
                }
            });
            risked.add(&power.fail(&server, &mut random));
            server.restart();
            if random.one_in(4) {
                // Again, before anybody came.
                server.kill();
                risked.add(&power.fail(&server, &mut random));
                server.restart();
            }
            total.add(&check::check(&exchange, &round));
            check::check_database(&server.data().join("vestibule.db"));
        }
        let log = server.log();
        assert!(!log.contains("restored"), "an answered frame was missing, or the mark was: {log}");
    }
    println!(
        "power loss: {rounds} rounds, {} frames sent, {} answered, {} stored but unanswered; {} changes of \
         files were not synced, and {} copies of the log not complete",
        total.sent, total.answered, total.unanswered, risked.changes, risked.copies
    );
    // Otherwise the moments were badly chosen, and the rounds prove nothing.
    assert!(total.answered > rounds && total.answered < total.sent, "the kills missed the exchange");
    assert!(risked.changes > rounds && risked.copies > 0, "next to nothing could be lost");
}
