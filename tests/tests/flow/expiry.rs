//! Rule 8: the expiry of requests and approves.

use std::sync::Arc;

use serde_json::{Value, json};
use vestibule_approve::frames::{Approve, Request};
use vestibule_tests::people::{Device, now_ms};
use vestibule_tests::process::{Server, Shared};
use vestibule_tests::scene::Scene;

use crate::{at_home, each, eventually, list, server_with, timeless};

static SERVER: Shared = Shared::with(&[("--sweep", "100ms")]);

fn server() -> Arc<Server> {
    SERVER.server()
}

/// Bob's request, which expires soon.
fn ask_briefly(scene: &mut Scene, for_ms: i64) -> Request {
    let rid = scene.room.rid();
    let mut request = scene.bob.request(&rid);
    request.exp = now_ms() + for_ms;
    scene.bob.sign_request(&rid, &mut request);
    scene.guest.call(&scene.topic, "request", &request).ok();
    request
}

/// Alice's approve, which expires soon.
fn approve_briefly(scene: &mut Scene, request: &Request, for_ms: i64) -> Approve {
    let mut approve = scene.room.approve(&scene.alice, &scene.bob.uid(), request);
    approve.exp = now_ms() + for_ms;
    scene.room.sign_approve(&scene.alice, &mut approve);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    scene.guest.push(&scene.topic, "approve");
    approve
}

#[test]
fn expired_reaches_each_requester_device_in_one_topic() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut devices = at_home(&scene, &scene.bob);
    let request = ask_briefly(&mut scene, 500);
    let expected = json!({ "rid": scene.room.rid(), "event": "expired", "request_id": request.request_id });
    let told = scene.guest.push(&scene.topic, "expired");
    assert!(told["at"].as_i64() >= Some(request.exp), "it ended early");
    assert_eq!(timeless(told), expected);
    scene.guest.fence(&scene.topic);
    for (device, topic, other) in &mut devices {
        assert_eq!(timeless(device.push(topic, "expired")), expected, "{topic}");
        if let Some(other) = other {
            assert_eq!(device.news(other), [], "twice on one connection");
        }
    }
}

#[test]
fn request_gone_tells_members_of_an_expired_request() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = ask_briefly(&mut scene, 500);
    let gone = scene.member.push(&scene.topic, "request_gone");
    let notice = scene.guest.push(&scene.topic, "expired");
    let expected = json!({
        "rid": scene.room.rid(), "uid": scene.bob.uid(), "request_id": request.request_id,
        "state": "expired", "seq": notice["seq"],
    });
    assert_eq!(gone, expected);
    assert_eq!((scene.pending(), scene.bobs()), (vec![], (vec![], vec![])));
}

#[test]
fn expired_is_a_notice_for_an_absent_requester() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = ask_briefly(&mut scene, 1000);
    scene.guest.leave(&scene.topic);
    scene.member.push(&scene.topic, "request_gone");
    let mut later = Device::connect(scene.address, &scene.bob);
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let joined = later.arrive(&topic);
        let expected =
            json!({ "rid": scene.room.rid(), "event": "expired", "request_id": request.request_id });
        assert_eq!(timeless(joined["notices"][0].clone()), expected, "{topic}");
        assert_eq!((list(&joined["notices"]).len(), &joined["mine"]), (1, &json!([])));
    }
}

#[test]
fn expired_reaches_the_inbox_when_nobody_is_in_the_room() {
    let server = server();
    let mut scene = Scene::new(&server);
    let inbox = scene.bob.inbox();
    scene.guest.arrive(&inbox);
    let request = ask_briefly(&mut scene, 1500);
    scene.guest.leave(&scene.topic);
    scene.member.leave(&scene.topic);
    assert_eq!(scene.guest.push(&inbox, "expired")["request_id"], json!(request.request_id));
}

#[test]
fn an_approved_request_expires_with_its_approves() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = ask_briefly(&mut scene, 1000);
    scene.approve(&request);
    assert_eq!(scene.guest.push(&scene.topic, "expired")["request_id"], json!(request.request_id));
    assert_eq!(scene.bobs(), (vec![], vec![]));
    let gone = [(); 2].map(|()| scene.member.push(&scene.topic, "request_gone")["state"].clone());
    assert_eq!(gone, ["approved", "expired"]);
}

/// One device has the key and the others' time is over: the request is done.
#[test]
fn an_acked_request_is_done_at_its_exp() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = ask_briefly(&mut scene, 1500);
    let mut lost = Device::another(scene.address, &scene.bob);
    lost.visit(&scene.room.rid());
    lost.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&request);
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], false);
    let gone = [(); 2].map(|()| scene.member.push(&scene.topic, "request_gone")["state"].clone());
    assert_eq!(gone, ["approved", "done"]);
    assert!(now_ms() >= request.exp);
    assert_eq!(scene.guest.events(&scene.topic), [""; 0]);
}

#[test]
fn a_lapsed_approve_makes_its_request_pending_again() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let (_, mut carol, _) = scene.another_member();
    let approve = approve_briefly(&mut scene, &request, 500);
    for member in [&mut scene.member, &mut carol] {
        let told = member.push(&scene.topic, "request");
        assert_eq!((&told["request_id"], &told["state"]), (&json!(request.request_id), &json!("pending")));
        assert_eq!((&told["approvals"], told["after_ms"].is_u64()), (&json!(0), true));
    }
    assert!(now_ms() >= approve.exp, "it ended early");
    let (mine, approves) = scene.bobs();
    assert_eq!((each(&json!(mine), "state"), approves), (vec![json!("pending")], vec![]));
    assert_eq!(scene.guest.events(&scene.topic), [""; 0], "the newcomer goes on waiting");
    assert_eq!(scene.member.events(&scene.topic), ["request_gone"], "and there is no receipt");
    // A lapsed approve does not count as a bad one: Alice may approve as often as her approves
    // lapse.
    scene.approve(&request);
}

#[test]
fn a_lapsed_approve_beside_a_live_one_changes_nothing() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = approve_briefly(&mut scene, &request, 1000);
    let (carol, mut other, _) = scene.another_member();
    let good = scene.room.approve(&carol, &scene.bob.uid(), &request);
    other.call(&scene.topic, "approve", &good).ok();
    eventually("the approve is over", || (now_ms() > approve.exp).then_some(()));
    assert_eq!(each(&json!(scene.bobs().1), "approve_id"), [json!(good.approve_id)], "it is not shown");
    // If one sweep ends two, the one with the earlier expiry comes first.
    let next = scene.ask();
    approve_briefly(&mut scene, &next, 300);
    assert_eq!(scene.member.push(&scene.topic, "request")["request_id"], json!(next.request_id));
    assert_eq!(scene.status(&request), "approved");
    assert_eq!(each(&json!(scene.pending()), "approvals"), [1, 0]);
}

/// They are hidden from the very moment on, even before the server ends them.
#[test]
fn expired_frames_are_hidden_even_before_the_sweep() {
    let server = server_with(&[("--sweep", "1h")]);
    let mut scene = Scene::new(&server);
    let lasting = scene.ask();
    let approve = approve_briefly(&mut scene, &lasting, 1000);
    let request = ask_briefly(&mut scene, 1000);
    eventually("both are over", || (now_ms() > request.exp.max(approve.exp)).then_some(()));
    assert_eq!(each(&json!(scene.pending()), "request_id"), [json!(lasting.request_id)]);
    let (mine, approves) = scene.bobs();
    assert_eq!((each(&json!(mine), "request_id"), approves), (vec![json!(lasting.request_id)], vec![]));
    assert_eq!(scene.status(&request), "expired");
    let late: Value = json!(scene.room.approve(&scene.alice, &scene.bob.uid(), &request));
    assert_eq!(scene.member.call(&scene.topic, "approve", late).refused(), "closed");
    let deny = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, false);
    assert_eq!(scene.member.call(&scene.topic, "deny", deny).refused(), "closed");
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), "expired");
    // The place of the lapsed approve is free.
    scene.approve(&lasting);
}

/// A nacked approve makes its request pending again, but nobody can answer an expired one.
#[test]
fn a_nack_does_not_reopen_an_expired_request() {
    let server = server_with(&[("--sweep", "1h")]);
    let mut scene = Scene::new(&server);
    let request = ask_briefly(&mut scene, 1000);
    let approve = scene.approve(&request);
    scene.member.fence(&scene.topic);
    eventually("it is over", || (now_ms() > request.exp).then_some(()));
    let nacked = scene.guest.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    assert_eq!(nacked["dup"], false);
    assert_eq!(scene.member.events(&scene.topic), ["receipt"]);
    assert_eq!((scene.pending(), scene.status(&request)), (vec![], "expired".into()));
}
