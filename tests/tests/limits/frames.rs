//! Frames and joins of one connection.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_tests::process::Server;
use vestibule_tests::ws::{Frame, PATIENCE, Received, opcode};

use crate::{connect, retry, server};

/// How many frames at once these tests allow.
const AT_ONCE: usize = 5;

const SECOND: Duration = Duration::from_secs(1);

fn limited() -> Server {
    server(&[("--max-frames-per-second", "1"), ("--max-frames-at-once", &AT_ONCE.to_string())])
}

/// A message on a topic that is not joined: the connection answers it itself.
fn message(reference: usize) -> Value {
    json!(["1", reference.to_string(), "room:x", "event", {}])
}

fn frame(message: &Value) -> Frame {
    Frame::text(&message.to_string())
}

/// As many messages as may come at once.
fn burst() -> Vec<Frame> {
    (1..=AT_ONCE).map(|reference| frame(&message(reference))).collect()
}

#[track_caller]
fn assert_handled(reply: &Value, reference: usize) {
    let response = json!({ "status": "error", "response": { "reason": "unmatched topic" } });
    assert_eq!((&reply[1], &reply[4]), (&json!(reference.to_string()), &response));
}

#[test]
fn one_frame_too_many_is_refused_and_the_next_waits() {
    let server = limited();
    let mut socket = connect(&server);
    let start = Instant::now();
    let frames = [burst(), vec![frame(&message(6)), frame(&message(7))]].concat();
    socket.send_together(&frames).expect("an open connection");
    for reference in 1..=AT_ONCE {
        assert_handled(&socket.expect_json(), reference);
    }
    let refused = socket.expect_json();
    assert_eq!((&refused[0], &refused[1]), (&json!("1"), &json!("6")), "{refused}");
    assert_eq!((&refused[2], &refused[3]), (&json!("room:x"), &json!("phx_reply")), "{refused}");
    assert_eq!(refused[4]["status"], "error");
    let retry = retry(&refused[4]["response"]);
    assert!(retry <= SECOND, "{retry:?}");
    // The seventh had already arrived, and is read when the rate admits it.
    assert_handled(&socket.expect_json(), 7);
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
}

#[test]
fn a_frame_passes_after_the_announced_delay() {
    let server = limited();
    let mut socket = connect(&server);
    socket.send_together(&[burst(), vec![frame(&message(6))]].concat()).expect("an open connection");
    for reference in 1..=AT_ONCE {
        assert_handled(&socket.expect_json(), reference);
    }
    sleep(retry(&socket.expect_json()[4]["response"]));
    socket.send_json(&message(6));
    assert_handled(&socket.expect_json(), 6);
    // That was the one of that second.
    socket.send_json(&message(7));
    retry(&socket.expect_json()[4]["response"]);
}

#[test]
fn heartbeats_and_leaves_are_delayed_not_refused() {
    let server = limited();
    let mut socket = connect(&server);
    let start = Instant::now();
    socket.send_together(&burst()).expect("an open connection");
    socket.send_json(&json!([null, "6", "phoenix", "heartbeat", {}]));
    socket.send_json(&json!(["1", "7", "room:x", "phx_leave", {}]));
    for reference in 1..=AT_ONCE {
        assert_handled(&socket.expect_json(), reference);
    }
    for reference in ["6", "7"] {
        let reply = socket.expect_json();
        assert_eq!((&reply[1], &reply[4]["status"]), (&json!(reference), &json!("ok")));
    }
    assert!(start.elapsed() >= 2 * SECOND, "{:?}", start.elapsed());
}

#[test]
fn pings_count_as_frames() {
    let server = limited();
    let mut socket = connect(&server);
    let start = Instant::now();
    socket.send_together(&burst()).expect("an open connection");
    socket.send(&Frame::new(opcode::PING, "there?")).expect("an open connection");
    for reference in 1..=AT_ONCE {
        assert_handled(&socket.expect_json(), reference);
    }
    match socket.receive(PATIENCE) {
        Ok(Received::Frame(frame)) => {
            assert_eq!((frame.opcode, &*frame.payload), (opcode::PONG, &b"there?"[..]));
        }
        other => panic!("expected a pong, got {other:?}"),
    }
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
}

#[test]
fn a_refusal_of_a_frame_without_ref_has_none() {
    let server = limited();
    let mut socket = connect(&server);
    let without = json!([null, null, "room:x", "event", {}]);
    socket.send_together(&[burst(), vec![frame(&without)]].concat()).expect("an open connection");
    for reference in 1..=AT_ONCE {
        assert_handled(&socket.expect_json(), reference);
    }
    let refused = socket.expect_json();
    assert_eq!((&refused[0], &refused[1], &refused[2]), (&json!(null), &json!(null), &json!("room:x")));
    retry(&refused[4]["response"]);
}

#[test]
fn one_join_too_many_is_refused() {
    let server = server(&[("--max-joins-per-second", "1"), ("--max-joins-at-once", "2")]);
    let mut socket = connect(&server);
    let join =
        |reference: usize| json!([reference.to_string(), reference.to_string(), "user:x", "phx_join", {}]);
    let joins: Vec<_> = (1..=3).map(|reference| frame(&join(reference))).collect();
    socket.send_together(&joins).expect("an open connection");
    for reference in ["1", "2"] {
        let reply = socket.expect_json();
        assert_eq!(reply[1], reference);
        assert_ne!(reply[4]["response"]["reason"], "rate_limited", "{reply}");
    }
    let refused = socket.expect_json();
    assert_eq!((&refused[0], &refused[1], &refused[2]), (&json!("3"), &json!("3"), &json!("user:x")));
    sleep(retry(&refused[4]["response"]));
    // Other frames do not count as joins.
    for reference in 4..14 {
        socket.send_json(&message(reference));
        assert_handled(&socket.expect_json(), reference);
    }
    socket.send_json(&join(3));
    let reply = socket.expect_json();
    assert_ne!(reply[4]["response"]["reason"], "rate_limited", "{reply}");
}
