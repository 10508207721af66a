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

    /// Puts a folder in place as a disk may have it that lost its power when the server ended.
    /// Returns how many changes were at risk.
    fn fail(&mut self, server: &Server, random: &mut Random) -> usize {
        let journal = fs::read(self.journal()).expect("the server's journal");
        records(&journal).for_each(|record| self.disk.apply(&record));
        let at_risk = self.disk.at_risk();
        self.disk = self.disk.lose_power(&server.data(), random);
        fs::remove_file(self.journal()).expect("a file");
        at_risk
    }
}

/// Rounds of an exchange, each of which ends with a loss of power.
pub(crate) fn run(rounds: usize, seed: u64) {
    println!("power loss: POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut total, mut at_risk) = (Summary::default(), 0);
    for _ in 0..rounds / ROUNDS_PER_FOLDER {
        let mut power = Power::new();
        let mut server = Server::start(power.launch());
        let exchange = Exchange::new(server.address());
        for _ in 0..ROUNDS_PER_FOLDER {
            // A stop copies the log into the database, and removes it.
            let is_stopped = random.one_in(5);
            let round = exchange.run(&mut server, &mut random, |server| {
                if is_stopped {
                    server.terminate();
                } else {
                    server.kill();
                }
            });
            at_risk += power.fail(&server, &mut random);
            server.restart();
            if random.one_in(4) {
                // Again, before anybody came.
                server.kill();
                at_risk += power.fail(&server, &mut random);
                server.restart();
            }
            total.add(&check::check(&exchange, &round));
            check::check_database(&server.data().join("vestibule.db"));
        }
        let log = server.log();
        assert!(!log.contains("restored"), "an answered frame was missing, or the mark was: {log}");
    }
    println!(
        "power loss: {rounds} rounds, {} frames sent, {} answered, {} stored but unanswered; {at_risk} changes of files \
         were not synced",
        total.sent, total.answered, total.unanswered
    );
    // Otherwise the moments were badly chosen, and the rounds prove nothing.
    assert!(total.answered > rounds && total.answered < total.sent, "the kills missed the exchange");
    assert!(at_risk > rounds, "next to nothing could be lost");
}
