//! The server is killed, or the power fails, again and again, in the middle of an exchange. After
//! each restart everything that it answered ok or told anybody is there, once and in order, and
//! nothing that nobody sent.

mod backups;
mod check;
mod disk;
mod exchange;
mod file;
mod journal;
mod power;
mod power_loss;

use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{self, Random};

use exchange::Exchange;

/// How often the server is killed.
const ROUNDS: usize = 200;
/// The number of rounds on one data folder.
const ROUNDS_PER_FOLDER: usize = 20;

#[test]
fn answered_frames_survive_a_crash() {
    let seed = random::seed("CRASH_SEED");
    println!("crash: CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let mut total = Summary::default();
    for _ in 0..ROUNDS / ROUNDS_PER_FOLDER {
        let mut server = Server::start(Launch::vestibule());
        let exchange = Exchange::new(server.address());
        for _ in 0..ROUNDS_PER_FOLDER {
            let sent = exchange.run(&mut server, &mut random, Server::kill);
            assert!(!sent.is_cut, "it crashed by itself");
            server.restart();
            total.add(&check::check(&exchange, &sent));
        }
        check::check_database(&server.data().join("vestibule.db"));
    }
    println!(
        "crash: {ROUNDS} rounds, {} frames sent, {} answered, {} stored but unanswered",
        total.sent, total.answered, total.unanswered
    );
    // Otherwise the moments were badly chosen, and the rounds prove nothing.
    assert!(total.answered > ROUNDS && total.answered < total.sent, "the kills missed the exchange");
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

/// Counts of frames.
#[derive(Debug, Default)]
struct Summary {
    sent: usize,
    answered: usize,
    /// Stored, but the server was killed before it answered.
    unanswered: usize,
}

impl Summary {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
    }
}
