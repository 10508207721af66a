//! Frames that are not messages, and more channels than a connection may have.

use std::io;

use vestibule_approve::signed::{Alg, Rid};
use vestibule_tests::people::{Device, Person, random};
use vestibule_tests::ws::{Close, Frame, opcode};

use crate::server;

/// The server's close of a connection that has sent this frame, while another one stays open.
fn close_after(frame: &Frame) -> Close {
    let server = server();
    let person = Person::new(Alg::Ed25519);
    let mut beside = Device::connect(server.address(), &person);
    let topic = format!("room:{}", random::<32>());
    beside.join(&topic).ok();
    let mut device = Device::connect(server.address(), &person);
    device.join(&topic).ok();
    device.push(&topic, "caught_up");
    // The server may close before it has all of an oversized frame.
    let sent = device.socket.send(frame);
    let gone = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(sent.as_ref().map_or_else(|error| gone.contains(&error.kind()), |()| true), "{sent:?}");
    let close = device.socket.expect_close();
    beside.fence(&topic);
    close
}

#[test]
fn an_oversized_frame_ends_the_connection() {
    let close = close_after(&Frame::text(&" ".repeat(300 * 1024)));
    assert_eq!(close, Close { code: Some(1009), reason: String::new() });
}

#[test]
fn a_malformed_message_ends_the_connection() {
    for text in
        ["[1,2", "{}", "[]", "[null,null,\"a\",\"b\"]", "", "[null,\"1\",\"phoenix\",\"heartbeat\",nul]"]
    {
        let close = close_after(&Frame::text(text));
        assert_eq!(close, Close { code: Some(1011), reason: String::new() }, "{text}");
    }
    let close = close_after(&Frame::binary(b"\xff"));
    assert_eq!(close, Close { code: Some(1011), reason: String::new() });
}

#[test]
fn text_that_is_not_utf8_ends_the_connection() {
    let message = b"[null,\"1\",\"phoenix\",\"\xff\",{}]";
    assert_eq!(close_after(&Frame::new(opcode::TEXT, message)).code, Some(1007));
}

#[test]
fn the_101st_channel_is_refused() {
    let server = server();
    let person = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &person);
    let rids: Vec<Rid> = (0..100).map(|_| Rid(random().0)).collect();
    for rid in &rids {
        device.visit(rid);
    }
    let one_more = format!("room:{}", random::<32>());
    assert_eq!(device.join(&one_more).refused(), "too many channels joined");
    assert_eq!(device.join(&person.inbox()).refused(), "too many channels joined");
    // The others continue; a second join of one of them does not count, and a place that is left
    // can be taken.
    device.fence(&format!("room:{}", rids[99]));
    device.visit(&rids[0]);
    device.leave(&format!("room:{}", rids[1]));
    device.join(&one_more).ok();
}
