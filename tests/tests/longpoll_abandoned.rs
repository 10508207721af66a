//! Long-poll sessions that are opened and abandoned leave no memory behind.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vestibule_tests::{
    http::Request,
    process::{Launch, Server},
};

const SESSIONS: usize = 20_000;
/// The first two warm the allocator up: it decides how many arenas threads share, and how they
/// fragment.
const WAVES: usize = 4;
const WARM: usize = 2;
/// The smallest leak that can be told from the allocator's own behaviour, in bytes a session.
const LEAK: usize = 256;
const THREADS: usize = 8;

/// The mount whose window is 700 ms: a session without polls is gone after at most three and a half
/// of them.
const PATH: &str = "/short/longpoll?vsn=2.0.0";

/// Opens sessions, joins a channel with each, and returns the token of the last one.
fn open(server: SocketAddr, count: usize) -> String {
    let mut token = String::new();
    for number in 0..count {
        let opened = get(server, PATH);
        assert_eq!(opened["status"], 410, "{opened}");
        opened["token"].as_str().expect("a token").clone_into(&mut token);
        let join = json!(["1", "1", format!("room:{}", number % 50), "phx_join", {}]);
        let posted =
            Request::post(&format!("{PATH}&token={token}")).json(&join).send(server).expect("a response");
        assert_eq!(posted.json()["status"], 200, "{}", posted.text());
    }
    token
}

fn get(server: SocketAddr, target: &str) -> Value {
    Request::get(target).send(server).expect("a response").json()
}

/// Waits until the session of a token is gone.
fn gone(server: SocketAddr, token: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    // A POST does not keep a session alive, so asking does not extend its life.
    let ask = || {
        Request::post(&format!("{PATH}&token={token}")).json(&json!([null, "1", "phoenix", "heartbeat", {}]))
    };
    while ask().send(server).expect("a response").json()["status"] != 410 {
        assert!(Instant::now() < deadline, "an abandoned session does not end");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn abandoned_sessions_free_their_memory() {
    let server = Server::start(Launch::playground());
    let address = server.address();
    println!("{} KiB resident before", server.resident());
    let mut after = Vec::new();
    for wave in 1..=WAVES {
        let start = Instant::now();
        let openers: Vec<_> =
            (0..THREADS).map(|_| thread::spawn(move || open(address, SESSIONS / THREADS))).collect();
        let tokens: Vec<String> =
            openers.into_iter().map(|opener| opener.join().expect("sessions open")).collect();
        let took = start.elapsed();
        for token in tokens {
            gone(address, &token);
        }
        after.push(server.resident());
        println!(
            "wave {wave}: {SESSIONS} sessions in {took:?}, {} KiB resident once they are gone",
            after[wave - 1]
        );
    }
    let growth = after[WAVES - 1].saturating_sub(after[WARM - 1]);
    let leak = (WAVES - WARM) * SESSIONS * LEAK / 1024;
    assert!(growth < leak as u64, "{growth} KiB more after {WAVES} waves than after {WARM}");
}
