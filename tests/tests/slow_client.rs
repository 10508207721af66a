//! A client that reads too slowly is disconnected, and delays nobody else.

use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_tests::{
    process::{Launch, Server},
    ws::{Handshake, Received, Socket},
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

#[test]
fn a_slow_reader_is_disconnected_and_delays_no_other() {
    let server = Server::start(Launch::playground());
    let mut slow = join(&server);
    let mut quick = join(&server);
    let text = "x".repeat(SHOUT);
    let start = Instant::now();
    for number in 0..SHOUTS {
        quick.send_json(&json!(["1", number.to_string(), "room:slow", "shout_from", { "text": text }]));
        let reply = quick.expect_json();
        assert_eq!(reply[1], number.to_string(), "the shouter is answered at once");
    }
    println!("{SHOUTS} shouts past a reader that stands still in {:?}", start.elapsed());

    // Frames that had left the outbox before it was full still arrive; then the close frame, and
    // nothing after it.
    let mut received = 0;
    let close = loop {
        match slow.receive(Duration::from_secs(5)).unwrap() {
            Received::Frame(_) => received += 1,
            Received::Close(close) => break close,
            other => panic!("after {received} frames: {other:?}"),
        }
    };
    assert_eq!((close.code, close.reason.as_str()), (Some(1008), "slow consumer"));
    assert!(received < SHOUTS, "{received} of {SHOUTS} frames came through: it was not slow");
}
