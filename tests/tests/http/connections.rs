//! TCP connections: how many there may be, and how long they last.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::num::NonZero;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::{Handshake, Socket};

use crate::server;

const PATIENCE: Duration = Duration::from_secs(20);

fn websocket(server: &Server) -> Socket {
    Handshake::new("/socket/websocket")
        .query("vsn=2.0.0")
        .open(server.address())
        .expect("a response")
        .accepted()
}

/// Whether the server answers a request on a new connection.
fn is_answered(server: &Server) -> bool {
    Request::get("/health/live").send(server.address()).is_ok_and(|answer| answer.status == 200)
}

#[test]
fn plain_connections_per_address_are_limited() {
    let server = server(&[("--max-connections-per-address", "3")]);
    let idle: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(server.address()).expect("a connection")).collect();
    let deadline = Instant::now() + PATIENCE;
    while is_answered(&server) {
        assert!(Instant::now() < deadline, "one more is let in");
    }
    drop(idle);
    while !is_answered(&server) {
        assert!(Instant::now() < deadline, "places are not given back");
    }
    // These have a limit of their own.
    let sockets: Vec<Socket> = (0..5)
        .map(|_| {
            // The connection that was just used may be about to end.
            while !is_answered(&server) {
                assert!(Instant::now() < deadline, "a WebSocket counts");
            }
            websocket(&server)
        })
        .collect();
    assert!(is_answered(&server));
    drop(sockets);
}

#[test]
fn a_trusted_proxy_is_not_limited() {
    let server = server(&[("--max-connections-per-address", "1"), ("--trusted-proxy", "127.0.0.1")]);
    let idle: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(server.address()).expect("a connection")).collect();
    assert!(is_answered(&server));
    drop(idle);
}

#[test]
fn idle_connections_make_room_at_the_descriptor_limit() {
    let server = Server::start(Launch::vestibule().descriptors(256));
    let mut used = websocket(&server);
    let head = format!(
        "POST /v1/challenge HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n",
        server.address()
    );
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).expect("a connection");
            // It may have been closed for the next one already.
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    let start = Instant::now();
    for _ in 0..20 {
        let request = Request::post("/v1/challenge").json(&json!({ "uid": "A".repeat(43) }));
        assert_eq!(request.send(server.address()).expect("a response").status, 200);
        websocket(&server);
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    used.send_json(&json!([null, "1", "phoenix", "heartbeat", {}]));
    assert_eq!(used.expect_json()[1], "1", "who uses a connection keeps it");
    drop(slow);
}

/// Descriptors for them are kept free: without one, the library accepts nobody for half a second.
#[test]
fn a_crowd_is_served_at_the_descriptor_limit() {
    let server = Server::start(Launch::vestibule().descriptors(800));
    let connect = || TcpStream::connect(server.address()).expect("a connection");
    let mut idle = Vec::new();
    for number in 0..720 {
        idle.push(connect());
        // Few at once, until the limit is reached.
        if number % 20 == 0 {
            assert!(is_answered(&server));
        }
    }
    // A busy machine may be late with an answer, but not each time; the library's half a second
    // occurs each time.
    let is_soon = (0..5).any(|_| {
        idle.extend((0..75).map(|_| connect()));
        let start = Instant::now();
        assert!(is_answered(&server));
        start.elapsed() < Duration::from_millis(450)
    });
    assert!(is_soon);
}

/// The library stops accepting at 256 unfinished handshakes of a thread, unless it is configured
/// otherwise.
#[test]
fn a_silent_tls_client_delays_no_other() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = |name: &str, content: String| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let certificate = file("cert.pem", made.cert.pem());
    let key = file("key.pem", made.signing_key.serialize_pem());
    let server = server(&[
        ("--tls-cert", &certificate),
        ("--tls-key", &key),
        ("--check-file-modes", "off"),
        ("--max-connections-per-address", "100000"),
    ]);
    let connect = || TcpStream::connect(server.address()).expect("a connection");
    let threads = available_parallelism().map_or(1, NonZero::get);
    let silent: Vec<TcpStream> = (0..256 * threads + 100)
        .map(|number| {
            // Connections that arrive all at once are accepted before they are counted.
            if number % 20 == 0 {
                sleep(Duration::from_millis(5));
            }
            connect()
        })
        .collect();
    let start = Instant::now();
    let mut stream = connect();
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(b"no handshake of TLS").expect("a connection");
    // An alert, or the end.
    let _ = stream.read(&mut [0; 16]).expect("an answer");
    // The library's own wait would be almost three seconds.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(silent);
}

#[test]
fn an_idle_connection_is_closed_after_a_while() {
    let server = server(&[("--keep-alive", "1s")]);
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let request = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", server.address());
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).expect("a connection");
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).expect("an answer");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
    let idle = Instant::now();
    assert_eq!(stream.read(&mut [0; 1]).expect("an end"), 0);
    // The library's clock is half a second coarse.
    assert!(idle.elapsed() >= Duration::from_millis(500), "{:?}", idle.elapsed());
}
