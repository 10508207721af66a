//! MessagePack on its own mount: bytes travel as bytes, and both kinds of clients meet in one room.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use vestibule_approve::{
    base64url::{Blob, Fixed},
    signed::Alg,
};
use vestibule_tests::{
    people::Person,
    process::{Launch, Server},
    scene::Scene,
    ws::{Frame, Handshake, Received, Socket, opcode},
};

/// A client that speaks `MessagePack`.
struct Packed(Socket);

impl Packed {
    fn connect(server: &Server, person: &Person) -> Self {
        let token = STANDARD_NO_PAD.encode(person.sign_in(server.address()));
        let handshake =
            Handshake::new("/msgpack/websocket").protocol(&format!("phoenix, base64url.bearer.phx.{token}"));
        Self(handshake.open(server.address()).expect("a connection").accepted())
    }

    fn send(&mut self, message: &impl Serialize) {
        let bytes = rmp_serde::to_vec_named(message).expect("our own message");
        self.0.send(&Frame::binary(bytes)).expect("an open connection");
    }

    /// The next message; its frame must be binary.
    fn receive(&mut self) -> Value {
        match self.0.receive(Duration::from_secs(5)).expect("an open connection") {
            Received::Frame(frame) if frame.opcode == opcode::BINARY => {
                rmp_serde::from_slice(&frame.payload).expect("MessagePack")
            }
            other => panic!("expected a binary frame, got {other:?}"),
        }
    }

    fn reply(&mut self, reference: &str) -> Value {
        loop {
            let message = self.receive();
            if message[1] == reference && message[3] == "phx_reply" {
                return message[4].clone();
            }
        }
    }
}

#[derive(Serialize)]
struct Params {
    v: u64,
    device: Fixed<16>,
}

#[test]
fn a_messagepack_request_reaches_a_member_who_uses_json() {
    let server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let carol = Person::new(Alg::P256);
    let mut packed = Packed::connect(&server, &carol);

    packed.send(&((), "1", "phoenix", "heartbeat", Value::Null));
    assert_eq!(packed.reply("1")["status"], "ok");

    let topic = scene.room.topic();
    packed.send(&("2", "2", &topic, "phx_join", Params { v: 1, device: Fixed([7; 16]) }));
    let joined = packed.reply("2");
    assert_eq!((&joined["status"], &joined["response"]["role"]), (&json!("ok"), &json!("guest")));

    let request = carol.request(&scene.room.rid());
    packed.send(&("2", "3", &topic, "request", &request));
    let stored = packed.reply("3");
    assert_eq!(stored["status"], "ok", "{stored}");
    let seen = scene.member.push(&topic, "request");
    assert_eq!(seen["request_id"], json!(request.request_id), "the same bytes, as base64url");
    assert_eq!(seen["box_pub"], json!(request.box_pub));

    // JSON in a text frame is accepted on this mount too; the answer is MessagePack all the same.
    packed.0.send_json(&json!(["2", "4", topic, "status", { "request_id": request.request_id }]));
    assert_eq!(packed.reply("4")["response"]["state"], "pending");
}

#[test]
fn a_malformed_message_ends_the_connection() {
    let server = Server::start(Launch::vestibule());
    let mut packed = Packed::connect(&server, &Person::new(Alg::Ed25519));
    packed.0.send(&Frame::binary([0xc1])).expect("an open connection");
    let close = packed.0.expect_close();
    assert_eq!((close.code, close.reason.as_str()), (Some(1011), ""));
}

#[test]
fn bytes_no_receiver_can_decode_end_the_senders_join() {
    let server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let carol = Person::new(Alg::P256);
    let mut packed = Packed::connect(&server, &carol);
    let topic = scene.room.topic();
    packed.send(&("2", "2", &topic, "phx_join", Params { v: 1, device: Fixed([7; 16]) }));
    let joined = packed.reply("2")["response"].clone();
    let nonce = joined["nonce"].as_str().and_then(|nonce| nonce.parse().ok()).expect("a nonce");
    let proof = scene.room.prove(joined["server"].as_str().expect("a name"), &carol.uid(), &nonce);
    packed.send(&("2", "3", &topic, "prove", proof));
    assert_eq!(packed.reply("3")["status"], "ok");
    // The other member's frames are Phoenix's, with one byte for the length of an event.
    scene.member.fence(&topic);
    packed.send(&("2", "4", &topic, "e".repeat(256), Blob(vec![7])));
    let end = loop {
        let message = packed.receive();
        if !message[3].as_str().is_some_and(|event| event.starts_with("presence_")) {
            break message;
        }
    };
    assert_eq!(end, json!(["2", "2", topic, "phx_error", { "reason": "channel_crash" }]));
    assert!(scene.member.fence(&topic).iter().all(|message| message.event.starts_with("presence_")));
}
