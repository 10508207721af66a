//! How many WebSockets a user and an address may have.

use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Response;
use vestibule_tests::people::Person;
use vestibule_tests::process::Server;
use vestibule_tests::ws::{Handshake, Socket};

use crate::{connect, handshake, retry, server};

/// Longer than the server waits for a client to answer its close.
const PATIENCE: Duration = Duration::from_secs(10);

fn with_token(handshake: Handshake, token: &str) -> Handshake {
    handshake.protocol(&format!("phoenix, base64url.bearer.phx.{}", STANDARD.encode(token)))
}

/// Checks that an upgrade is refused, and that the answer says when to retry.
#[track_caller]
fn assert_refused(server: &Server, handshake: &Handshake) {
    let response: Response = handshake.open(server.address()).expect("a response").response;
    assert_eq!(response.status, 429, "{}", response.text());
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(retry(&response.json()), Duration::from_secs(5));
}

#[track_caller]
fn open(server: &Server, handshake: &Handshake) -> Socket {
    handshake.open(server.address()).expect("a response").accepted()
}

/// Waits until a place is free again.
fn reopen(server: &Server, handshake: &Handshake) -> Socket {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match handshake.open(server.address()).expect("a response").socket {
            Some(socket) => return socket,
            None => assert!(Instant::now() < deadline, "the place is not given back"),
        }
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn sockets_per_user_are_limited_over_all_paths() {
    let server = server(&[("--max-sockets-per-user", "2")]);
    let [bob, eve] = [(); 2].map(|()| Person::new(Alg::Ed25519).sign_in(server.address()));
    let bobs = with_token(handshake(), &bob);
    let first = open(&server, &bobs);
    let _second = open(&server, &with_token(Handshake::new("/msgpack/websocket"), &bob));
    assert_refused(&server, &bobs);
    assert_refused(&server, &with_token(Handshake::new("/msgpack/websocket"), &bob));

    // Neither other users nor clients without a token are affected.
    open(&server, &with_token(handshake(), &eve));
    for _ in 0..3 {
        connect(&server);
    }

    drop(first);
    let _third = reopen(&server, &bobs);
    assert_refused(&server, &bobs);
}

#[test]
fn sockets_per_address_are_limited_for_all_users() {
    let server = server(&[("--max-sockets-per-address", "2")]);
    let bob = Person::new(Alg::Ed25519).sign_in(server.address());
    let mut first = connect(&server);
    let _second = open(&server, &with_token(handshake(), &bob));
    assert_refused(&server, &handshake());
    assert_refused(&server, &with_token(handshake(), &bob));
    // A client's own claim changes nothing.
    assert_refused(&server, &handshake().header("x-forwarded-for", "203.0.113.9"));

    // A connection that the server ends frees its place too.
    first.send_text("no message").expect("an open connection");
    first.expect_close();
    let _third = reopen(&server, &handshake());
}
