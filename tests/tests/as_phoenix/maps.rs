//! Phoenix pushes and broadcasts maps and bytes; a channel that tries anything else crashes.

use serde_json::{Value, json};
use vestibule_tests::{
    http::Request,
    ws::{Frame, PATIENCE, Received, opcode},
};

use super::{assert_quiet, crashed, joined, joined_with, playground, reply};

fn no_maps() -> [Value; 6] {
    [json!([]), json!([{}]), json!("x"), json!(1), json!(true), json!(null)]
}

#[test]
fn pushing_or_broadcasting_a_non_map_crashes_the_channel() {
    let topic = "room:no_map";
    for event in ["shout", "shout_from", "push_me", "push_then_reply"] {
        let mut other = joined(topic);
        for payload in no_maps() {
            let mut socket = joined(topic);
            socket.send_json(&json!(["1", "2", topic, event, payload]));
            assert_eq!(socket.expect_json(), crashed("1", topic), "{event} of {payload}");
        }
        assert_quiet(&mut other);
    }
}

#[test]
fn broadcasting_a_non_map_crashes_supabases_channel() {
    for payload in no_maps() {
        let mut socket = joined_with("realtime:no_map", &json!({}));
        assert_eq!(socket.expect_json()[3], "presence_state");
        socket.send_json(&json!(["1", "2", "realtime:no_map", "broadcast", payload]));
        assert_eq!(socket.expect_json(), crashed("1", "realtime:no_map"), "{payload}");
    }
}

#[test]
fn a_reply_may_be_any_json_value() {
    let mut socket = joined("room:any_reply");
    for payload in no_maps() {
        socket.send_json(&json!(["1", "2", "room:any_reply", "echo", payload]));
        assert_eq!(socket.expect_json(), reply("1", "2", "room:any_reply", payload));
    }
}

#[test]
fn an_external_broadcast_of_a_non_map_is_an_error() {
    let topic = "room:outside";
    let mut socket = joined(topic);
    for payload in no_maps() {
        let request = Request::post(&format!("/admin/broadcast?topic={topic}&event=news"));
        let response = request.body(payload.to_string()).send(playground().address());
        assert_eq!(response.expect("an answer").status, 500, "{payload}");
    }
    assert_quiet(&mut socket);
}

#[test]
fn bytes_can_be_pushed_and_broadcast() {
    let mut socket = joined("room:bytes");
    socket.send(&Frame::binary(*b"\x00\x01\x01\x0a\x0512room:bytesshout\xff")).expect("a connection");
    match socket.receive(PATIENCE) {
        Ok(Received::Frame(frame)) if frame.opcode == opcode::BINARY => {
            assert_eq!(frame.payload, b"\x02\x0a\x05room:bytesshout\xff");
        }
        other => panic!("expected a binary frame, got {other:?}"),
    }
    assert_eq!(socket.expect_json(), reply("1", "2", "room:bytes", json!({})));
}
