//! Requests that begin and do not end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_tests::admin::{AdminServer, OPERATOR};
use vestibule_tests::http::Request;

use crate::server;

/// Longer than any test's server waits, and shorter than it would by default.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end of a head, and the beginning of a body.
const UNFINISHED: [&str; 2] =
    ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"];

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Sends the beginning of a request and returns everything received until the server closes the
/// connection.
fn answer_to(beginning: &str, to: SocketAddr) -> String {
    let mut stream = connect(to);
    stream.write_all(beginning.as_bytes()).expect("a connection");
    until_closed(&mut stream)
}

fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => {
                panic!("the connection stays open: {error}, {:?}", String::from_utf8_lossy(&answer))
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(target: &str, host: SocketAddr, rest: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{rest}")
}

#[test]
fn a_body_that_never_arrives_gets_408() {
    let admin = AdminServer::start(&[("--request-time", "2s")]);
    let (server, operators) = (&admin.server, admin.admin());
    let address = server.address();
    let opened = Request::get("/socket/longpoll?vsn=2.0.0").send(address).expect("a response").json();
    let poll = format!("/socket/longpoll?vsn=2.0.0&token={}", opened["token"].as_str().expect("a token"));
    let authorization = format!("authorization: Bearer {OPERATOR}\r\n");
    thread::scope(|scope| {
        for (to, target, header) in [
            (address, "/v1/challenge", ""),
            (address, poll.as_str(), ""),
            (operators, "/admin/v1/topics/room:x/broadcast", authorization.as_str()),
        ] {
            for body in UNFINISHED {
                scope.spawn(move || {
                    let answer = answer_to(&post(target, to, &format!("{header}{body}")), to);
                    assert!(answer.starts_with("HTTP/1.1 408 "), "{target} with {body:?}: {answer:?}");
                });
            }
        }
    });
}

#[test]
fn a_trickle_of_bytes_does_not_extend_the_timeout() {
    let server = server(&[("--request-time", "2s")]);
    let mut stream = connect(server.address());
    let head = post("/v1/challenge", server.address(), "content-length: 10000\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a connection");
    let mut writer = stream.try_clone().expect("a descriptor");
    let start = Instant::now();
    let dribbling = thread::spawn(move || {
        while start.elapsed() < PATIENCE && writer.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let answer = until_closed(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    assert!(start.elapsed() < PATIENCE);
    drop(stream);
    dribbling.join().expect("a thread");
}

#[test]
fn an_unread_body_times_out_too() {
    let server = server(&[("--request-time", "2s")]);
    let to = server.address();
    thread::scope(|scope| {
        for (target, status) in [("/nothing", "404"), ("/socket/websocket", "400")] {
            for body in UNFINISHED {
                scope.spawn(move || {
                    let answer = answer_to(&post(target, to, body), to);
                    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer:?}");
                });
            }
        }
    });
}

#[test]
fn a_head_that_never_arrives_ends_any_request() {
    let server = server(&[("--request-time", "2s"), ("--keep-alive", "2s")]);
    let whole = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", server.address());
    assert!(answer_to("GET / HT", server.address()).starts_with("HTTP/1.1 408 "));
    let answer = answer_to(&format!("{whole}GET / HT"), server.address());
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer:?}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}

/// An unfinished POST leaves the session's one place to other batches.
#[test]
fn only_complete_batches_take_a_place() {
    let server = server(&[("--max-batches", "1"), ("--poll", "5s")]);
    let opened =
        Request::get("/socket/longpoll?vsn=2.0.0").send(server.address()).expect("a response").json();
    let target = format!("/socket/longpoll?vsn=2.0.0&token={}", opened["token"].as_str().expect("a token"));
    let slow: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(server.address());
            let head = post(&target, server.address(), "content-length: 100\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("a connection");
            stream
        })
        .collect();
    for reference in 0..10 {
        let message = json!([null, reference.to_string(), "phoenix", "heartbeat", {}]);
        let posted = Request::post(&target).json(&message).send(server.address()).expect("a response");
        assert_eq!(posted.json()["status"], 200);
    }
    drop(slow);
}
