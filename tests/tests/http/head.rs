//! HEAD is answered like GET, without the body (RFC 9110, section 9.3.2).

use std::net::SocketAddr;

use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;

use crate::{by_operator, server};

/// Sends both methods; the answers must be the same except for the body.
#[track_caller]
fn assert_as_get(target: &str, status: u16, to: SocketAddr) {
    let ask = |method| by_operator(Request::new(method, target)).send(to).expect("a response");
    let (get, head) = (ask("GET"), ask("HEAD"));
    assert_eq!((get.status, head.status), (status, status), "{target}");
    assert_eq!(head.body, b"", "{target}");
    for name in ["content-type", "content-length", "cache-control", "x-content-type-options"] {
        assert_eq!(head.header(name), get.header(name), "{name} of {target}");
    }
}

#[test]
fn clients_may_head_whatever_they_may_get() {
    let server = server(&[]);
    for (target, status) in [
        ("/health/live", 200),
        ("/health/ready", 200),
        ("/v1/rooms", 200),
        ("/v1/rooms?limit=x", 400),
        ("/v1/rooms/x", 404),
        ("/nothing", 404),
    ] {
        assert_as_get(target, status, server.address());
    }
}

#[test]
fn operators_may_head_whatever_they_may_get() {
    let admin = AdminServer::start(&[]);
    let operators = admin.admin();
    for (target, status) in [
        ("/health/live", 200),
        ("/admin/v1/rooms", 200),
        ("/admin/v1/rooms?limit=x", 400),
        ("/admin/v1/openapi.json", 200),
        ("/admin/v1/nothing", 404),
    ] {
        assert_as_get(target, status, operators);
    }
    // Its body changes from moment to moment, and its length may.
    let head = by_operator(Request::new("HEAD", "/metrics")).send(operators).expect("a response");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(Request::new("HEAD", "/metrics").send(operators).expect("a response").status, 401);
}

/// A GET of these has an effect, so its head cannot be requested alone. Phoenix refuses too.
#[test]
fn sockets_and_long_polls_refuse_head() {
    let server = server(&[]);
    for target in ["/socket/websocket?vsn=2.0.0", "/socket/longpoll?vsn=2.0.0"] {
        let head = Request::new("HEAD", target).send(server.address()).expect("a response");
        assert_eq!(head.status, 400, "{target}");
    }
}
