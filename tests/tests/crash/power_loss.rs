//! The power fails in the middle of an exchange: the server is killed, and its folder is what a
//! disk may hold then.

use vestibule_tests::exchange::{Exchange, Summary};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::Random;

use crate::database::check_database;
use crate::power::{Power, Risked};
use crate::{ROOMS, check_total};

/// The number of rounds on one data folder.
const ROUNDS_PER_FOLDER: usize = 10;

/// Rounds of an exchange, each of which ends with a loss of power.
pub(crate) fn run(rounds: usize, seed: u64) {
    println!("power loss: POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut total, mut risked) = (Summary::default(), Risked::default());
    for _ in 0..rounds / ROUNDS_PER_FOLDER {
        let mut power = Power::new();
        let mut server = Server::start(power.under(Launch::vestibule()));
        let mut exchange = Exchange::new(server.address(), ROOMS);
        for number in 0..ROUNDS_PER_FOLDER {
            // A stop copies the log into the database, and removes it.
            let is_stopped = number % 3 == 2;
            if is_stopped || random.one_in(2) {
                power.cut_at(random.below(60));
            }
            let round = exchange.run_to_any_end(&mut random, || {
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
            total.add(&exchange.check(&round));
            check_database(&server.data().join("vestibule.db"));
        }
        let log = server.log();
        assert!(!log.contains("restored"), "an answered frame was missing, or the mark was: {log}");
    }
    println!(
        "power loss: {rounds} rounds, {} frames sent, {} answered, {} stored but unanswered; {} changes of \
         files were not synced, and {} copies of the log not complete",
        total.sent, total.answered, total.unanswered, risked.changes, risked.copies
    );
    check_total(&total, rounds);
    assert!(risked.changes > rounds && risked.copies > 0, "next to nothing could be lost");
}
