//! Approves that are refused.

use serde_json::json;
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Approve;
use vestibule_approve::ids::Hash;
use vestibule_approve::limits::{ALG_BYTES, FieldLimits, Quotas};
use vestibule_tests::people::{Device, TEN_MINUTES, now_ms, random};
use vestibule_tests::scene::Scene;

use crate::server;

/// Alice sends an approve, signed anew, that must be refused.
#[track_caller]
fn assert_refused(scene: &mut Scene, mut approve: Approve, reason: &str) {
    scene.room.sign_approve(&scene.alice, &mut approve);
    assert_eq!(scene.member.call(&scene.topic, "approve", &approve).refused(), reason);
}

/// Bob's request is still pending, and no approve waits for him.
#[track_caller]
fn assert_unapproved(scene: &mut Scene) {
    let pending = scene.pending();
    assert_eq!((&pending[0]["state"], &pending[0]["approvals"]), (&json!("pending"), &json!(0)));
    assert_eq!(scene.bobs().1, [json!(null); 0]);
    assert_eq!(scene.guest.fence(&scene.topic), []);
    let told = scene.member.fence(&scene.topic);
    assert!(!told.iter().any(|message| message.event == "request_gone"), "{told:?}");
}

#[test]
fn an_approve_by_a_guest_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    // Signed with the room key, which this connection has not proved.
    let approve = scene.room.approve(&scene.bob, &scene.bob.uid(), &request);
    assert_eq!(scene.guest.call(&scene.topic, "approve", &approve).refused(), "not_member");
    // A member on another connection is a guest on this one.
    let mut second = Device::connect(scene.address, &scene.alice);
    second.visit(&scene.room.rid());
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_eq!(second.call(&scene.topic, "approve", &approve).refused(), "not_member");
    assert_unapproved(&mut scene);
}

#[test]
fn an_approve_in_anothers_name_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let (carol, mut device, _) = scene.another_member();
    // The frame that Alice signed, and the same with signatures that name Carol.
    assert_eq!(device.call(&scene.topic, "approve", &approve).refused(), "unauthorized");
    let mut for_carol = approve.clone();
    scene.room.sign_approve(&carol, &mut for_carol);
    assert_eq!(device.call(&scene.topic, "approve", &for_carol).refused(), "unauthorized");
    assert_unapproved(&mut scene);
}

#[test]
fn an_approve_of_an_unknown_request_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let right = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_refused(&mut scene, Approve { request_id: random(), ..right.clone() }, "no_request");
    let to = scene.alice.uid();
    assert_refused(&mut scene, Approve { to, ..right.clone() }, "no_request");
    assert_refused(&mut scene, Approve { r#box: Hash(random().0), ..right.clone() }, "box_mismatch");
    // A request that exists, but in another room.
    let mut other = Scene::new(&server);
    let elsewhere = other.ask();
    let to = other.bob.uid();
    let approve = scene.room.approve(&scene.alice, &to, &elsewhere);
    assert_refused(&mut scene, approve, "no_request");
    assert_unapproved(&mut scene);
    scene.member.call(&scene.topic, "approve", &right).ok();
}

#[test]
fn an_expired_or_oversized_approve_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut right = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_refused(&mut scene, Approve { exp: now_ms() - 1, ..right.clone() }, "expired");
    assert_refused(&mut scene, Approve { exp: i64::MIN, ..right.clone() }, "expired");
    let ahead = now_ms() + FieldLimits::default().exp_ms + TEN_MINUTES;
    assert_refused(&mut scene, Approve { exp: ahead, ..right.clone() }, "bad_payload");
    assert_refused(
        &mut scene,
        Approve { ct: Blob(vec![1; FieldLimits::default().ct + 1]), ..right.clone() },
        "too_large",
    );
    assert_refused(&mut scene, Approve { alg: "x".repeat(ALG_BYTES + 1), ..right.clone() }, "too_large");
    assert_unapproved(&mut scene);
    right.ct = Blob(vec![1; FieldLimits::default().ct]);
    right.alg = "x".repeat(ALG_BYTES);
    scene.room.sign_approve(&scene.alice, &mut right);
    scene.member.call(&scene.topic, "approve", &right).ok();
    assert_eq!(scene.guest.push(&scene.topic, "approve")["ct"], json!(right.ct));
}

#[test]
fn a_members_second_and_a_ninth_approve_are_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let to = scene.bob.uid();
    let first = scene.room.approve(&scene.alice, &to, &request);
    assert_eq!(scene.member.call(&scene.topic, "approve", &first).ok()["others"], 0);
    let approve = scene.room.approve(&scene.alice, &to, &request);
    assert_refused(&mut scene, approve, "slots_full");
    for others in 1..Quotas::default().approves_per_request {
        let (person, mut device, pending) = scene.another_member();
        assert_eq!(pending[0]["approvals"], others);
        let approve = scene.room.approve(&person, &to, &request);
        assert_eq!(device.call(&scene.topic, "approve", &approve).ok()["others"], others);
    }
    let (person, mut device, _) = scene.another_member();
    let ninth = scene.room.approve(&person, &to, &request);
    assert_eq!(device.call(&scene.topic, "approve", &ninth).refused(), "slots_full");
    assert_eq!(scene.bobs().1.len(), Quotas::default().approves_per_request);
    assert_eq!(scene.pending()[0]["approvals"], Quotas::default().approves_per_request);
    // The first is still recognised as stored.
    assert_eq!(scene.member.call(&scene.topic, "approve", &first).ok()["dup"], true);
}

#[test]
fn an_approve_id_cannot_be_reused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let to = scene.bob.uid();
    let first = scene.room.approve(&scene.alice, &to, &request);
    scene.member.call(&scene.topic, "approve", &first).ok();
    assert_refused(&mut scene, Approve { ct: Blob(vec![9; 113]), ..first.clone() }, "id_conflict");
    assert_refused(&mut scene, Approve { exp: first.exp + 1, ..first.clone() }, "id_conflict");
    let (carol, mut device, _) = scene.another_member();
    let mut same_id = scene.room.approve(&carol, &to, &request);
    same_id.approve_id = first.approve_id;
    scene.room.sign_approve(&carol, &mut same_id);
    assert_eq!(device.call(&scene.topic, "approve", &same_id).refused(), "id_conflict");
    let (_, approves) = scene.bobs();
    assert_eq!((approves.len(), &approves[0]["ct"]), (1, &json!(first.ct)));
}

#[test]
fn an_approve_of_a_finished_request_is_refused() {
    let server = server();
    for event in ["withdraw", "ack"] {
        let mut scene = Scene::new(&server);
        let request = scene.ask();
        let to = scene.bob.uid();
        if event == "withdraw" {
            let withdraw = json!({ "request_id": request.request_id });
            assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok()["dup"], false);
        } else {
            let first = scene.room.approve(&scene.alice, &to, &request);
            scene.member.call(&scene.topic, "approve", &first).ok();
            let acked = scene.guest.ack(&scene.topic, &first.approve_id).ok();
            assert_eq!(acked, json!({ "dup": false, "deleted": true }));
        }
        let approve = scene.room.approve(&scene.alice, &to, &request);
        assert_refused(&mut scene, approve, "closed");
        assert_eq!((scene.pending(), scene.bobs()), (vec![], (vec![], vec![])), "{event}");
    }
}
