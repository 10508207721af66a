//! The maximum length of a target and of a header field (RFC 9110, section 15.5.15, and RFC 6585,
//! section 5), whatever they are for.

use std::net::SocketAddr;

use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::ws::Handshake;

use crate::by_operator;

/// The most bytes of a target; of a field, including its name.
const MOST: usize = 10_000;

/// A target of this length.
fn target(path: &str, length: usize) -> String {
    let start = format!("{path}?x=");
    format!("{start}{}", "y".repeat(length - start.len()))
}

#[track_caller]
fn assert_too_long(answer: &Response, status: u16, what: &str) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.header("connection"), Some("close"));
    let body = answer.json();
    assert_eq!(body["reason"], "too_large");
    assert_eq!(body["detail"], format!("The {what} is longer than 10000 bytes."));
}

#[test]
fn the_request_targets_length_is_limited_everywhere() {
    let admin = AdminServer::start(&[]);
    let (server, operators) = (&admin.server, admin.admin());
    let clients = server.address();
    let get = |path: &str, length, to: SocketAddr| {
        by_operator(Request::get(&target(path, length))).send(to).expect("a response")
    };
    for (path, to, status) in [
        ("/health/live", clients, 200),
        ("/v1/rooms", clients, 200),
        ("/socket/longpoll", clients, 200),
        ("/nothing", clients, 404),
        ("/health/live", operators, 200),
        // It has no parameter of this name.
        ("/admin/v1/rooms", operators, 400),
    ] {
        assert_eq!(get(path, MOST, to).status, status, "{path}");
        assert_too_long(&get(path, MOST + 1, to), 414, "target");
    }
    let path = "/socket/websocket";
    for (length, status) in [(MOST, 101), (MOST + 1, 414)] {
        let query = target("", length - path.len() - 1).split_off(1) + "&";
        let answer = Handshake::new(path).query(&query).open(clients).expect("a response").response;
        assert_eq!(answer.status, status, "{length}: {}", answer.text());
    }
}

#[test]
fn every_header_fields_length_is_limited() {
    let admin = AdminServer::start(&[]);
    let (server, operators) = (&admin.server, admin.admin());
    for to in [server.address(), operators] {
        for name in ["cookie", "x-anything", "sec-websocket-protocol", "x-phoenix-longpoll-token"] {
            let with = |length: usize| {
                let value = "y".repeat(length - name.len());
                Request::get("/health/live").header(name, &value).send(to).expect("a response")
            };
            assert_eq!(with(MOST).status, 200, "{name}");
            assert_too_long(&with(MOST + 1), 431, "header field");
        }
    }
}
