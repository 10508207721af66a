//! Proofs of the room key that were valid once, or elsewhere.

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room, now_ms, random};

use crate::server;

fn nonce(joined: &serde_json::Value) -> Fixed<32> {
    joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes")
}

fn assert_guest(device: &mut Device, room: &Room) {
    assert_eq!(device.call(&room.topic(), "pending", json!({})).refused(), "not_member");
}

#[test]
fn a_sign_in_is_good_for_one_token() {
    let server = server();
    let alice = Person::new(Alg::Ed25519);
    let nonces = [alice.challenge(server.address()), alice.challenge(server.address())];
    assert_ne!(nonces[0], nonces[1]);
    let post = |body: &Value| {
        let response = Request::post("/v1/session").json(body).send(server.address()).expect("a response");
        (response.status, response.json()["reason"].as_str().map(str::to_owned))
    };
    let body = |nonce: &[u8]| alice.session(&server.address().to_string(), nonce);
    // Another user's attempt uses nothing up.
    let mut forged = body(&nonces[0]);
    forged["sig"] = json!(random::<64>());
    assert_eq!(post(&forged), (400, Some("bad_sig".to_owned())));
    assert_eq!(post(&body(&nonces[0])), (200, None));
    assert_eq!(post(&body(&nonces[0])), (400, Some("stale_nonce".to_owned())), "repeated");
    assert_eq!(post(&body(&nonces[1])), (200, None), "another one of the same user");
}

#[test]
fn a_challenge_has_the_servers_time() {
    let (before, server) = (now_ms(), server());
    let body = json!({ "uid": Person::new(Alg::P256).uid() });
    let challenge =
        Request::post("/v1/challenge").json(&body).send(server.address()).expect("a response").json();
    let now = challenge["now"].as_i64().expect("a time");
    assert!((before..=now_ms()).contains(&now), "{now}");
    assert_eq!(challenge["exp"], now + 60_000, "as clients of a server without `now` compute it");
}

#[test]
fn a_proof_is_for_one_connection() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let alice = Person::new(Alg::Ed25519);
    let mut first = Device::connect(server.address(), &alice);
    let overheard = nonce(&first.visit(&room.rid()));
    first.prove(&room, &overheard).ok();
    // Her own second connection, and another user's, who replays what he heard.
    for person in [&alice, &Person::new(Alg::P256)] {
        let mut other = Device::connect(server.address(), person);
        let fresh = nonce(&other.visit(&room.rid()));
        assert_ne!(fresh, overheard);
        let replayed = room.prove(&first.server, &first.uid, &overheard);
        assert_eq!(other.call(&room.topic(), "prove", replayed).refused(), "stale_nonce");
        assert_guest(&mut other, &room);
    }
    // As is another user's proof of his own join.
    let mut eve = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let fresh = nonce(&eve.visit(&room.rid()));
    let for_alice = room.prove(&eve.server, &alice.uid(), &fresh);
    assert_eq!(eve.call(&room.topic(), "prove", for_alice).refused(), "bad_proof");
    assert_guest(&mut eve, &room);
}

#[test]
fn a_proof_is_for_one_room() {
    let server = server();
    let (room, other) = (Room::new(Alg::Ed25519), Room::new(Alg::Ed25519));
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let first = nonce(&device.visit(&room.rid()));
    let second = nonce(&device.visit(&other.rid()));
    let proof = room.prove(&device.server, &device.uid, &first);
    assert_eq!(device.call(&other.topic(), "prove", &proof).refused(), "stale_nonce");
    // The right nonce does not help the wrong key, whichever room it is signed for.
    let wrong_key = room.prove(&device.server, &device.uid, &second);
    assert_eq!(device.call(&other.topic(), "prove", wrong_key).refused(), "bad_proof");
    assert_guest(&mut device, &other);
    device.call(&room.topic(), "prove", proof).ok();
    assert_guest(&mut device, &other);
}

#[test]
fn a_proof_is_for_one_join() {
    let server = server();
    let room = Room::published(server.address(), Policy::Open);
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let old = nonce(&device.visit(&room.rid()));
    device.prove(&room, &old).ok();
    // A second join of the same topic replaces the first, and makes the member a guest.
    let fresh = nonce(&device.visit(&room.rid()));
    assert_guest(&mut device, &room);
    assert_eq!(device.prove(&room, &old).refused(), "stale_nonce");
    assert_guest(&mut device, &room);
    device.prove(&room, &fresh).ok();
    device.leave(&room.topic());
    let third = nonce(&device.visit(&room.rid()));
    assert_guest(&mut device, &room);
    assert_eq!(device.prove(&room, &fresh).refused(), "stale_nonce");
    assert_guest(&mut device, &room);
    device.prove(&room, &third).ok();
}
