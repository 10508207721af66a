//! Rule 4: a bad approve does not use the request up.

use serde_json::{Value, json};
use vestibule_approve::frames::Approve;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, random};
use vestibule_tests::scene::Scene;

use crate::{at_home, each, server, timeless};

/// The receipt for a nacked approve, without its seq and time.
fn receipt(scene: &Scene, approve: &Approve, code: &str) -> Value {
    json!({
        "rid": scene.room.rid(), "event": "receipt", "approve_id": approve.approve_id,
        "request_id": approve.request_id, "to": scene.bob.uid(), "result": "nacked", "code": code,
    })
}

#[test]
fn nack_of_each_code_gives_the_approver_a_receipt() {
    let server = server();
    let mut scene = Scene::new(&server);
    for code in ["undecryptable", "wrong_key", "bad_sig"] {
        let request = scene.ask();
        let approve = scene.approve(&request);
        let nacked = scene.guest.nack(&scene.topic, &approve.approve_id, code).ok();
        assert_eq!(nacked, json!({ "state": "pending", "dup": false }));
        assert_eq!(timeless(scene.member.push(&scene.topic, "receipt")), receipt(&scene, &approve, code));
        let again = scene.guest.nack(&scene.topic, &approve.approve_id, code).ok();
        assert_eq!(again, json!({ "state": "pending", "dup": true }));
        // It was pushed again as pending, which `Scene::ask` would take for the next one.
        scene.member.push(&scene.topic, "request");
    }
    assert_eq!(scene.member.events(&scene.topic), ["request_gone"; 3], "of the approves, and nothing twice");
    assert_eq!(scene.bobs().1, [json!(null); 0], "no approve waits");
}

#[test]
fn a_malformed_nack_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let right = json!({ "approve_id": approve.approve_id, "device": scene.guest.id, "code": "wrong_key" });
    for (field, wrong) in [("code", json!("other")), ("code", json!(null)), ("device", json!("short"))] {
        let mut nack = right.clone();
        nack[field] = wrong;
        assert_eq!(scene.guest.call(&scene.topic, "nack", nack).refused(), "bad_payload", "{field}");
        let mut nack = right.clone();
        nack.as_object_mut().expect("an object").remove(field);
        assert_eq!(scene.guest.call(&scene.topic, "nack", nack).refused(), "bad_payload", "no {field}");
    }
    assert_eq!(scene.status(&request), "approved");
}

#[test]
fn nacked_is_a_notice_for_an_approver_who_was_away() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    scene.member.leave(&scene.topic);
    scene.guest.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    let mut later = Device::connect(scene.address, &scene.alice);
    for topic in [scene.topic.clone(), scene.alice.inbox()] {
        let notices = later.arrive(&topic)["notices"].clone();
        assert_eq!(timeless(notices[0].clone()), receipt(&scene, &approve, "wrong_key"), "{topic}");
        assert_eq!(notices.as_array().map(Vec::len), Some(1), "{topic}");
    }
}

#[test]
fn nack_from_the_inbox_names_the_room() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let inbox = scene.bob.inbox();
    scene.guest.arrive(&inbox);
    scene.guest.leave(&scene.topic);
    let mut nack = json!({ "approve_id": approve.approve_id, "device": scene.guest.id, "code": "bad_sig" });
    assert_eq!(scene.guest.call(&inbox, "nack", &nack).refused(), "bad_payload");
    nack["rid"] = json!(scene.room.rid());
    let nacked = scene.guest.call(&inbox, "nack", &nack).ok();
    assert_eq!(nacked, json!({ "state": "pending", "dup": false }));
    assert_eq!(scene.member.push(&scene.topic, "receipt")["code"], "bad_sig");
    let told = scene.member.push(&scene.topic, "request");
    assert_eq!(told["request_id"], json!(request.request_id));
    assert_eq!(told["online"], false, "Bob is not in the room");
}

#[test]
fn a_reopened_request_is_pushed_to_all_members_again() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    // Carol found it in her list, before it was approved.
    let (_, mut carol, pending) = scene.another_member();
    let first_seq = pending[0]["seq"].as_i64().expect("a seq");
    let approve = scene.approve(&request);
    scene.guest.nack(&scene.topic, &approve.approve_id, "undecryptable").ok();
    for member in [&mut scene.member, &mut carol] {
        let told = member.push(&scene.topic, "request");
        assert_eq!(told["request_id"], json!(request.request_id));
        assert_eq!((&told["state"], &told["approvals"]), (&json!("pending"), &json!(0)));
        assert_eq!((&told["online"], told["after_ms"].is_u64()), (&json!(true), true));
        assert!(told["seq"].as_i64().expect("a seq") > first_seq, "a new place in the order");
        assert_eq!(told["sig"], json!(request.sig));
    }
    // And another approve is taken.
    let (dora, mut other, pending) = scene.another_member();
    assert_eq!(each(&json!(pending), "state"), ["pending"]);
    let good = scene.room.approve(&dora, &scene.bob.uid(), &request);
    assert_eq!(other.call(&scene.topic, "approve", &good).ok()["others"], 0);
    assert_eq!(scene.guest.push(&scene.topic, "approve")["approve_id"], json!(good.approve_id));
    assert_eq!(scene.guest.ack(&scene.topic, &good.approve_id).ok()["deleted"], true);
}

#[test]
fn only_a_nack_of_the_last_approve_reopens_the_request() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let first = scene.approve(&request);
    let (carol, mut other, _) = scene.another_member();
    let second = scene.room.approve(&carol, &scene.bob.uid(), &request);
    assert_eq!(other.call(&scene.topic, "approve", &second).ok()["others"], 1);
    let nacked = scene.guest.nack(&scene.topic, &first.approve_id, "wrong_key").ok();
    assert_eq!(nacked, json!({ "state": "approved", "dup": false }));
    assert_eq!(scene.member.push(&scene.topic, "receipt")["approve_id"], json!(first.approve_id));
    let waiting = scene.pending();
    assert_eq!((&waiting[0]["state"], &waiting[0]["approvals"]), (&json!("approved"), &json!(1)));
    assert!(!other.events(&scene.topic).contains(&"request".to_owned()), "it is not open again");
    let nacked = scene.guest.nack(&scene.topic, &second.approve_id, "wrong_key").ok();
    assert_eq!(nacked, json!({ "state": "pending", "dup": false }));
    assert_eq!(other.push(&scene.topic, "receipt")["approve_id"], json!(second.approve_id));
    assert_eq!(other.push(&scene.topic, "request")["state"], "pending");
    assert_eq!(scene.status(&request), "pending");
}

#[test]
fn three_nacked_approves_use_up_an_approvers_slots() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    for _ in 0..3 {
        let approve = scene.approve(&request);
        scene.guest.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    }
    let fourth = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_eq!(scene.member.call(&scene.topic, "approve", fourth).refused(), "slots_full");
    assert_eq!(scene.status(&request), "pending");
    // Nacked approves count for this request and this approver.
    let (carol, mut other, _) = scene.another_member();
    let hers = scene.room.approve(&carol, &scene.bob.uid(), &request);
    assert_eq!(other.call(&scene.topic, "approve", hers).ok()["state"], "approved");
    scene.guest.push(&scene.topic, "approve");
    scene.member.drain();
    let next = scene.ask();
    scene.approve(&next);
}

#[test]
fn nack_after_another_devices_ack_does_nothing() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut second = Device::another(scene.address, &scene.bob);
    second.visit(&scene.room.rid());
    assert_eq!(second.call(&scene.topic, "request", &request).ok()["dup"], true);
    let approve = scene.approve(&request);
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": false }));
    let nacked = second.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    assert_eq!(nacked, json!({ "state": "approved", "dup": true }));
    assert_eq!(scene.member.push(&scene.topic, "receipt")["result"], "saved");
    assert_eq!(scene.member.events(&scene.topic), ["request_gone"], "nothing of the nack");
    // The approve still waits.
    assert_eq!(each(&json!(scene.bobs().1), "approve_id"), [json!(approve.approve_id)]);
    assert_eq!(second.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
}

#[test]
fn nack_of_an_unknown_or_foreign_approve_does_nothing() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let eve = Person::new(Alg::Ed25519);
    let mut stranger = Device::connect(scene.address, &eve);
    stranger.visit(&scene.room.rid());
    let nothing = json!({ "state": null, "dup": true });
    for approve_id in [approve.approve_id, random()] {
        assert_eq!(stranger.nack(&scene.topic, &approve_id, "wrong_key").ok(), nothing);
        assert_eq!(scene.member.nack(&scene.topic, &approve_id, "wrong_key").ok(), nothing);
    }
    assert_eq!(scene.status(&request), "approved");
    assert_eq!(scene.member.events(&scene.topic), ["request_gone"]);
}

#[test]
fn a_nack_receipt_reaches_each_approver_device_in_one_topic() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let mut devices = at_home(&scene, &scene.alice);
    scene.guest.nack(&scene.topic, &approve.approve_id, "bad_sig").ok();
    scene.guest.fence(&scene.topic);
    for (device, told, other) in &mut devices {
        assert_eq!(timeless(device.push(told, "receipt")), receipt(&scene, &approve, "bad_sig"));
        assert_eq!(device.news(told), []);
        if let Some(other) = other {
            assert_eq!(device.news(other), []);
        }
    }
}
