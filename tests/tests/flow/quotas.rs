//! Quotas: what is allowed passes, one more is refused, and when there is room again it passes.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::{self, Response};
use vestibule_tests::people::{Device, Person, Reply, Room, random};
use vestibule_tests::scene::Scene;

use crate::{server, server_with};

/// Bob's next request to the room of a scene.
fn ask(scene: &mut Scene) -> Reply {
    let request = scene.bob.request(&scene.room.rid());
    scene.guest.call(&scene.topic, "request", &request)
}

/// Checks that the answer names the quota, and when to retry.
#[track_caller]
fn assert_quota(reply: &Reply) {
    assert_eq!(reply.refused(), "quota");
    assert!(reply.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", reply.text);
}

fn withdraw(scene: &mut Scene, request_id: &Value) {
    let withdraw = json!({ "request_id": request_id });
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok()["dup"], false);
}

#[test]
fn open_requests_per_user_and_room_are_limited() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    for _ in 1..8 {
        scene.ask();
    }
    assert_quota(&ask(&mut scene));
    // A repeat does not count, and other rooms and other users are unaffected.
    assert_eq!(scene.guest.call(&scene.topic, "request", &first).ok()["dup"], true);
    let elsewhere = Scene::new(&server);
    scene.guest.visit(&elsewhere.room.rid());
    scene.guest.call(&elsewhere.topic, "request", scene.bob.request(&elsewhere.room.rid())).ok();
    let carol = Person::new(Alg::P256);
    let mut device = Device::connect(scene.address, &carol);
    device.visit(&scene.room.rid());
    device.call(&scene.topic, "request", carol.request(&scene.room.rid())).ok();
    assert_eq!(scene.pending().len(), 9);
    // An approved request counts as open; one that has ended does not.
    scene.approve(&first);
    assert_quota(&ask(&mut scene));
    withdraw(&mut scene, &json!(first.request_id));
    ask(&mut scene).ok();
    assert_quota(&ask(&mut scene));
}

#[test]
fn requests_per_user_in_all_rooms_are_limited() {
    let server = server_with(&[("--max-requests-per-user", "2")]);
    let mut scene = Scene::new(&server);
    let first = ask(&mut scene).ok();
    let elsewhere = Scene::new(&server);
    scene.guest.visit(&elsewhere.room.rid());
    scene.guest.call(&elsewhere.topic, "request", scene.bob.request(&elsewhere.room.rid())).ok();
    assert_quota(&ask(&mut scene));
    let request = scene.bob.request(&elsewhere.room.rid());
    assert_quota(&scene.guest.call(&elsewhere.topic, "request", request));
    withdraw(&mut scene, &first["request_id"]);
    assert_quota(&ask(&mut scene));
}

#[test]
fn open_requests_per_room_are_limited() {
    let server = server_with(&[("--max-open-per-room", "2")]);
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let carol = Person::new(Alg::Ed25519);
    let mut device = Device::connect(scene.address, &carol);
    device.visit(&scene.room.rid());
    device.call(&scene.topic, "request", carol.request(&scene.room.rid())).ok();
    assert_quota(&ask(&mut scene));
    assert_quota(&device.call(&scene.topic, "request", carol.request(&scene.room.rid())));
    // Another card does not reset the count.
    scene.member.call(&scene.topic, "card", scene.room.card(2, Policy::Request, Some("Beete"))).ok();
    assert_quota(&device.call(&scene.topic, "request", carol.request(&scene.room.rid())));
    withdraw(&mut scene, &json!(first.request_id));
    device.call(&scene.topic, "request", carol.request(&scene.room.rid())).ok();
    let mut elsewhere = Scene::new(&server);
    ask(&mut elsewhere).ok();
}

#[test]
fn open_requests_in_total_are_limited() {
    let server = server_with(&[("--max-open", "2")]);
    let [mut scene, mut elsewhere, mut third] = [(); 3].map(|()| Scene::new(&server));
    let first = ask(&mut scene).ok();
    ask(&mut elsewhere).ok();
    let refused = ask(&mut third);
    assert_quota(&refused);
    assert_eq!(refused.response["detail"], "This server has as many open requests as it may have.");
    withdraw(&mut scene, &first["request_id"]);
    ask(&mut third).ok();
    assert_quota(&ask(&mut scene));
}

#[test]
fn devices_per_request_are_limited() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut device = Device::connect(scene.address, &scene.bob);
    let mut join_as_another = || {
        device.id = random();
        device.visit(&scene.room.rid());
        device.call(&scene.topic, "request", &request)
    };
    for _ in 1..16 {
        assert_eq!(join_as_another().ok()["dup"], true);
    }
    assert_eq!(join_as_another().refused(), "quota");
    // One of the sixteen may repeat its request.
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).ok()["dup"], true);
    let approve = scene.approve(&request);
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], false);
}

/// Creates a room over HTTP.
fn create(scene: &Scene, person: &Person) -> Response {
    let token = person.sign_in(scene.address);
    let request = http::Request::post("/v1/rooms").header("authorization", &format!("Bearer {token}"));
    let room = json!({ "alg": "ed25519", "policy": "secret" });
    request.json(&room).send(scene.address).expect("a response")
}

#[test]
fn rooms_created_per_user_are_limited() {
    let server = server_with(&[("--max-rooms-per-user", "2")]);
    let scene = Scene::new(&server);
    let carol = Person::new(Alg::Ed25519);
    let mut device = Device::connect(scene.address, &carol);
    let mut publish = |room: &Room, version: u64| {
        device.enter(room);
        device.call(&room.topic(), "card", room.card(version, Policy::Request, None))
    };
    let own = Room::new(Alg::P256);
    publish(&own, 1).ok();
    assert_eq!(create(&scene, &carol).status, 201, "rooms that the server made count too");
    assert_eq!(publish(&Room::new(Alg::Ed25519), 1).refused(), "quota");
    let refused = create(&scene, &carol);
    assert_eq!((refused.status, &refused.json()["reason"]), (429, &json!("quota")));
    // Another card of a room is not another room, whoever made it.
    publish(&own, 2).ok();
    publish(&scene.room, 2).ok();
    assert_eq!(create(&scene, &Person::new(Alg::Ed25519)).status, 201);
}

#[test]
fn approves_per_request_are_limited_as_configured() {
    let server = server_with(&[("--max-approves", "2")]);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let first = scene.approve(&request);
    let to = scene.bob.uid();
    let approve = |person: &Person, device: &mut Device| {
        device.call(&scene.topic, "approve", scene.room.approve(person, &to, &request))
    };
    let [(carol, mut second, _), (dora, mut third, _)] = [(); 2].map(|()| scene.another_member());
    assert_eq!(approve(&carol, &mut second).ok()["others"], 1);
    let refused = approve(&dora, &mut third);
    assert_eq!(refused.refused(), "slots_full");
    assert!(refused.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "there may be a place soon");
    assert_eq!(approve(&carol, &mut second).refused(), "slots_full", "one per approver");
    scene.guest.nack(&scene.topic, &first.approve_id, "wrong_key").ok();
    assert_eq!(approve(&dora, &mut third).ok()["others"], 1);
}
