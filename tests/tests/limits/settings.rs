//! Settings take effect, except rates, which have tests of their own.

use std::time::Duration;

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::ws::{Frame, Received, opcode};

use crate::{connect, server};

#[test]
fn the_message_size_limit_is_configurable() {
    let sizes = [("--max-frame", "32KiB"), ("--max-message", "64KiB")];
    let server = server(&sizes);
    let text = |length: usize| {
        let message = json!(["1", "1", "room:x", "event", ""]).to_string().len();
        json!(["1", "1", "room:x", "event", "x".repeat(length - message)]).to_string()
    };
    // A frame's header takes eight bytes.
    let mut socket = connect(&server);
    socket.send_text(&text(32 * 1024 - 8)).expect("an open connection");
    assert_eq!(socket.expect_json()[1], "1");
    socket.send_text(&text(32 * 1024 - 7)).expect("an open connection");
    assert_eq!(socket.expect_close().code, Some(1009));

    let fragments = |length: usize| {
        let fragment = |chunk: &[u8]| Frame { fin: false, ..Frame::new(opcode::CONTINUATION, chunk) };
        let mut fragments: Vec<Frame> = text(length).as_bytes().chunks(16 * 1024).map(fragment).collect();
        fragments[0].opcode = opcode::TEXT;
        fragments.last_mut().expect("a fragment").fin = true;
        fragments
    };
    let mut socket = connect(&server);
    socket.send_together(&fragments(64 * 1024)).expect("an open connection");
    assert_eq!(socket.expect_json()[1], "1");
    socket.send_together(&fragments(64 * 1024 + 1)).expect("an open connection");
    assert_eq!(socket.expect_close().code, Some(1009));
}

#[test]
fn the_topic_limit_is_configurable() {
    let server = server(&[("--max-channels", "2")]);
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    for _ in 0..2 {
        device.visit(&Room::published(server.address(), Policy::Open).rid());
    }
    let reply = device.join(&Room::new(Alg::Ed25519).topic());
    assert_eq!(reply.response["reason"], "too many channels joined");
}

#[test]
fn field_limits_are_configurable() {
    let server = server(&[
        ("--max-note", "10"),
        ("--max-name", "20"),
        ("--max-ct", "1KiB"),
        ("--max-box-pub", "65"),
        ("--max-exp", "1d"),
        // A client may send the smaller of the two in one frame.
        ("--max-frame", "128KiB"),
    ]);
    let room = Room::published(server.address(), Policy::Open);
    let bob = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &bob);
    let limits = json!({
        "note": 10, "name": 20, "ct": 1024, "box_pub": 65, "exp_ms": 86_400_000, "message": 131_072
    });
    assert_eq!(device.visit(&room.rid())["limits"], limits);
    let mut request = bob.request(&room.rid());
    assert_eq!(device.call(&room.topic(), "request", &request).refused(), "too_large");
    request.note = Some("x".repeat(10));
    bob.sign_request(&room.rid(), &mut request);
    device.call(&room.topic(), "request", &request).ok();
}

#[test]
fn the_idle_timeout_is_configurable() {
    let server = server(&[("--idle", "300ms")]);
    assert_eq!(connect(&server).expect_close().code, Some(1002));
}

/// Also of a client that never stops talking: its frames are not read any more.
#[test]
fn the_connection_lifetime_is_configurable() {
    let server =
        server(&[("--lifetime", "500ms"), ("--max-frames-per-second", "100"), ("--max-frames-at-once", "1")]);
    let mut socket = connect(&server);
    let heartbeats = vec![Frame::text(r#"[null,"1","phoenix","heartbeat",{}]"#); 1000];
    socket.send_together(&heartbeats).expect("an open connection");
    let mut answered = 0;
    let close = loop {
        match socket.receive(Duration::from_secs(5)).expect("frames") {
            Received::Frame(_) => answered += 1,
            Received::Close(close) => break close,
            other => panic!("after {answered} answers: {other:?}"),
        }
    };
    println!("{close:?} after {answered} answers");
    assert!(answered < 500, "a thousand would have taken ten seconds");
}
