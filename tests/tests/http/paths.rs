//! Paths are split into segments as Plug splits them, so empty segments do not count.

use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;
use vestibule_tests::ws::Handshake;

use crate::{by_operator, server};

#[test]
fn websocket_paths_ignore_extra_slashes() {
    let server = server(&[]);
    for path in [
        "/socket/websocket/",
        "/socket//websocket",
        "//socket///websocket//",
        "/msgpack/websocket/",
        "/msgpack//websocket",
    ] {
        let opened = Handshake::new(path).query("vsn=2.0.0").open(server.address()).expect("a response");
        assert_eq!(opened.response.status, 101, "{path}");
    }
}

#[test]
fn long_poll_paths_ignore_extra_slashes() {
    let server = server(&[]);
    for path in ["/socket/longpoll/", "/socket//longpoll", "//socket//longpoll//"] {
        let target = format!("{path}?vsn=2.0.0");
        let opened = Request::get(&target).send(server.address()).expect("a response");
        assert_eq!((opened.status, &opened.json()["status"]), (200, &410.into()), "{path}");
    }
}

#[test]
fn endpoint_paths_ignore_extra_slashes() {
    let admin = AdminServer::start(&[]);
    let (server, operators) = (&admin.server, admin.admin());
    for path in ["/v1/rooms/", "//v1//rooms", "/health//live/"] {
        let answer = Request::get(path).send(server.address()).expect("a response");
        assert_eq!(answer.status, 200, "{path}");
    }
    for path in ["/admin/v1/rooms/", "/admin//v1/rooms", "/metrics/", "//health/ready"] {
        assert_eq!(
            by_operator(Request::get(path)).send(operators).expect("a response").status,
            200,
            "{path}"
        );
        let is_open = path.contains("health");
        let status = if is_open { 200 } else { 401 };
        assert_eq!(Request::get(path).send(operators).expect("a response").status, status, "{path}");
    }
}

#[test]
fn other_segments_are_other_paths() {
    let server = server(&[]);
    for path in ["/socket/websocket/x", "/socketwebsocket", "/Socket/websocket", "/socket/%2Fwebsocket"] {
        let opened = Handshake::new(path).query("vsn=2.0.0").open(server.address()).expect("a response");
        assert_eq!(opened.response.status, 404, "{path}");
    }
}
