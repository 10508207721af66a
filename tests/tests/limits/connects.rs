//! How often one address may try to connect.

use std::thread::sleep;
use std::time::Duration;

use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::Server;
use vestibule_tests::ws::Handshake;

use crate::{handshake, retry, server};

const POLL: &str = "/socket/longpoll?vsn=2.0.0";

/// One a second, and three at once.
fn limited(more: &[(&str, &str)]) -> Server {
    let options = [("--max-connects-per-second", "1"), ("--max-connects-at-once", "3")];
    server(&[&options, more].concat())
}

fn attempt(server: &Server, handshake: &Handshake) -> Response {
    handshake.open(server.address()).expect("a response").response
}

fn get(server: &Server, target: &str) -> Response {
    Request::get(target).send(server.address()).expect("a response")
}

/// Checks that an attempt is refused, and returns the time after which it may be repeated.
#[track_caller]
fn refused(response: &Response) -> Duration {
    assert_eq!((response.status, response.header("retry-after")), (429, Some("1")), "{}", response.text());
    let mut body = response.json();
    body.as_object_mut().expect("an object").remove("status");
    retry(&body)
}

#[test]
fn one_connect_attempt_too_many_is_refused() {
    let server = limited(&[]);
    assert_eq!(attempt(&server, &handshake()).status, 101);
    assert_eq!(attempt(&server, &handshake().query("vsn=9")).status, 403);
    assert_eq!(attempt(&server, &Handshake::new("/msgpack/websocket").omit("sec-websocket-key")).status, 400);
    let wait = refused(&attempt(&server, &handshake()));
    // Neither parameters nor the version are checked.
    refused(&attempt(&server, &handshake().query("vsn=9")));
    refused(&attempt(&server, &handshake().query("x=%ff")));
    refused(&get(&server, POLL));
    sleep(wait);
    assert_eq!(attempt(&server, &handshake()).status, 101);
    refused(&attempt(&server, &handshake()));
}

/// phoenix.js reads the status in the body, and retries after that of a refusal.
#[test]
fn long_polls_count_when_they_open_a_session() {
    let server = limited(&[]);
    let opened = get(&server, POLL).json();
    assert_eq!(opened["status"], 410);
    let session = format!("{POLL}&token={}", opened["token"].as_str().expect("a token"));
    let beat = |target: &str| {
        let beat = serde_json::json!([null, "1", "phoenix", "heartbeat", {}]);
        Request::post(target).json(&beat).send(server.address()).expect("a response").json()["status"].clone()
    };
    for _ in 0..5 {
        assert_eq!(beat(&session), 200, "a session that goes on is no attempt");
        assert_eq!(get(&server, &session).json()["status"], 200);
    }
    for token in ["", "&token=unknown"] {
        assert_eq!(get(&server, &format!("{POLL}{token}")).json()["status"], 410);
    }
    let response = get(&server, &format!("{POLL}&token=unknown"));
    assert_eq!(response.json()["status"], 403);
    assert!(response.header("access-control-allow-origin").is_some(), "a page cannot read it");
    let wait = refused(&response);
    refused(&attempt(&server, &handshake()));
    assert_eq!(beat(&session), 200);
    sleep(wait);
    assert_eq!(get(&server, POLL).json()["status"], 410);
}

/// Otherwise a page of another site could use up its visitors' attempts.
#[test]
fn attempts_from_another_sites_page_do_not_count() {
    let server = limited(&[]);
    for _ in 0..5 {
        let elsewhere = handshake().header("origin", "https://elsewhere.example");
        assert_eq!(attempt(&server, &elsewhere).status, 403);
    }
    for _ in 0..3 {
        assert_eq!(attempt(&server, &handshake()).status, 101);
    }
}

/// Behind a proxy, each client has an address of its own.
#[test]
fn an_address_is_the_clients_behind_a_trusted_proxy() {
    let server = limited(&[("--trusted-proxy", "127.0.0.1")]);
    let from = |address: &str| attempt(&server, &handshake().header("x-forwarded-for", address));
    for _ in 0..3 {
        assert_eq!(from("203.0.113.9").status, 101);
    }
    refused(&from("203.0.113.9"));
    assert_eq!(from("203.0.113.10").status, 101);
}

/// By default a thousand people behind one address can reconnect after a restart, each with a few
/// attempts.
#[test]
fn a_thousand_clients_of_one_address_reconnect_at_once() {
    let server = Server::start(vestibule_tests::process::Launch::untouched());
    for _ in 0..3000 {
        assert_ne!(attempt(&server, &handshake().query("vsn=9")).status, 429);
    }
}
