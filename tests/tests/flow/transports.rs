//! The same pushes to other clients: over MessagePack, and over long polls.

use std::net::SocketAddr;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use serde_json::{Value, json};
use vestibule_tests::http::Request;
use vestibule_tests::people::Person;
use vestibule_tests::scene::Scene;
use vestibule_tests::ws::{Frame, Handshake, Received, Socket, opcode};

use crate::{eventually, server, timeless};

/// A client of Bob's over any transport: it sends `[join_ref, ref, topic, event, payload]` and
/// receives the same.
trait Client {
    fn send(&mut self, message: &Value);

    fn receive(&mut self) -> Vec<Value>;

    /// Waits for a push, or the reply to a ref, and returns its payload.
    fn wait(&mut self, reference: &Value, event: &str) -> Value {
        let fits = |message: &Value| message[3] == event && message[1] == *reference;
        eventually(event, || self.receive().into_iter().find(fits))[4].clone()
    }

    /// Joins, asks, is denied, is sent the key all the same, and acks it.
    fn whole_flow(&mut self, scene: &mut Scene) {
        let topic = scene.topic.clone();
        self.send(&json!(["1", "1", topic, "phx_join", { "v": 1, "device": scene.bob.device }]));
        let joined = self.wait(&json!("1"), "phx_reply");
        assert_eq!((&joined["status"], &joined["response"]["notices"]), (&json!("ok"), &json!([])));
        let request = scene.bob.request(&scene.room.rid());
        self.send(&json!(["1", "2", topic, "request", request]));
        let stored = self.wait(&json!("2"), "phx_reply");
        assert_eq!((&stored["status"], &stored["response"]["dup"]), (&json!("ok"), &json!(false)));
        let deny = scene.deny(&request, false);
        let expected = json!({
            "rid": scene.room.rid(), "event": "denied", "request_id": request.request_id,
            "by": scene.alice.uid(), "code": "not_now", "block": false, "room_sig": deny.room_sig,
        });
        assert_eq!(timeless(self.wait(&json!(null), "denied")), expected);
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        scene.member.call(&topic, "approve", &approve).ok();
        let told = self.wait(&json!(null), "approve");
        assert_eq!((&told["ct"], &told["attempt"]), (&json!(approve.ct), &json!(1)));
        let ack = json!({ "approve_id": approve.approve_id, "device": scene.bob.device });
        self.send(&json!(["1", "3", topic, "ack", ack]));
        let acked = self.wait(&json!("3"), "phx_reply");
        assert_eq!(acked["response"], json!({ "dup": false, "deleted": true }));
        assert_eq!(scene.member.push(&topic, "receipt")["result"], "saved");
    }
}

/// Over a WebSocket that speaks `MessagePack`.
struct Packed(Socket);

impl Packed {
    fn connect(server: SocketAddr, person: &Person) -> Self {
        let token = STANDARD_NO_PAD.encode(person.sign_in(server));
        let protocol = format!("phoenix, base64url.bearer.phx.{token}");
        let handshake = Handshake::new("/msgpack/websocket").protocol(&protocol);
        Self(handshake.open(server).expect("a response").accepted())
    }
}

impl Client for Packed {
    fn send(&mut self, message: &Value) {
        let bytes = rmp_serde::to_vec_named(message).expect("our own message");
        self.0.send(&Frame::binary(bytes)).expect("an open connection");
    }

    fn receive(&mut self) -> Vec<Value> {
        match self.0.receive(Duration::from_secs(30)).expect("an open connection") {
            Received::Frame(frame) if frame.opcode == opcode::BINARY => {
                vec![rmp_serde::from_slice(&frame.payload).expect("MessagePack")]
            }
            other => panic!("expected a binary frame, got {other:?}"),
        }
    }
}

/// Over long polls.
struct Polling {
    server: SocketAddr,
    target: String,
    token: String,
}

impl Polling {
    fn connect(server: SocketAddr, person: &Person) -> Self {
        const PATH: &str = "/socket/longpoll?vsn=2.0.0";
        let token = person.sign_in(server);
        let opened = Request::get(PATH).header("x-phoenix-authtoken", &token).send(server);
        let session = opened.expect("a response").json()["token"].as_str().expect("a session").to_owned();
        Self { server, target: format!("{PATH}&token={session}"), token }
    }

    fn request(&self, request: Request) -> Value {
        let request = request.header("x-phoenix-authtoken", &self.token);
        request.send(self.server).expect("a response").json()
    }
}

impl Client for Polling {
    fn send(&mut self, message: &Value) {
        let post = Request::post(&self.target).header("content-type", "application/x-ndjson");
        assert_eq!(self.request(post.body(message.to_string()))["status"], 200);
    }

    fn receive(&mut self) -> Vec<Value> {
        let polled = self.request(Request::get(&self.target));
        let texts = polled["messages"].as_array().unwrap_or_else(|| panic!("no messages: {polled}"));
        texts.iter().map(|text| serde_json::from_str(text.as_str().expect("a text")).expect("JSON")).collect()
    }
}

#[test]
fn denied_and_approve_are_pushed_over_messagepack() {
    let server = server();
    let mut scene = Scene::new(&server);
    scene.guest.leave(&scene.topic);
    let mut client = Packed::connect(scene.address, &scene.bob);
    client.whole_flow(&mut scene);
}

#[test]
fn denied_and_approve_are_pushed_over_long_polls() {
    let server = server();
    let mut scene = Scene::new(&server);
    scene.guest.leave(&scene.topic);
    let mut client = Polling::connect(scene.address, &scene.bob);
    client.whole_flow(&mut scene);
}
