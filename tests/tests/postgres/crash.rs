//! The server, or PostgreSQL, is killed in the middle of an exchange, again and again. Everything
//! that was answered ok or told anybody is there, and nothing that nobody sent; nothing is there
//! twice; and in each stream, answers and pushes come in the order in which their frames are
//! stored.

use vestibule_tests::exchange::{Exchange, Summary};
use vestibule_tests::postgres::{Cluster, shared};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{self, Random};
use vestibule_tests::relay::Cut;

use crate::setup::wait_for_readiness;

const SHORT: usize = 10;
const LONG: usize = 200;
/// Commands of several rooms are carried out by several writers at once.
const ROOMS: usize = 3;

#[test]
fn answered_frames_survive_a_kill_of_the_server() {
    kill_the_server(SHORT);
}

#[test]
#[ignore = "long: make crash-postgres"]
fn answered_frames_survive_many_kills_of_the_server() {
    kill_the_server(LONG);
}

#[test]
fn answered_frames_survive_a_kill_of_postgres() {
    kill_postgres(SHORT);
}

#[test]
#[ignore = "long: make crash-postgres"]
fn answered_frames_survive_many_kills_of_postgres() {
    kill_postgres(LONG);
}

#[test]
fn answered_frames_survive_cut_connections() {
    let (mut random, proxy, database) = (seeded(), shared().proxy(), shared().database());
    let server = start(&shared().url_at(proxy.relay.address, database.name()));
    let mut exchange = Exchange::new(server.address(), ROOMS);
    let mut total = Summary::default();
    for number in 0..SHORT {
        let round = exchange.run(&mut random, || match number % 3 {
            0 => proxy.relay.cut_all(Cut::Reset),
            1 => proxy.relay.cut_all(Cut::Finish),
            _ => assert!(shared().terminate_backends(database.name()) > 0),
        });
        wait_for_readiness(&server, 200);
        total.add(&exchange.check(&round));
    }
    report("cuts", SHORT, &total);
}

fn kill_the_server(rounds: usize) {
    let (mut random, database) = (seeded(), shared().database());
    let mut server = start(&database.url());
    let mut exchange = Exchange::new(server.address(), ROOMS);
    let mut total = Summary::default();
    for _ in 0..rounds {
        let round = exchange.run(&mut random, || server.kill());
        server.restart();
        total.add(&exchange.check(&round));
    }
    report("kills of the server", rounds, &total);
    assert_eq!((total.refused, total.dropped, total.redelivered), (0, 0, 0), "something else failed");
    assert!(total.answered < total.sent, "the kills missed the exchange");
}

fn kill_postgres(rounds: usize) {
    let (mut random, cluster) = (seeded(), Cluster::start());
    let database = cluster.database();
    let server = start(&database.url());
    let mut exchange = Exchange::new(server.address(), ROOMS);
    let mut total = Summary::default();
    for _ in 0..rounds {
        let round = exchange.run(&mut random, || {
            cluster.kill9();
            cluster.start_again();
        });
        wait_for_readiness(&server, 200);
        total.add(&exchange.check(&round));
    }
    report("kills of PostgreSQL", rounds, &total);
    assert!(!server.log().contains("has lost what was stored"), "{}", server.log());
}

fn start(url: &str) -> Server {
    Server::start(Launch::vestibule_on(url).options(&[("--max-requests-per-user", "100000")]))
}

fn seeded() -> Random {
    let seed = random::seed("CRASH_SEED");
    println!("crash: CRASH_SEED={seed}");
    Random::new(seed)
}

fn report(what: &str, rounds: usize, total: &Summary) {
    println!(
        "crash: {rounds} {what}, {} frames sent, {} answered ok, {} unavailable, {} dropped, \
         {} stored without an ok",
        total.sent, total.answered, total.refused, total.dropped, total.unanswered
    );
    assert!(total.answered > rounds, "the exchanges did not get going");
}
