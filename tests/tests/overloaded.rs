//! A busy subscriber: messages that arrive meanwhile wait in a queue, and those that do not fit are
//! refused and answered.

use serde_json::json;
use vestibule_tests::{
    process::{Launch, Server},
    ws::{Frame, Handshake},
};

/// Messages that wait behind the one that is being handled.
const WAITING: usize = 64;

#[test]
fn a_full_queue_answers_overloaded_and_keeps_the_order() {
    let server = Server::start(Launch::playground());
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
    let mut socket = handshake.open(server.address()).expect("a connection").accepted();
    socket.send_json(&json!(["1", "0", "room:busy", "phx_join", {}]));
    assert_eq!(socket.expect_json()[4]["status"], "ok");

    let frame = |reference: usize, event: &str, payload| {
        Frame::text(&json!(["1", reference.to_string(), "room:busy", event, payload]).to_string())
    };
    let mut frames = vec![frame(1, "sleep", json!({ "ms": 400 }))];
    frames.extend((2..2 + WAITING + 3).map(|reference| frame(reference, "echo", json!({ "n": reference }))));
    socket.send_together(&frames).expect("an open connection");

    // The three that come too late are refused at once, while the others wait.
    for reference in 2 + WAITING..2 + WAITING + 3 {
        let refused = socket.expect_json();
        assert_eq!(refused[1], reference.to_string());
        assert_eq!(
            refused[4],
            json!({ "status": "error", "response": { "reason": "overloaded", "retry_ms": 1000 } })
        );
    }
    assert_eq!(socket.expect_json()[4]["response"], json!({ "slept": 400 }));
    for reference in 2..2 + WAITING {
        let echoed = socket.expect_json();
        assert_eq!(
            (&echoed[1], &echoed[4]["response"]["n"]),
            (&json!(reference.to_string()), &json!(reference))
        );
    }
}
