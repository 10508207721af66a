//! The server is killed, or the power fails, again and again, in the middle of an exchange. After
//! each restart everything that it answered ok or told anybody is there, once and in order, and
//! nothing that nobody sent.

mod backups;
mod database;
mod disk;
mod file;
mod journal;
mod power;
mod power_loss;

use vestibule_tests::exchange::{Exchange, Summary};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{self, Random};

use database::check_database;

/// How often the server is killed.
const ROUNDS: usize = 200;
/// The number of rounds on one data folder.
const ROUNDS_PER_FOLDER: usize = 20;
/// A single room, so that the order of all frames of a connection is checked.
const ROOMS: usize = 1;

#[test]
fn answered_frames_survive_a_crash() {
    let seed = random::seed("CRASH_SEED");
    println!("crash: CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let mut total = Summary::default();
    for _ in 0..ROUNDS / ROUNDS_PER_FOLDER {
        let mut server = Server::start(Launch::vestibule());
        let mut exchange = Exchange::new(server.address(), ROOMS);
        for _ in 0..ROUNDS_PER_FOLDER {
            let round = exchange.run(&mut random, || server.kill());
            server.restart();
            total.add(&exchange.check(&round));
        }
        check_database(&server.data().join("vestibule.db"));
    }
    println!(
        "crash: {ROUNDS} rounds, {} frames sent, {} answered, {} stored but unanswered",
        total.sent, total.answered, total.unanswered
    );
    check_total(&total, ROUNDS);
}

#[test]
fn answered_frames_survive_a_power_loss() {
    power_loss::run(20, random::seed("POWER_SEED"));
}

#[test]
#[ignore = "takes minutes: make power-loss"]
fn answered_frames_survive_many_power_losses() {
    power_loss::run(200, random::seed("POWER_SEED"));
}

/// Nothing but the kills failed, and they hit the exchange. Otherwise the moments were badly
/// chosen, and the rounds prove nothing.
fn check_total(total: &Summary, rounds: usize) {
    assert_eq!((total.refused, total.dropped, total.redelivered), (0, 0, 0), "something else failed");
    assert!(total.answered > rounds && total.answered < total.sent, "the kills missed the exchange");
}
