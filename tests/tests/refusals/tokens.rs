//! Connections without a valid token, and topics that belong to other users.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room, now_ms, random};
use vestibule_tests::process::{Launch, Server};

use crate::server;

/// Tokens that are not this server's for this user and this time, each with its fault.
fn bad_tokens(person: &Person, good: &str) -> Vec<(&'static str, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(good).expect("base64url");
    let with_time = |time: i64| {
        let mut bytes = bytes.clone();
        bytes[32..40].copy_from_slice(&time.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let mut somebody_elses = bytes.clone();
    somebody_elses[..32].copy_from_slice(&random::<32>().0);
    let other = Server::start(Launch::vestibule());
    vec![
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("over", with_time(now_ms() - 1)),
        ("prolonged", with_time(now_ms() + 60 * 60 * 1000)),
        ("another uid", URL_SAFE_NO_PAD.encode(somebody_elses)),
        ("cut", good[..good.len() - 4].to_owned()),
        ("another server's", person.sign_in(other.address())),
    ]
}

#[test]
fn joins_and_new_rooms_need_a_valid_token() {
    let server = server();
    let room = Room::published(server.address(), Policy::Open);
    let person = Person::new(Alg::Ed25519);
    let good = person.sign_in(server.address());
    let mut tokens = bad_tokens(&person, &good);
    for (what, token) in &tokens {
        let response = Request::post("/v1/rooms")
            .header("authorization", &format!("Bearer {token}"))
            .json(&json!({ "alg": "ed25519", "policy": "open" }))
            .send(server.address())
            .expect("a response");
        assert_eq!((response.status, response.json()), (401, json!({ "reason": "unauthorized" })), "{what}");
    }
    tokens.push(("none", "none".to_owned()));
    for (what, token) in &tokens {
        let token = (*what != "none").then_some(token.as_str());
        let mut device = Device::with_token(server.address(), &person, token);
        for topic in [room.topic(), person.inbox()] {
            let reply = device.join(&topic);
            assert_eq!(reply.refused(), "unauthorized", "{what} {topic}");
            let pending = device.call(&topic, "pending", json!({}));
            assert_eq!(pending.refused(), "unmatched topic", "{what} {topic}");
        }
    }
    Device::with_token(server.address(), &person, Some(&good)).visit(&room.rid());
}

#[test]
fn only_its_owner_joins_an_inbox() {
    let server = server();
    let (bob, eve) = (Person::new(Alg::Ed25519), Person::new(Alg::Ed25519));
    let mut device = Device::connect(server.address(), &eve);
    assert_eq!(device.join(&bob.inbox()).refused(), "unauthorized");
    let withdraw = json!({ "rid": random::<32>(), "request_id": random::<16>() });
    assert_eq!(device.call(&bob.inbox(), "withdraw", withdraw).refused(), "unmatched topic");
    device.join(&eve.inbox()).ok();
}

#[test]
fn malformed_topics_are_refused() {
    let server = server();
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let uid = device.uid.to_string();
    for topic in ["room:", "room:lobby", "user:", "user:me", "lobby", "", &format!("room:{uid}A"), "roomx:1"]
    {
        assert_eq!(device.join(topic).refused(), "unmatched topic", "{topic:?}");
    }
    // Any 32 bytes may be a room's id.
    device.join(&format!("room:{uid}")).ok();
}

#[test]
fn joins_of_another_version_are_refused() {
    let server = server();
    let person = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &person);
    let id = device.id;
    for topic in [Room::new(Alg::P256).topic(), person.inbox()] {
        for (params, reason) in [
            (json!({ "v": 2, "device": id }), "unsupported_version"),
            (json!({ "v": 0, "device": id }), "unsupported_version"),
            // A later version may have other fields.
            (json!({ "v": 2 }), "unsupported_version"),
            (json!({ "device": id }), "bad_payload"),
            (json!({ "v": "1", "device": id }), "bad_payload"),
            (json!({ "v": 1 }), "bad_payload"),
            (json!({ "v": 1, "device": "short" }), "bad_payload"),
            (json!({}), "bad_payload"),
            (json!(null), "bad_payload"),
        ] {
            let reply = device.call(&topic, "phx_join", &params);
            assert_eq!(reply.refused(), reason, "{topic} {params}");
        }
        let last = json!({ "epoch": random::<16>(), "seq": 7 });
        device.call(&topic, "phx_join", json!({ "v": 1, "device": id, "last": last })).ok();
    }
}
