//! Receipts, and how notices are delivered: in one topic of each connection, at the next join, and
//! after `last`.

use serde_json::{Value, json};
use vestibule_approve::frames::Approve;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, random};
use vestibule_tests::scene::Scene;

use crate::{at_home, each, list, server, timeless};

/// A `last` this much later than a notice's seq hides that notice: the last ten seconds are sent
/// again.
const AGAIN: i64 = 10_000_000;

/// The receipt for an approve whose key was saved, without its seq and time.
fn saved(scene: &Scene, approve: &Approve) -> Value {
    json!({
        "rid": scene.room.rid(), "event": "receipt", "approve_id": approve.approve_id,
        "request_id": approve.request_id, "to": scene.bob.uid(), "result": "saved",
    })
}

/// One flow up to its end.
fn whole_flow(scene: &mut Scene) -> Approve {
    let request = scene.ask();
    let approve = scene.approve(&request);
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
    approve
}

#[test]
fn a_receipt_reaches_each_approver_device_in_one_topic() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut devices = at_home(&scene, &scene.alice);
    let (_, mut carol, _) = scene.another_member();
    let approve = whole_flow(&mut scene);
    let expected = saved(&scene, &approve);
    assert_eq!(timeless(scene.member.push(&scene.topic, "receipt")), expected);
    scene.guest.fence(&scene.topic);
    for (device, told, other) in &mut devices {
        assert_eq!(timeless(device.push(told, "receipt")), expected, "{told}");
        assert_eq!(device.news(told), []);
        if let Some(other) = other {
            assert_eq!(device.news(other), [], "twice on one connection");
        }
    }
    assert_eq!(carol.events(&scene.topic), ["request", "request_gone", "request_gone"], "it is Alice's");
    assert_eq!(scene.guest.news(&scene.topic), [], "nor is it Bob's");
}

#[test]
fn a_receipt_is_a_notice_for_an_absent_approver() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    scene.member.leave(&scene.topic);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let mut later = Device::connect(scene.address, &scene.alice);
    for topic in [scene.topic.clone(), scene.alice.inbox()] {
        let joined = later.arrive(&topic);
        assert_eq!(timeless(joined["notices"][0].clone()), saved(&scene, &approve), "{topic}");
        assert_eq!((list(&joined["notices"]).len(), &joined["cursors"]["notices"]), (1, &json!(null)));
        assert_eq!(later.news(&topic), [], "not a second time");
    }
}

/// Then there is no room actor to forward it.
#[test]
fn receipt_and_withdrawn_reach_the_inbox_of_an_empty_room() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let (alices, bobs) = (scene.alice.inbox(), scene.bob.inbox());
    scene.member.arrive(&alices);
    scene.guest.arrive(&bobs);
    scene.member.leave(&scene.topic);
    scene.guest.leave(&scene.topic);
    let rid = scene.room.rid();
    let ack = json!({ "rid": rid, "approve_id": approve.approve_id, "device": scene.guest.id });
    assert_eq!(scene.guest.call(&bobs, "ack", ack).ok()["deleted"], true);
    assert_eq!(timeless(scene.member.push(&alices, "receipt")), saved(&scene, &approve));
    scene.guest.visit(&rid);
    let request = scene.bob.request(&rid);
    scene.guest.call(&scene.topic, "request", &request).ok();
    scene.guest.leave(&scene.topic);
    let withdraw = json!({ "rid": rid, "request_id": request.request_id });
    scene.guest.call(&bobs, "withdraw", withdraw).ok();
    assert_eq!(scene.guest.push(&bobs, "withdrawn")["request_id"], json!(request.request_id));
}

#[test]
fn withdrawn_reaches_each_requester_device_in_one_topic() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut devices = at_home(&scene, &scene.bob);
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    scene.guest.fence(&scene.topic);
    let expected = json!({ "rid": scene.room.rid(), "event": "withdrawn", "request_id": request.request_id });
    for (device, told, other) in &mut devices {
        assert_eq!(timeless(device.push(told, "withdrawn")), expected, "{told}");
        if let Some(other) = other {
            assert_eq!(device.news(other), []);
        }
    }
    let gone = scene.member.push(&scene.topic, "request_gone");
    assert_eq!((&gone["state"], gone.get("by")), (&json!("withdrawn"), None));
    let notices = Device::connect(scene.address, &scene.bob).arrive(&scene.topic)["notices"].clone();
    assert_eq!(timeless(notices[0].clone()), expected);
}

#[test]
fn a_room_shows_its_own_notices_and_the_inbox_shows_all() {
    let server = server();
    let (mut scene, mut elsewhere) = (Scene::new(&server), Scene::new(&server));
    let here = whole_flow(&mut scene);
    // Alice is a member of the other room too, and approves there.
    let request = elsewhere.ask();
    let there = elsewhere.room.approve(&scene.alice, &elsewhere.bob.uid(), &request);
    scene.member.enter(&elsewhere.room);
    scene.member.call(&elsewhere.topic, "approve", &there).ok();
    elsewhere.guest.ack(&elsewhere.topic, &there.approve_id).ok();
    let mut device = Device::connect(scene.address, &scene.alice);
    for (topic, expected) in [
        (scene.topic.clone(), vec![here.approve_id]),
        (elsewhere.topic.clone(), vec![there.approve_id]),
        (scene.alice.inbox(), vec![here.approve_id, there.approve_id]),
    ] {
        let expected: Vec<Value> = expected.into_iter().map(|id| json!(id)).collect();
        assert_eq!(each(&device.arrive(&topic)["notices"], "approve_id"), expected, "{topic}");
        let page = device.call(&topic, "notices", json!({})).ok();
        assert_eq!((each(&page["items"], "approve_id"), &page["cursor"]), (expected, &json!(null)));
    }
    // They are hers: nobody else finds any.
    for person in [&elsewhere.alice, &Person::new(Alg::P256)] {
        let mut other = Device::connect(scene.address, person);
        assert_eq!(other.arrive(&scene.topic)["notices"], json!([]));
        assert_eq!(other.arrive(&person.inbox())["notices"], json!([]));
    }
}

#[test]
fn last_of_the_same_epoch_hides_seen_notices() {
    let server = server();
    let mut scene = Scene::new(&server);
    let approves = [(); 2].map(|()| {
        scene.member.drain();
        json!(whole_flow(&mut scene).approve_id)
    });
    let mut device = Device::connect(scene.address, &scene.alice);
    let joined = device.arrive(&scene.topic);
    assert_eq!(each(&joined["notices"], "approve_id"), approves);
    let seqs: Vec<i64> =
        each(&joined["notices"], "seq").iter().map(|seq| seq.as_i64().expect("a seq")).collect();
    // A client is assumed to have seen notices more than ten seconds older than the last one it
    // saw.
    for (seq, expected) in [
        (0, &approves[..]),
        (seqs[0], &approves[..]),
        (seqs[1], &approves[..]),
        (seqs[0] + AGAIN - 1, &approves[..]),
        (seqs[0] + AGAIN, &approves[1..]),
        (seqs[1] + AGAIN - 1, &approves[1..]),
        (seqs[1] + AGAIN, &[]),
        (i64::MAX, &[]),
        (i64::MIN, &approves[..]),
    ] {
        let last = json!({ "epoch": joined["epoch"], "seq": seq });
        for topic in [scene.topic.clone(), scene.alice.inbox()] {
            let again = device.join_after(&topic, &last).ok();
            assert_eq!(each(&again["notices"], "approve_id"), expected, "{topic} after {seq}");
            let told = device.events(&topic);
            assert!(told.contains(&"caught_up".to_owned()), "{told:?}");
            assert!(!told.contains(&"resync".to_owned()), "the epoch is the same");
        }
    }
    // All of them can be listed, whatever was seen.
    let page = device.call(&scene.topic, "notices", json!({})).ok();
    assert_eq!(each(&page["items"], "approve_id"), approves);
}

#[test]
fn waiting_requests_and_approves_are_sent_despite_last() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let mut device = Device::connect(scene.address, &scene.bob);
    let epoch = device.arrive(&scene.topic)["epoch"].clone();
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let joined = device.join_after(&topic, &json!({ "epoch": epoch, "seq": i64::MAX })).ok();
        assert_eq!(each(&joined["mine"], "request_id"), [json!(request.request_id)]);
        assert_eq!(each(&joined["approves"], "approve_id"), [json!(approve.approve_id)]);
    }
}

#[test]
fn last_of_another_epoch_gets_resync_and_all_notices() {
    let server = server();
    let mut scene = Scene::new(&server);
    let approve = whole_flow(&mut scene);
    let mut device = Device::connect(scene.address, &scene.alice);
    for topic in [scene.topic.clone(), scene.alice.inbox()] {
        let last = json!({ "epoch": random::<16>(), "seq": i64::MAX });
        let joined = device.join_after(&topic, &last).ok();
        assert_eq!(each(&joined["notices"], "approve_id"), [json!(approve.approve_id)]);
        let told = device.news(&topic);
        let events: Vec<_> = told.iter().map(|message| message.event.as_str()).collect();
        assert_eq!(events, ["resync", "caught_up"], "it follows the reply");
        assert_eq!(told[0].payload, json!({ "epoch": joined["epoch"] }));
    }
    // A client that has seen nothing has nothing to fetch again.
    assert_eq!(Device::connect(scene.address, &scene.alice).join(&scene.topic).status, "ok");
    let mut fresh = Device::connect(scene.address, &scene.alice);
    fresh.join(&scene.topic).ok();
    assert_eq!(fresh.events(&scene.topic), ["caught_up"]);
}

#[test]
fn a_malformed_last_is_a_bad_payload() {
    let server = server();
    let bob = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &bob);
    let epoch = device.arrive(&bob.inbox())["epoch"].clone();
    for last in [json!({}), json!({ "epoch": epoch }), json!({ "epoch": "x", "seq": 1 }), json!(7)] {
        assert_eq!(device.join_after(&bob.inbox(), &last).refused(), "bad_payload", "{last}");
    }
    device.join_after(&bob.inbox(), &json!(null)).ok();
}
