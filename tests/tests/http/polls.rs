//! Long polls whose clients go away: the next poll gets their messages, in order and once.

use std::fs;
use std::io;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, SockRef, Socket, Type};
use vestibule_tests::http::Request;
use vestibule_tests::process::Server;

use crate::server;

const PATH: &str = "/socket/longpoll?vsn=2.0.0";

struct Session<'a> {
    server: &'a Server,
    target: String,
}

impl<'a> Session<'a> {
    fn open(server: &'a Server) -> Self {
        let opened = Request::get(PATH).send(server.address()).expect("a response").json();
        let token = opened["token"].as_str().expect("a token");
        Self { server, target: format!("{PATH}&token={token}") }
    }

    /// Has a message sent to the session: the answer to a heartbeat. When this returns, it waits
    /// for a poll or has been handed to one.
    fn push(&self, reference: &str) {
        self.push_all(&[reference.to_owned()]);
    }

    /// The same with several messages, in one batch.
    fn push_all(&self, references: &[String]) {
        let beat = |reference: &String| json!([null, reference, "phoenix", "heartbeat", {}]).to_string();
        let lines: Vec<_> = references.iter().map(beat).collect();
        let batch = Request::post(&self.target).header("content-type", "application/x-ndjson");
        let posted = batch.body(lines.join("\n")).send(self.server.address());
        assert_eq!(posted.expect("a response").json()["status"], 200);
    }

    /// Begins a poll and does not read its answer.
    fn begin(&self) -> TcpStream {
        self.begin_on(TcpStream::connect(self.server.address()).expect("a connection"))
    }

    fn begin_on(&self, mut stream: TcpStream) -> TcpStream {
        let host = self.server.address();
        write!(stream, "GET {} HTTP/1.1\r\nhost: {host}\r\n\r\n", self.target).expect("a connection");
        stream
    }

    /// The refs of the messages of one poll.
    fn poll(&self) -> Vec<String> {
        references(&Request::get(&self.target).send(self.server.address()).expect("a response").json())
    }
}

fn references(answer: &Value) -> Vec<String> {
    let texts = answer["messages"].as_array().unwrap_or_else(|| panic!("no messages: {answer}"));
    let message =
        |text: &Value| -> Value { serde_json::from_str(text.as_str().expect("a text")).expect("JSON") };
    texts.iter().map(|text| message(text)[1].as_str().expect("a ref").to_owned()).collect()
}

/// Closes a connection gracefully, and waits until the server's system knows.
fn close(stream: TcpStream) {
    let ends = ends(&stream);
    drop(stream);
    until_arrived(ends);
}

/// Resets a connection, and waits until the server's system knows.
fn abort(stream: TcpStream) {
    let ends = ends(&stream);
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(stream);
    until_arrived(ends);
}

/// The ports of a connection: the server's, and this end's.
fn ends(stream: &TcpStream) -> (u16, u16) {
    let port = |address: io::Result<SocketAddr>| address.expect("an address").port();
    (port(stream.peer_addr()), port(stream.local_addr()))
}

/// Waits until the system has closed the server's end as well. A busy machine takes its time over
/// that, even on its loopback, and messages sent meanwhile are lost to everybody.
fn until_arrived((server, client): (u16, u16)) {
    let remote = format!(":{server:04X} 0100007F:{client:04X} 01 ");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string("/proc/net/tcp").expect("the system's connections").contains(&remote) {
        assert!(Instant::now() < deadline, "the end of a connection does not arrive");
    }
}

#[test]
fn messages_for_a_dropped_poll_come_with_the_next() {
    let server = server(&[]);
    for close in [close, abort] {
        let session = Session::open(&server);
        for round in 0..20 {
            close(session.begin());
            let [first, second] = [format!("{round}a"), format!("{round}b")];
            session.push(&first);
            session.push(&second);
            assert_eq!(session.poll(), [first, second]);
        }
    }
}

#[test]
fn concurrent_polls_get_each_message_once() {
    let server = server(&[("--poll", "2s")]);
    let session = Session::open(&server);
    let mut earlier = session.begin();
    // Messages are sent until the later poll is answered: which of the two is served first is
    // undefined.
    let (got, pushed) = thread::scope(|scope| {
        let later = scope.spawn(|| session.poll());
        let mut pushed = Vec::new();
        while !later.is_finished() {
            pushed.push(pushed.len().to_string());
            session.push(&pushed[pushed.len() - 1]);
            thread::sleep(Duration::from_millis(100));
        }
        (later.join().expect("a poll"), pushed)
    });
    let mut answer = String::new();
    earlier.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    earlier.shutdown(std::net::Shutdown::Write).expect("a socket");
    earlier.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let mut all = references(&serde_json::from_str(body).expect("JSON"));
    all.extend(got);
    if all.len() < pushed.len() {
        all.extend(session.poll());
    }
    assert_eq!(all, pushed, "in order, and once");
}

#[test]
fn an_abandoned_poll_takes_nothing_from_the_next() {
    let server = server(&[]);
    let session = Session::open(&server);
    for round in 0..20 {
        let given_up = session.begin();
        thread::scope(|scope| {
            let next = scope.spawn(|| session.poll());
            close(given_up);
            let reference = round.to_string();
            session.push(&reference);
            assert_eq!(next.join().expect("a poll"), [reference]);
        });
    }
}

#[test]
fn a_truncated_poll_response_is_sent_again() {
    let server = server(&[("--max-outbox", "64MiB")]);
    let session = Session::open(&server);
    // More than fits into the sockets' buffers.
    let sent: Vec<String> = (0..1500).map(|number| format!("{number}-{}", "x".repeat(8000))).collect();
    for batch in sent.chunks(30) {
        session.push_all(batch);
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket");
    socket.connect(&server.address().into()).expect("a connection");
    let mut stream = session.begin_on(socket.into());
    let mut beginning = [0; 1000];
    stream.read_exact(&mut beginning).expect("the beginning of an answer");
    assert!(beginning.starts_with(b"HTTP/1.1 200"));
    // Another poll waits for the result of that answer.
    thread::scope(|scope| {
        let next = scope.spawn(|| session.poll());
        session.push("last");
        abort(stream);
        let mut got = next.join().expect("a poll");
        if got.len() == sent.len() {
            got.extend(session.poll());
        }
        assert_eq!(got.len(), sent.len() + 1);
        assert!(got.iter().eq(sent.iter().chain([&"last".to_owned()])), "in order");
    });
}
