//! Binary messages that do not fit Phoenix's binary frame, which has one byte for the length of
//! each text and needs refs that are texts: Phoenix's channel crashes, so the client gets
//! `phx_error` instead of silence.

use serde_json::{Value, json};
use vestibule_tests::{
    http::Request,
    ws::{PATIENCE, Received, opcode},
};

use super::{Client, assert_quiet, connect, connect_with, crashed, playground, reply};

/// Joins with this `join_ref`, on a new connection.
fn join(topic: &str, join_ref: &Value) -> Client {
    let mut socket = connect();
    socket.send_json(&json!([join_ref, "1", topic, "phx_join", {}]));
    assert_eq!(socket.expect_json()[4]["status"], "ok");
    socket
}

fn expect_crash(socket: &mut Client, join_ref: &Value, topic: &str) {
    assert_eq!(socket.expect_json()[3], "last_word");
    assert_eq!(socket.expect_json(), crashed(join_ref.clone(), topic));
    assert_quiet(socket);
}

fn expect_bytes(socket: &mut Client) {
    match socket.receive(PATIENCE) {
        Ok(Received::Frame(frame)) if frame.opcode == opcode::BINARY => {}
        other => panic!("expected a binary frame, got {other:?}"),
    }
}

/// A text of `length` bytes that begins with `start`.
fn text(start: &str, length: usize) -> String {
    start.to_owned() + &"x".repeat(length - start.len())
}

#[test]
fn an_unencodable_reply_ends_the_join() {
    let long = json!(text("r", 256));
    let (short, topic) = (json!("1"), "edges:reply".to_owned());
    let long_topic = text("edges:", 256);
    for (join_ref, reference, topic) in [
        (&long, &short, &topic),
        (&short, &long, &topic),
        (&short, &short, &long_topic),
        (&json!(1), &short, &topic),
        (&short, &json!(2), &topic),
    ] {
        let mut socket = join(topic, join_ref);
        socket.send_json(&json!([join_ref, reference, topic, "bytes", {}]));
        expect_crash(&mut socket, join_ref, topic);
    }
}

#[test]
fn an_unencodable_push_ends_the_join() {
    let long_topic = text("edges:", 256);
    for (join_ref, topic, event) in [
        (json!(text("r", 256)), "edges:push", "e".to_owned()),
        (json!("1"), &*long_topic, "e".to_owned()),
        (json!("1"), "edges:push", text("e", 256)),
        (json!(1), "edges:push", "e".to_owned()),
    ] {
        let mut socket = join(topic, &join_ref);
        socket.send_json(&json!([join_ref, "2", topic, "push_bytes", { "event": event }]));
        expect_crash(&mut socket, &join_ref, topic);
    }
}

#[test]
fn an_unencodable_broadcast_ends_its_senders_join() {
    let long_topic = text("edges:", 256);
    for (topic, event) in [(&*long_topic, "e".to_owned()), ("edges:broadcast", text("e", 256))] {
        let mut other = join(topic, &json!("1"));
        let mut socket = join(topic, &json!("1"));
        socket.send_json(&json!(["1", "2", topic, "shout_bytes", { "event": event }]));
        expect_crash(&mut socket, &json!("1"), topic);
        assert_quiet(&mut other);
    }
}

#[test]
fn texts_of_255_bytes_are_encodable() {
    let (topic, join_ref, event) = (text("edges:", 255), json!(text("r", 255)), text("e", 255));
    let mut socket = join(&topic, &join_ref);
    socket.send_json(&json!([join_ref, text("q", 255), topic, "bytes", {}]));
    expect_bytes(&mut socket);
    for sent in ["push_bytes", "shout_bytes"] {
        socket.send_json(&json!([join_ref, "2", topic, sent, { "event": event }]));
        expect_bytes(&mut socket);
    }
    assert_eq!(socket.expect_json(), reply(join_ref, "2", &topic, json!({})));
}

#[test]
fn an_unencodable_join_reply_is_an_error() {
    let topic = "edges:join";
    for answer in ["bytes", "no"] {
        let mut socket = connect();
        socket.send_json(&json!([1, 1, topic, "phx_join", { "answer": answer }]));
        expect_crash(&mut socket, &json!(1), topic);
        socket.send_json(&json!([1, "2", topic, "echo", {}]));
        assert_eq!(socket.expect_json()[4]["response"]["reason"], "unmatched topic");
    }
}

#[test]
fn bytes_for_a_v1_client_end_its_join() {
    let mut socket = connect_with("");
    let push = |event: &str| json!({ "topic": "edges:v1", "event": event, "payload": {}, "ref": "1" });
    for event in ["bytes", "push_bytes"] {
        socket.send_json(&push("phx_join"));
        assert_eq!(socket.expect_json()["event"], "phx_reply");
        socket.send_json(&push(event));
        assert_eq!(socket.expect_json()["event"], "last_word");
        assert_eq!(socket.expect_json()["event"], "phx_error");
    }
}

#[test]
fn an_unencodable_external_broadcast_is_an_error() {
    let topic = text("room:", 256);
    let request = Request::post(&format!("/admin/broadcast?topic={topic}&event=news&binary"));
    let response = request.body("x").send(playground().address());
    assert_eq!(response.expect("an answer").status, 500);
}
