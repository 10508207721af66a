//! Proofs by members who have proved already: they change nothing, and cost nobody anything.

use serde_json::{Value, json};
use vestibule_approve::{base64url::Fixed, signed::Alg};
use vestibule_tests::{
    people::{Device, Person, Room},
    scene::Scene,
    ws::Frame,
};

use crate::server;

/// Joins and proves; returns the proof and its answer.
fn enter(device: &mut Device, room: &Room) -> (Value, Value) {
    let nonce: Fixed<32> =
        device.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let proof = room.prove(&device.server, &device.uid, &nonce);
    let proved = device.call(&room.topic(), "prove", &proof).ok();
    (proof, proved)
}

#[test]
fn a_repeated_proof_is_answered_and_pushes_nothing() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut carol = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    let (proof, proved) = enter(&mut carol, &scene.room);
    assert_eq!(proved["pending"][0]["request_id"], json!(request.request_id));
    carol.push(&scene.topic, "presence_count");
    let diff = scene.member.push(&scene.topic, "presence_diff");
    assert_eq!(diff["count"]["members"], 2);
    for device in [&mut carol, &mut scene.member] {
        device.fence(&scene.topic);
    }
    for _ in 0..20 {
        let again = carol.call(&scene.topic, "prove", &proof).ok();
        assert_eq!(again, json!({ "role": "member", "seq": proved["seq"] }));
    }
    // Longer than presence changes are gathered.
    std::thread::sleep(std::time::Duration::from_millis(250));
    assert_eq!(carol.fence(&scene.topic), []);
    assert_eq!(scene.member.fence(&scene.topic), []);
    // Her pushes continue where they were.
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    assert_eq!(carol.push(&scene.topic, "request_gone")["request_id"], json!(request.request_id));
}

#[test]
fn a_members_wrong_proof_is_refused_and_changes_nothing() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut carol = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    let (proof, _) = enter(&mut carol, &scene.room);
    let mut wrong = proof.clone();
    wrong["sig"] = json!(vestibule_approve::base64url::Fixed([7; 64]));
    assert_eq!(carol.call(&scene.topic, "prove", wrong).refused(), "bad_proof");
    let other = Room::new(Alg::Ed25519);
    let nonce = proof["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let wrong = other.prove(&carol.server, &carol.uid, &nonce);
    assert_eq!(carol.call(&scene.topic, "prove", wrong).refused(), "bad_proof");
    let mut stale = proof;
    stale["nonce"] = json!(vestibule_approve::base64url::Fixed([7; 32]));
    assert_eq!(carol.call(&scene.topic, "prove", stale).refused(), "stale_nonce");
    carol.call(&scene.topic, "hello", json!({})).ok();
    scene.member.push(&scene.topic, "hello");
}

#[test]
fn simultaneous_proofs_count_once() {
    let server = server();
    let scene = Scene::new(&server);
    let mut carol = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    let joined = carol.visit(&scene.room.rid());
    let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let proof = scene.room.prove(&carol.server, &carol.uid, &nonce);
    let message = |reference: &str| json!([null, reference, scene.topic, "prove", proof]);
    let frames = ["a", "b", "c"].map(|reference| Frame::text(&message(reference).to_string()));
    carol.socket.send_together(&frames).expect("an open connection");
    let answers = ["a", "b", "c"].map(|reference| carol.answer(reference).expect("an answer").ok());
    let full: Vec<&Value> = answers.iter().filter(|answer| answer["pending"].is_array()).collect();
    assert_eq!(full.len(), 1, "the list is sent once: {answers:?}");
    for answer in &answers {
        assert_eq!((&answer["role"], &answer["seq"]), (&json!("member"), &full[0]["seq"]));
    }
    let told = carol.fence(&scene.topic);
    let states = told.iter().filter(|message| message.event == "presence_state").count();
    assert!(states <= 1, "{told:?}");
}
