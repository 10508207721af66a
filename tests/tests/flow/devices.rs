//! Rule 5: several devices of one user, with one box key.

use serde_json::json;
use vestibule_approve::frames::Request;
use vestibule_tests::people::Device;
use vestibule_tests::scene::Scene;

use crate::{each, eventually, list, server, server_with};

/// Another device of Bob's, which sends the same request under another id.
fn second(scene: &Scene, first: &Request) -> (Device, Request) {
    let mut device = Device::another(scene.address, &scene.bob);
    device.visit(&scene.room.rid());
    let mut request = scene.bob.request(&scene.room.rid());
    (request.box_pub, request.box_alg) = (first.box_pub.clone(), first.box_alg.clone());
    scene.bob.sign_request(&scene.room.rid(), &mut request);
    (device, request)
}

#[test]
fn a_second_request_for_a_box_key_returns_the_first_id() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let (mut device, request) = second(&scene, &first);
    let answer = device.call(&scene.topic, "request", &request).ok();
    assert_eq!(
        (&answer["request_id"], &answer["dup"], &answer["state"]),
        (&json!(first.request_id), &json!(true), &json!("pending"))
    );
    assert_eq!(scene.member.news(&scene.topic), [], "members hear of one request");
    assert_eq!(each(&json!(scene.pending()), "request_id"), [json!(first.request_id)]);
    assert_eq!(each(&json!(scene.bobs().0), "request_id"), [json!(first.request_id)]);
    // The refused id is unknown.
    assert_eq!(scene.status(&request), json!(null));
    // And the approve goes to both.
    let approve = scene.approve(&first);
    assert_eq!(device.push(&scene.topic, "approve")["approve_id"], json!(approve.approve_id));
}

#[test]
fn a_request_is_done_when_every_device_has_acked() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let (mut device, request) = second(&scene, &first);
    device.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&first);
    let half = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(half, json!({ "dup": false, "deleted": false }));
    assert_eq!(scene.member.push(&scene.topic, "receipt")["result"], "saved");
    assert_eq!(scene.member.events(&scene.topic), ["request_gone"], "of the approve: it is not over");
    assert_eq!(scene.status(&first), "approved");
    let again = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(again, json!({ "dup": true, "deleted": false }));

    // The other device has lost its connection, and finds the approve when it reconnects.
    let id = device.id;
    device = Device::connect(scene.address, &scene.bob);
    device.id = id;
    let joined = device.arrive(&scene.topic);
    assert_eq!(each(&joined["approves"], "approve_id"), [json!(approve.approve_id)]);
    let last = device.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(last, json!({ "dup": false, "deleted": true }));
    assert_eq!(scene.member.push(&scene.topic, "request_gone")["state"], "done");
    assert_eq!(scene.member.news(&scene.topic), [], "one receipt, with the first ack");
    assert_eq!(scene.status(&first), "done");
    assert_eq!(scene.bobs(), (vec![], vec![]));
    let late = device.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(late, json!({ "dup": true, "deleted": false }));
}

#[test]
fn the_first_ack_drops_the_other_approves() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let (mut device, request) = second(&scene, &first);
    device.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&first);
    let (carol, mut other, _) = scene.another_member();
    let dropped = scene.room.approve(&carol, &scene.bob.uid(), &first);
    other.call(&scene.topic, "approve", &dropped).ok();
    assert_eq!(scene.bobs().1.len(), 2);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(each(&json!(scene.bobs().1), "approve_id"), [json!(approve.approve_id)]);
    assert_eq!(each(&json!(scene.pending()), "approvals"), [1]);
    // An ack for the dropped approve counts as well; its approver is not told.
    let last = device.ack(&scene.topic, &dropped.approve_id).ok();
    assert_eq!(last, json!({ "dup": false, "deleted": true }));
    assert!(!other.events(&scene.topic).contains(&"receipt".to_owned()), "Carol's was not the first");
    assert_eq!(scene.status(&first), "done");
}

#[test]
fn another_device_may_ack_and_the_rest_are_awaited() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let mut device = Device::another(scene.address, &scene.bob);
    let inbox = scene.bob.inbox();
    assert_eq!(each(&device.arrive(&inbox)["approves"], "approve_id"), [json!(approve.approve_id)]);
    let ack = json!({ "rid": scene.room.rid(), "approve_id": approve.approve_id, "device": device.id });
    assert_eq!(device.call(&inbox, "ack", &ack).ok(), json!({ "dup": false, "deleted": false }));
    assert_eq!(scene.member.push(&scene.topic, "receipt")["result"], "saved");
    assert_eq!(device.call(&inbox, "ack", &ack).ok(), json!({ "dup": true, "deleted": false }));
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
}

#[test]
fn a_device_is_registered_once_however_often_it_connects() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    for _ in 0..3 {
        let mut again = Device::connect(scene.address, &scene.bob);
        again.visit(&scene.room.rid());
        assert_eq!(again.call(&scene.topic, "request", &request).ok()["dup"], true);
    }
    let approve = scene.approve(&request);
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
}

#[test]
fn a_later_device_also_gets_the_approves() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let (mut waiting, request) = second(&scene, &first);
    waiting.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&first);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let (mut third, request) = second(&scene, &first);
    assert_eq!(third.call(&scene.topic, "request", &request).ok()["state"], "approved");
    assert_eq!(each(&third.arrive(&scene.topic)["approves"], "approve_id"), [json!(approve.approve_id)]);
    assert_eq!(third.ack(&scene.topic, &approve.approve_id).ok()["deleted"], false);
    assert_eq!(waiting.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
}

#[test]
fn another_box_key_is_another_request() {
    let server = server();
    let mut scene = Scene::new(&server);
    let [first, second] = [(); 2].map(|()| scene.ask());
    assert_ne!(first.request_id, second.request_id);
    let approve = scene.approve(&first);
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
    assert_eq!((scene.status(&first), scene.status(&second)), (json!("done"), json!("pending")));
    // The same public key under another algorithm's name is another key, too.
    let mut other = scene.bob.request(&scene.room.rid());
    (other.box_pub, other.box_alg) = (second.box_pub.clone(), "other".to_owned());
    scene.bob.sign_request(&scene.room.rid(), &mut other);
    assert_eq!(scene.guest.call(&scene.topic, "request", &other).ok()["dup"], false);
    assert_eq!(list(&json!(scene.pending())).len(), 2);
}

#[test]
fn an_absent_device_is_awaited_for_a_limited_time() {
    let server = server_with(&[("--keep-for-devices", "1s"), ("--sweep", "100ms")]);
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    let (mut lost, request) = second(&scene, &first);
    lost.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&first);
    assert_eq!(scene.member.push(&scene.topic, "request_gone")["state"], "approved");
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let acked_at = scene.member.push(&scene.topic, "receipt")["at"].as_i64().expect("a time");
    let gone = scene.member.push(&scene.topic, "request_gone");
    assert_eq!((&gone["state"], gone.get("by")), (&json!("done"), None));
    assert!(gone["seq"].as_i64().expect("a seq") / 1000 >= acked_at + 1000, "{gone} after {acked_at}");
    assert_eq!(scene.status(&first), "done");
    assert_eq!(scene.bobs(), (vec![], vec![]));
    assert_eq!(scene.guest.events(&scene.topic), [""; 0], "the key is saved: there is nothing to tell");
}

/// Without an ack nobody has the key yet, so the request is not over.
#[test]
fn no_device_is_given_up_before_the_first_ack() {
    let server = server_with(&[("--keep-for-devices", "1ms"), ("--sweep", "50ms")]);
    let mut scene = Scene::new(&server);
    let waiting = scene.ask();
    scene.approve(&waiting);
    // A request that the sweep does end shows that the sweep has run.
    let first = scene.ask();
    let (mut lost, request) = second(&scene, &first);
    lost.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&first);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    eventually("the sweep has passed", || (scene.status(&first) == "done").then_some(()));
    assert_eq!(scene.status(&waiting), "approved");
}
