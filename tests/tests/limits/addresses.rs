//! Whose address counts behind a proxy.

use serde_json::json;
use vestibule_tests::http::Request;
use vestibule_tests::process::Server;

use crate::{handshake, server};

fn upgrade(server: &Server, forwarded_for: &str) -> u16 {
    let opened = handshake().header("x-forwarded-for", forwarded_for).open(server.address());
    let opened = opened.expect("a response");
    if let Some(socket) = opened.socket {
        // Kept open until the server ends, so that it counts.
        std::mem::forget(socket);
    }
    opened.response.status
}

fn challenge(server: &Server, forwarded_for: &str) -> u16 {
    let request = Request::post("/v1/challenge").header("x-forwarded-for", forwarded_for);
    request.json(&json!({ "uid": "A".repeat(43) })).send(server.address()).expect("a response").status
}

fn poll(server: &Server, forwarded_for: &str) -> u64 {
    let request = Request::get("/socket/longpoll?vsn=2.0.0").header("x-forwarded-for", forwarded_for);
    request.send(server.address()).expect("a response").json()["status"].as_u64().expect("a status")
}

const ONE_OF_EACH: [(&str, &str); 4] = [
    ("--max-sockets-per-address", "1"),
    ("--max-polls-per-address", "1"),
    ("--max-calls-per-second", "1"),
    ("--max-calls-at-once", "1"),
];

#[test]
fn a_trusted_proxys_forwarded_address_counts() {
    let server = server(&[&ONE_OF_EACH[..], &[("--trusted-proxy", "10.0.0.0/8,127.0.0.1")]].concat());
    for client in ["203.0.113.1", "203.0.113.2:4711", "2001:db8:0:1::1", "1.1.1.1, 203.0.113.3, 10.1.2.3"] {
        assert_eq!(
            (upgrade(&server, client), poll(&server, client), challenge(&server, client)),
            (101, 410, 200),
            "{client}"
        );
    }
    for again in ["203.0.113.1", "203.0.113.2", "2001:db8:0:1:ffff::2", "8.8.8.8, 203.0.113.3"] {
        assert_eq!((upgrade(&server, again), poll(&server, again)), (429, 403), "{again}");
    }
}

#[test]
fn other_clients_forwarded_addresses_are_ignored() {
    let server = server(&[&ONE_OF_EACH[..], &[("--trusted-proxy", "10.0.0.0/8")]].concat());
    let statuses = |client| (upgrade(&server, client), poll(&server, client), challenge(&server, client));
    assert_eq!(statuses("203.0.113.1"), (101, 410, 200));
    assert_eq!(statuses("203.0.113.2"), (429, 403, 429));
}
