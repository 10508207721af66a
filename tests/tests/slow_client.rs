//! A client that reads too slowly is disconnected, and delays nobody else.

use std::{
    fs,
    io::Read as _,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;
use vestibule_tests::{
    process::{Launch, Server},
    ws::{Close, Frame, Handshake, Received, Socket},
};

/// Enough to fill the kernel's buffers on both sides and the outbox (1 MiB) many times over.
const SHOUTS: usize = 1500;
const SHOUT: usize = 32 * 1024;

fn join(server: &Server) -> Socket {
    let mut socket =
        Handshake::new("/socket/websocket").query("vsn=2.0.0").open(server.address()).unwrap().accepted();
    socket.send_json(&json!(["1", "1", "room:slow", "phx_join", {}]));
    assert_eq!(socket.expect_json()[3], "phx_reply");
    socket
}

/// Says something to all in the room, this many times.
fn shout(quick: &mut Socket, shouts: usize) {
    let text = "x".repeat(SHOUT);
    for number in 0..shouts {
        quick.send_json(&json!(["1", number.to_string(), "room:slow", "shout_from", { "text": text }]));
        let reply = quick.expect_json();
        assert_eq!(reply[1], number.to_string(), "the shouter is answered at once");
    }
}

/// How many frames still arrive, and the close behind them.
fn read_to_close(slow: &mut Socket) -> (usize, Close) {
    let mut received = 0;
    loop {
        match slow.receive(Duration::from_secs(5)).unwrap() {
            Received::Frame(_) => received += 1,
            Received::Close(close) => return (received, close),
            other => panic!("after {received} frames: {other:?}"),
        }
    }
}

#[test]
fn a_slow_reader_is_disconnected_and_delays_no_other() {
    let server = Server::start(Launch::playground());
    let mut slow = join(&server);
    let mut quick = join(&server);
    let start = Instant::now();
    shout(&mut quick, SHOUTS);
    println!("{SHOUTS} shouts past a reader that stands still in {:?}", start.elapsed());

    // Frames that had left the outbox before it was full still arrive; then the close frame, and
    // nothing after it.
    let (received, close) = read_to_close(&mut slow);
    assert_eq!((close.code, close.reason.as_str()), (Some(1008), "slow consumer"));
    assert!(received < SHOUTS, "{received} of {SHOUTS} frames came through: it was not slow");
}

/// How many files and sockets a server has open.
fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id())).expect("a running process").count()
}

/// To the system a client that reads on, however little, is alive, so its timeouts do not end the
/// connection.
#[test]
fn a_client_that_sips_after_its_close_is_not_waited_for() {
    let server = Server::start(Launch::playground());
    let mut quick = join(&server);
    let before = descriptors(&server);
    // What the system takes for a client that reads nothing.
    let mut slow = join(&server);
    shout(&mut quick, SHOUTS);
    let (taken, _) = read_to_close(&mut slow);
    drop(slow);
    while descriptors(&server) > before {
        sleep(Duration::from_millis(20));
    }

    let mut sipping = join(&server);
    // Half an outbox more.
    shout(&mut quick, taken + 16);
    sipping.send(&Frame::close(Some(1000), "")).expect("an open connection");
    let mut socket = sipping.writer().expect("a socket");
    let start = Instant::now();
    while descriptors(&server) > before {
        assert!(start.elapsed() < Duration::from_secs(40), "the connection is still open");
        assert!(socket.read(&mut [0; 1000]).expect("more to read") > 0);
        sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() > Duration::from_secs(8), "all was taken: {:?}", start.elapsed());
}
