//! The edges of RFC 9110 and RFC 9112, as in the table of `docs/compatibility.md`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use vestibule_tests::process::Server;

use crate::server;

/// A request: its line and its header fields separately, and a body.
#[derive(Clone)]
struct Raw<'a> {
    line: String,
    host: Option<&'a str>,
    fields: String,
    body: &'a str,
}

impl<'a> Raw<'a> {
    fn new(line: &str) -> Self {
        Self { line: line.to_owned(), host: Some("localhost"), fields: String::new(), body: "" }
    }

    fn host(self, host: Option<&'a str>) -> Self {
        Self { host, ..self }
    }

    fn field(self, field: &str) -> Self {
        Self { fields: format!("{}{field}\r\n", self.fields), ..self }
    }

    fn body(self, body: &'a str) -> Self {
        Self { body, ..self.field(&format!("content-length: {}", body.len())) }
    }

    fn text(&self) -> String {
        let host = self.host.map(|host| format!("host: {host}\r\n")).unwrap_or_default();
        format!("{}\r\n{host}{}\r\n{}", self.line, self.fields, self.body)
    }
}

/// A valid handshake, except for what the test changes.
fn handshake(line: &str, upgrade: &str, connection: &str) -> Raw<'static> {
    Raw::new(line)
        .field(&format!("upgrade: {upgrade}"))
        .field(&format!("connection: {connection}"))
        .field("sec-websocket-version: 13")
        .field("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
}

const SOCKET: &str = "GET /socket/websocket?vsn=2.0.0 HTTP/1.1";
const LIVE: &str = "GET /health/live HTTP/1.1";

/// A server that has a name, so that any host will do.
fn named() -> Server {
    server(&[("--name", "localhost")])
}

/// The answers to the requests of one connection, the last of which closes it.
fn answers(text: &str, to: SocketAddr) -> Vec<String> {
    let mut stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(text.as_bytes()).expect("a connection");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers, and an end");
    let parts: Vec<&str> = answer.split("HTTP/1.").collect();
    parts[1..].iter().map(|answer| (*answer).to_owned()).collect()
}

/// The status of the first answer, and its header fields.
fn answer(raw: &Raw<'_>, to: SocketAddr) -> (u16, String) {
    let mut stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(raw.text().as_bytes()).expect("a connection");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap_or_else(|error| {
            panic!("{error} after {:?}: {:?}", String::from_utf8_lossy(&head), raw.text())
        });
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head)
}

#[track_caller]
fn assert_status(raw: &Raw<'_>, to: SocketAddr, status: u16) -> String {
    let (got, head) = answer(raw, to);
    assert_eq!(got, status, "{:?}: {head}", raw.text());
    head
}

#[test]
fn a_target_in_absolute_form_names_the_host() {
    let server = server(&[]);
    let to = server.address();
    for (target, host, status) in [
        (format!("http://{to}/v1/rooms"), "evil.example", 200),
        ("http://evil.example/v1/rooms".to_owned(), to.to_string().leak(), 421),
        (format!("http://{to}"), "evil.example", 404),
    ] {
        let raw = Raw::new(&format!("GET {target} HTTP/1.1")).host(Some(host));
        // `/` is 404 without the page, and 200 with it.
        let (got, _) = answer(&raw, to);
        assert!(got == status || (status == 404 && got == 200), "{target}: {got}");
    }
    let line = format!("GET http://{to}/socket/websocket?vsn=2.0.0 HTTP/1.1");
    assert_status(&handshake(&line, "websocket", "Upgrade").host(Some("evil.example")), to, 101);
}

#[test]
fn http_1_0_needs_no_host_and_cannot_upgrade() {
    let server = named();
    let to = server.address();
    let live = Raw::new("GET /health/live HTTP/1.0").host(None);
    let answers = answers(&live.text(), to);
    assert!(answers.len() == 1 && answers[0].starts_with("0 200 "), "{answers:?}");
    let kept = assert_status(&live.field("connection: keep-alive"), to, 200);
    assert!(kept.contains("connection: keep-alive"), "{kept}");
    assert_status(&handshake(&SOCKET.replace("1.1", "1.0"), "websocket", "Upgrade"), to, 400);
}

#[test]
fn http_1_1_requires_one_valid_host() {
    let server = named();
    let to = server.address();
    assert_status(&Raw::new(LIVE).host(None), to, 400);
    assert_status(&Raw::new(LIVE).field("host: localhost"), to, 400);
    for host in ["a b", "a/b", "user@a", "a:x"] {
        assert_status(&Raw::new(LIVE).host(Some(host)), to, 400);
    }
    assert_status(&Raw::new(LIVE).host(Some("")), to, 200);
}

#[test]
fn the_connection_header_may_have_several_tokens() {
    let server = named();
    let to = server.address();
    for connection in [
        "Upgrade",
        "upgrade",
        "keep-alive, Upgrade",
        "Upgrade,HTTP2-Settings",
        "keep-alive\r\nconnection: Upgrade",
    ] {
        assert_status(&handshake(SOCKET, "websocket", connection), to, 101);
    }
    for connection in ["keep-alive", "close, Upgrade"] {
        assert_status(&handshake(SOCKET, "websocket", connection), to, 400);
    }
    let closed = Raw::new(LIVE).field("connection: TE, close");
    assert_eq!(answers(&closed.text(), to).len(), 1);
}

#[test]
fn a_socket_path_upgrades_to_websocket_only() {
    let server = named();
    let to = server.address();
    for upgrade in ["websocket", "WebSocket", "websocket\r\nupgrade: h2c"] {
        assert_status(&handshake(SOCKET, upgrade, "Upgrade"), to, 101);
    }
    for upgrade in ["h2c", "websocket, h2c", "h2c, websocket", "websocket/13"] {
        let refused = assert_status(&handshake(SOCKET, upgrade, "Upgrade"), to, 400);
        assert!(refused.contains("connection: close"), "{refused}");
    }
}

/// Java's HTTP client asks for it with every first request.
#[test]
fn an_upgrade_elsewhere_is_ignored() {
    let server = named();
    let to = server.address();
    for upgrade in ["h2c", "websocket", "websocket, h2c"] {
        for line in [LIVE, "GET /v1/rooms HTTP/1.1", "GET /socket/longpoll?vsn=2.0.0 HTTP/1.1"] {
            let raw = handshake(line, upgrade, "Upgrade, HTTP2-Settings")
                .field("http2-settings: AAMAAABkAAQCAAAAAAIAAAAA");
            let head = assert_status(&raw, to, 200);
            assert!(head.contains("connection: close") && !head.contains("upgrade"), "{head}");
        }
    }
}

#[test]
fn a_post_with_an_upgrade_header_keeps_its_body() {
    let server = named();
    let to = server.address();
    let body = format!("{{\"uid\":\"{}\"}}", "A".repeat(43));
    for upgrade in ["h2c", "websocket"] {
        let post = handshake("POST /v1/challenge HTTP/1.1", upgrade, "Upgrade")
            .field("content-type: application/json")
            .body(&body);
        let head = assert_status(&post, to, 200);
        assert!(head.contains("connection: close"), "{head}");
    }
    assert_status(&handshake(&SOCKET.replace("GET", "POST"), "websocket", "Upgrade").body(""), to, 400);
}

#[test]
fn an_unexpected_body_is_skipped() {
    let server = named();
    let to = server.address();
    let last = Raw::new(LIVE).field("connection: close").text();
    for line in [
        "GET /v1/rooms HTTP/1.1",
        "GET /socket/longpoll?vsn=2.0.0 HTTP/1.1",
        "HEAD /v1/rooms HTTP/1.1",
        "OPTIONS /v1/rooms HTTP/1.1",
        "DELETE /v1/rooms HTTP/1.1",
        "POST /nothing HTTP/1.1",
    ] {
        let first = Raw::new(line).body("GET /smuggled HTTP/1.1\r\n\r\n").text();
        let answers = answers(&format!("{first}{last}"), to);
        assert_eq!(answers.len(), 2, "{line}: {answers:?}");
        assert!(answers[1].starts_with("1 200 "), "{line}: {answers:?}");
    }
    for body in ["content-length: 5\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n0\r\n"] {
        assert_status(&handshake(SOCKET, "websocket", "Upgrade").field(body), to, 400);
    }
    assert_status(&handshake(SOCKET, "websocket", "Upgrade").field("content-length: 0"), to, 101);
}

#[test]
fn a_body_has_one_length() {
    let server = named();
    for fields in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 2\r\ntransfer-encoding: chunked",
        "content-length: +2",
        "content-length: -2",
        "content-length: x",
        "content-length: 2, 2",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
    ] {
        let refused =
            assert_status(&Raw::new("POST /v1/challenge HTTP/1.1").field(fields), server.address(), 400);
        assert!(refused.contains("connection: close"), "{fields}: {refused}");
    }
}

#[test]
fn a_405_lists_the_allowed_methods() {
    let server = named();
    let to = server.address();
    for (target, allowed, others) in [
        ("/v1/rooms", "GET, HEAD, OPTIONS, POST", "PUT"),
        ("/v1/rooms/x", "GET, HEAD, OPTIONS", "POST"),
        ("/v1/challenge", "OPTIONS, POST", "GET"),
        ("/v1/session", "OPTIONS, POST", "TRACE"),
        ("/health/live", "GET, HEAD, OPTIONS", "POST"),
        ("/health/ready", "GET, HEAD, OPTIONS", "BREW"),
        ("/", "GET, HEAD, OPTIONS", "POST"),
    ] {
        for (method, status) in [(others, 405), ("OPTIONS", 204)] {
            let head = assert_status(&Raw::new(&format!("{method} {target} HTTP/1.1")), to, status);
            assert!(head.contains(&format!("allow: {allowed}\r\n")), "{method} {target}: {head}");
        }
    }
}

#[test]
fn a_malformed_request_gets_400() {
    let server = named();
    for text in [
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n",
        "GET /health/live HTTP/2.0\r\nhost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /health/live\r\n\r\n",
    ] {
        let answers = answers(text, server.address());
        assert!(answers.len() == 1 && answers[0].starts_with("1 400 "), "{text:?}: {answers:?}");
    }
}
