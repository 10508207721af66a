//! The fields of payloads and queries as other languages' libraries write them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room, random};
use vestibule_tests::scene::Scene;
use vestibule_tests::ws::{Frame, Handshake, Received};

use crate::{by_operator, server};

/// The same payload with this integer field as a double, which `serde_json` writes with a point or
/// an exponent.
fn doubled(payload: impl serde::Serialize, field: &str) -> Value {
    let mut payload = serde_json::to_value(payload).expect("a payload is JSON");
    let number = payload[field].as_f64().expect("a number");
    payload[field] = json!(number);
    assert!(payload[field].is_f64());
    payload
}

#[test]
fn integers_may_be_written_as_doubles() {
    let server = server(&[]);
    let alice = Person::new(Alg::Ed25519);
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let mut device = Device::connect(server.address(), &alice);
    let seen = json!({ "epoch": random::<16>(), "seq": 1.795_723_952_546_232e15 });
    let joined = device.call(&topic, "phx_join", json!({ "v": 1.0, "device": device.id, "last": seen })).ok();
    let nonce: Fixed<32> = serde_json::from_value(joined["nonce"].clone()).expect("a nonce");
    device.prove(&room, &nonce).ok();
    let card = doubled(room.card(1, Policy::Request, None), "version");
    assert_eq!(device.call(&topic, "card", card).ok()["version"], 1, "signed as an integer");
    for limit in [json!(2.0), json!(1e1)] {
        device.call(&topic, "pending", json!({ "limit": limit })).ok();
    }
    for bad in [json!(1.5), json!("1"), json!(1e300)] {
        assert_eq!(device.call(&topic, "pending", json!({ "limit": bad })).refused(), "bad_payload", "{bad}");
    }
}

#[test]
fn the_signature_covers_the_integer() {
    let server = server(&[]);
    let mut scene = Scene::new(&server);
    let request = scene.bob.request(&scene.room.rid());
    scene.guest.call(&scene.topic, "request", doubled(&request, "exp")).ok();
    let shown = scene.member.push(&scene.topic, "request");
    assert_eq!(shown["exp"], json!(request.exp));
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    scene.member.call(&scene.topic, "approve", doubled(&approve, "exp")).ok();
    assert_eq!(scene.guest.push(&scene.topic, "approve")["exp"], json!(approve.exp));
}

#[test]
fn message_pack_integers_may_be_doubles_too() {
    let server = server(&[]);
    let token = STANDARD_NO_PAD.encode(Person::new(Alg::Ed25519).sign_in(server.address()));
    let opened = Handshake::new("/msgpack/websocket")
        .protocol(&format!("phoenix, base64url.bearer.phx.{token}"))
        .open(server.address())
        .expect("a response");
    let mut socket = opened.accepted();
    let topic = Room::new(Alg::Ed25519).topic();
    for (reference, v, status) in [("1", json!(1.0), "ok"), ("2", json!(1.5), "error")] {
        let join = json!([reference, reference, topic, "phx_join", { "v": v, "device": random::<16>() }]);
        let bytes = rmp_serde::to_vec_named(&join).expect("MessagePack");
        socket.send(&Frame::binary(bytes)).expect("a connection");
        let reply = loop {
            let received = socket.receive(Duration::from_secs(10)).expect("a connection");
            let Received::Frame(frame) = received else { panic!("{received:?}") };
            let message: Value = rmp_serde::from_slice(&frame.payload).expect("MessagePack");
            if message[1] == reference {
                break message;
            }
        };
        assert_eq!(reply[4]["status"], status, "{reply}");
    }
}

#[test]
fn null_counts_as_absent() {
    let admin = AdminServer::start(&[]);
    let (server, operators) = (&admin.server, admin.admin());
    let alice = Person::new(Alg::Ed25519);
    let token = alice.sign_in(server.address());
    let create = |body: Value| {
        let request = Request::post("/v1/rooms").header("authorization", &format!("Bearer {token}"));
        request.json(&body).send(server.address()).expect("a response")
    };
    let body = json!({ "policy": "open", "alg": null, "name": null, "listed": null });
    let made = create(body);
    assert_eq!(made.status, 201, "{}", made.text());
    let get = |target: &str| Request::get(target).send(server.address()).expect("a response");
    let listed = get("/v1/rooms?policy=&after=&limit=");
    assert_eq!((listed.status, listed.json()), (200, get("/v1/rooms").json()));
    assert_eq!(get("/v1/rooms?limit=1e1").status, 200);
    for bad in ["limit=x", "after=x", "policy=x"] {
        assert_eq!(get(&format!("/v1/rooms?{bad}")).status, 400, "{bad}");
    }
    for target in [
        "/admin/v1/rooms?name=&policy=&cursor=&limit=",
        "/admin/v1/requests?rid=&uid=&state=&created_before=&cursor=&limit=",
        "/admin/v1/users?cursor=&limit=",
        "/admin/v1/disconnects?cursor=&limit=",
    ] {
        let answer = by_operator(Request::get(target)).send(operators).expect("a response");
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    }
    let mut device = Device::connect(server.address(), &alice);
    let inbox = alice.inbox();
    device.call(&inbox, "phx_join", json!({ "v": 1, "device": device.id, "last": null })).ok();
    device.call(&inbox, "mine", json!({ "cursor": null, "limit": null })).ok();
}

#[test]
fn an_array_is_not_an_object() {
    let admin = AdminServer::start(&[]);
    let (server, operators) = (&admin.server, admin.admin());
    let alice = Person::new(Alg::Ed25519);
    let token = alice.sign_in(server.address());
    let post = |target: &str, body: &Value| {
        let request = Request::post(target).header("authorization", &format!("Bearer {token}"));
        request.json(body).send(server.address()).expect("a response").status
    };
    assert_eq!(post("/v1/challenge", &json!([alice.uid()])), 400);
    assert_eq!(post("/v1/rooms", &json!(["ed25519", "open", null, false])), 400);
    let said = by_operator(Request::post("/admin/v1/topics/room:x/broadcast")).json(&json!(["event", {}]));
    assert_eq!(said.send(operators).expect("a response").status, 422);
    let room = Room::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &alice);
    let join = |last: Value| json!({ "v": 1, "device": random::<16>(), "last": last });
    for params in [json!([1, random::<16>(), null]), join(json!([random::<16>(), 0]))] {
        assert_eq!(device.call(&room.topic(), "phx_join", params).refused(), "bad_payload");
    }
    device.enter(&room);
    let Value::Object(card) = room.card(1, Policy::Open, Some("name")) else { unreachable!() };
    let in_order = ["version", "policy", "name", "sig"].map(|field| card[field].clone());
    assert_eq!(device.call(&room.topic(), "card", json!(in_order)).refused(), "bad_payload");
    device.call(&room.topic(), "card", card).ok();
}
