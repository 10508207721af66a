//! Memory for parameters and heads, over WebSocket and long poll, while connections last and once
//! they are gone.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vestibule_phoenix::serializer::MAX_TERM;
use vestibule_tests::{
    http::{Request, Response},
    process::{Launch, Server},
    ws::{Handshake, Socket},
};

use crate::server;

const SOCKETS: usize = 400;

/// What the allocator may keep for itself, in KiB.
const NOISE: u64 = 8 * 1024;

/// How long the server may take to see that clients have gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest target that is accepted.
const TARGET: usize = 10_000;

/// How many names parameters may have, each level of a nested one counted.
const NAMES: usize = 256;

/// Parameters nested as deep as allowed, of about this many bytes.
fn nested(bytes: usize) -> String {
    let params = (0..).map(|number| format!("{number}{}", "[b]".repeat(31)));
    let mut query = "vsn=2.0.0".to_owned();
    query.extend(params.take(bytes / 100 + 1).flat_map(|param| ["&".to_owned(), param]));
    query.truncate(bytes);
    query
}

/// The most that one target can carry: the maximum number of names, and one long value.
fn largest(path: &str) -> String {
    let names = nested(95 * (NAMES / 32 - 1));
    let query = format!("{names}&x=");
    let left = TARGET - path.len() - 1 - query.len();
    query + &"y".repeat(left)
}

fn handshake(query: &str) -> Handshake {
    Handshake::new("/socket/websocket").query(query)
}

fn open(server: SocketAddr, handshake: &Handshake) -> Socket {
    handshake.open(server).expect("a response").accepted()
}

/// Waits until at most this much memory is resident.
fn settles_at(server: &Server, bound: u64) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while server.resident() > bound && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    server.resident() <= bound
}

/// Sends as many requests as there may be sockets, checks the answers, and checks that nothing of
/// them is kept.
fn keeps_nothing(send: impl Fn(SocketAddr) -> Response, status: u16) {
    let server = server();
    let wave = || {
        for _ in 0..SOCKETS {
            let answer = send(server.address());
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        server.resident()
    };
    let warm = wave();
    let after = [wave(), wave()];
    println!("{warm} KiB resident after one wave, then {after:?}");
    assert!(settles_at(&server, warm + NOISE), "{} KiB after {warm}", server.resident());
}

#[test]
fn parameters_of_60_kb_are_refused_and_not_kept() {
    let query = nested(60_000);
    keeps_nothing(|server| handshake(&query).open(server).expect("a response").response, 414);
}

#[test]
fn parameters_of_60_kb_over_long_poll_are_refused_and_not_kept() {
    let target = format!("/socket/longpoll?{}", nested(60_000));
    keeps_nothing(|server| Request::get(&target).send(server).expect("a response"), 414);
}

#[test]
fn parameters_of_too_many_names_are_refused_and_not_kept() {
    let query = nested(9_000);
    keeps_nothing(|server| handshake(&query).open(server).expect("a response").response, 400);
}

#[test]
fn a_token_of_60_kb_is_refused_and_not_kept() {
    let protocols = format!("phoenix, base64url.bearer.phx.{}", "A".repeat(60_000));
    let handshake = handshake("vsn=2.0.0").protocol(&protocols);
    keeps_nothing(|server| handshake.open(server).expect("a response").response, 431);
}

/// Each socket carries as much as its target may hold; what it costs beyond an empty one is what
/// the server keeps of that.
#[test]
fn sockets_keep_little_of_their_parameters_and_nothing_after() {
    let server = server();
    let address = server.address();
    let wave = |handshake: &Handshake| {
        let sockets: Vec<_> = (0..SOCKETS).map(|_| open(address, handshake)).collect();
        (server.resident(), sockets)
    };
    let (plain, large) = (handshake("vsn=2.0.0"), handshake(&largest("/socket/websocket")));
    let (warm, sockets) = wave(&plain);
    drop(sockets);
    let (before, plain) = wave(&plain);
    drop(plain);
    let (during, large) = wave(&large);
    println!("{SOCKETS} sockets: {warm}, then {before} KiB resident, with parameters {during}");
    let sent = (SOCKETS * TARGET / 1024) as u64;
    assert!(during < before + 4 * sent, "{} KiB kept of {sent}", during.saturating_sub(before));
    drop(large);
    assert!(settles_at(&server, before + NOISE), "{} KiB once they are gone", server.resident());
}

/// The same over long poll. A session itself takes some KiB, so only the size of its parameters
/// tells them from it.
#[test]
fn sessions_keep_little_of_their_parameters() {
    let many = (2 * SOCKETS).to_string();
    let server = Server::start(Launch::vestibule().options(&[("--max-polls-per-address", &many)]));
    let wave = |query: &str| {
        let target = format!("/socket/longpoll?{query}");
        for _ in 0..SOCKETS {
            let opened = Request::get(&target).send(server.address()).expect("a response").json();
            assert_eq!(opened["status"], 410, "{opened}");
        }
        server.resident()
    };
    let warm = wave("vsn=2.0.0");
    let large = wave(&largest("/socket/longpoll"));
    println!("{SOCKETS} sessions: {warm} KiB resident, and with as many that have parameters {large}");
    let sent = (SOCKETS * TARGET / 1024) as u64;
    assert!(large < warm + 4 * sent, "{} KiB kept of {sent}", large.saturating_sub(warm));
}

/// A hundred joins on each of some sockets, each with a payload of 100 KB and a topic and refs of
/// the maximum length.
#[test]
fn joins_keep_topics_and_refs_but_not_payloads() {
    const JOINERS: usize = 4;
    const JOINS: usize = 100;
    const PAYLOAD: usize = 100_000;
    let server = Server::start(Launch::playground());
    let term = |name: String| format!("{name:-<0$}", MAX_TERM - 2);
    let mut sockets: Vec<_> = (0..JOINERS).map(|_| open(server.address(), &handshake("vsn=2.0.0"))).collect();
    let before = server.resident();
    for (number, socket) in sockets.iter_mut().enumerate() {
        for join in 0..JOINS {
            let (topic, join_ref) = (term(format!("room:{number}.{join}.")), term(join.to_string()));
            socket.send_json(&json!([join_ref, join_ref, topic, "phx_join", "x".repeat(PAYLOAD)]));
            assert_eq!(socket.expect_json()[4]["status"], "ok");
        }
    }
    let kept = server.resident().saturating_sub(before);
    let (terms, payloads) = (JOINERS * JOINS * 3 * MAX_TERM / 1024, JOINERS * JOINS * PAYLOAD / 1024);
    println!("{before} KiB resident, then {kept} more, of {payloads} in payloads and {terms} in the rest");
    assert!(kept < terms as u64 + NOISE, "{kept} KiB kept");
}
