//! Members' own events that must not be forwarded, and frames about other users' requests and
//! approves.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, random};
use vestibule_tests::scene::Scene;

use crate::server;

#[test]
fn a_guests_own_events_are_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    for event in ["hello", "presence_state", "pending", "denials"] {
        assert_eq!(scene.guest.call(&scene.topic, event, json!({})).refused(), "not_member", "{event}");
    }
    let card = scene.room.card(2, Policy::Open, None);
    assert_eq!(scene.guest.call(&scene.topic, "card", card).refused(), "not_member");
    scene.guest.fence(&scene.topic);
    let told: Vec<_> = scene.member.fence(&scene.topic).into_iter().map(|message| message.event).collect();
    assert!(told.iter().all(|event| event.starts_with("presence_")), "{told:?}");
    assert_eq!(scene.another_member().1.visit(&scene.room.rid())["card"]["version"], 1);
}

#[test]
fn the_servers_own_events_are_not_forwarded() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    carol.fence(&scene.topic);
    // Clients may send `request`, `approve` and `card`, which are checked as such.
    for event in [
        "caught_up",
        "denied",
        "expired",
        "presence_count",
        "presence_diff",
        "presence_state",
        "receipt",
        "request_gone",
        "resync",
        "withdrawn",
    ] {
        let payload = json!({ "joins": {}, "leaves": {} });
        assert_eq!(scene.member.call(&scene.topic, event, payload).refused(), "bad_payload", "{event}");
    }
    for event in ["phx_reply", "phx_close", "phx_error", "phx_", "phx_anything"] {
        assert_eq!(scene.member.call(&scene.topic, event, json!({})).refused(), "bad_payload", "{event}");
    }
    assert_eq!(carol.fence(&scene.topic), []);
    scene.member.call(&scene.topic, "phoenix", json!([1])).ok();
    assert_eq!(carol.push(&scene.topic, "phoenix"), json!([1]));
}

#[test]
fn a_user_cannot_change_anothers_frames() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    let before = (scene.pending(), scene.bobs());
    let eve = Person::new(Alg::Ed25519);
    let mut device = Device::connect(scene.address, &eve);
    device.visit(&scene.room.rid());
    device.join(&eve.inbox()).ok();
    let rid = scene.room.rid();
    for topic in [scene.topic.clone(), eve.inbox()] {
        for (request_id, approve_id) in [
            (json!(request.request_id), json!(approve.approve_id)),
            (json!(random::<16>()), json!(random::<16>())),
        ] {
            let ack = json!({ "rid": rid, "approve_id": approve_id, "device": device.id });
            assert_eq!(device.call(&topic, "ack", ack).ok(), json!({ "dup": true, "deleted": false }));
            let about = json!({ "rid": rid, "request_id": request_id });
            assert_eq!(device.call(&topic, "withdraw", &about).ok(), json!({ "dup": true }));
            assert_eq!(device.call(&topic, "status", &about).ok(), json!({ "state": null }));
        }
        let nothing = json!({ "items": [], "cursor": null });
        assert_eq!(device.call(&topic, "approved", json!({})).ok(), nothing);
    }
    // A member can do no more.
    assert_eq!(scene.member.ack(&scene.topic, &approve.approve_id).ok()["deleted"], false);
    let about = json!({ "request_id": request.request_id });
    assert_eq!(scene.member.call(&scene.topic, "withdraw", about).ok()["dup"], true);
    assert_eq!((scene.pending(), scene.bobs()), before);
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }), "it was there all the time");
}

#[test]
fn inbox_events_must_name_the_room() {
    let server = server();
    let bob = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &bob);
    device.join(&bob.inbox()).ok();
    let payload: Value = json!({ "request_id": random::<16>(), "approve_id": random::<16>(), "device": device.id, "code": "bad_sig" });
    for event in ["ack", "nack", "withdraw", "status", "request", "prove", "pending", "denials", "hello"] {
        assert_eq!(device.call(&bob.inbox(), event, &payload).refused(), "bad_payload", "{event}");
    }
}

#[test]
fn a_card_that_is_not_newer_is_refused() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let room = &scene.room;
    let card = |version, policy| room.card(version, policy, None);
    let call = |device: &mut Device, card| device.call(&room.topic(), "card", card);
    assert_eq!(call(&mut scene.member, card(1, Policy::Open)).refused(), "version_conflict");
    assert_eq!(call(&mut scene.member, card(0, Policy::Open)).refused(), "bad_payload");
    let repeated = call(&mut scene.member, card(1, Policy::Request)).ok();
    assert_eq!(repeated, json!({ "version": 1, "dup": true }));
    assert_eq!(
        call(&mut scene.member, room.card(2, Policy::Open, Some(&"e".repeat(81)))).refused(),
        "too_large"
    );
    let newer = call(&mut scene.member, card(3, Policy::Open)).ok();
    assert_eq!(newer, json!({ "version": 3, "dup": false }));
    assert_eq!(call(&mut scene.member, card(2, Policy::Open)).refused(), "version_conflict");
    assert_eq!(scene.guest.visit(&room.rid())["card"]["version"], 3);
}
