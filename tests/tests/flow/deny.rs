//! Rule 7: a member's denial.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, now_ms, random};
use vestibule_tests::scene::Scene;

use crate::{at_home, eventually, is_closed, server, server_with, timeless};

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn denied_reaches_each_newcomer_device_in_one_topic() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut devices = at_home(&scene, &scene.bob);
    let mut eve = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    eve.visit(&scene.room.rid());
    let deny = scene.deny(&request, false);
    let expected = json!({
        "rid": scene.room.rid(), "event": "denied", "request_id": request.request_id, "by": scene.alice.uid(),
        "code": "not_now", "block": false, "room_sig": deny.room_sig,
    });
    scene.member.fence(&scene.topic);
    for (device, told, other) in &mut devices {
        assert_eq!(timeless(device.push(told, "denied")), expected, "{told}");
        assert_eq!(device.news(told), []);
        if let Some(other) = other {
            assert_eq!(device.news(other), [], "twice on one connection");
        }
    }
    assert_eq!(eve.fence(&scene.topic), []);
    assert_eq!(scene.status(&request), "denied");
    assert_eq!(scene.bobs(), (vec![], vec![]), "nothing waits");
}

#[test]
fn denied_is_a_notice_for_an_absent_newcomer() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.guest.leave(&scene.topic);
    let deny = scene.deny(&request, true);
    let mut later = Device::connect(scene.address, &scene.bob);
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let joined = later.arrive(&topic);
        let expected = json!({
            "rid": scene.room.rid(), "event": "denied", "request_id": request.request_id,
            "by": scene.alice.uid(), "code": "not_now", "block": true, "room_sig": deny.room_sig,
        });
        assert_eq!(timeless(joined["notices"][0].clone()), expected, "{topic}");
        assert_eq!((&joined["notices"].as_array().map(Vec::len), &joined["mine"]), (&Some(1), &json!([])));
        assert_eq!(joined["seq"], joined["notices"][0]["seq"]);
        assert_eq!(later.news(&topic), [], "not a second time");
    }
}

#[test]
fn request_gone_tells_members_who_denied() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    let request = scene.ask();
    carol.push(&scene.topic, "request");
    scene.deny(&request, false);
    let notice = scene.guest.push(&scene.topic, "denied");
    let expected = json!({
        "rid": scene.room.rid(), "uid": scene.bob.uid(), "request_id": request.request_id, "state": "denied",
        "by": scene.alice.uid(), "seq": notice["seq"],
    });
    for member in [&mut scene.member, &mut carol] {
        assert_eq!(member.push(&scene.topic, "request_gone"), expected);
    }
    assert_eq!(scene.pending(), [json!(null); 0], "a denied request is not pending");
}

#[test]
fn cooldown_refuses_the_next_requests_for_a_day() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, false);
    let denied_at = scene.guest.push(&scene.topic, "denied")["at"].as_i64().expect("a time");
    let next = scene.bob.request(&scene.room.rid());
    let refused = scene.guest.call(&scene.topic, "request", &next);
    assert_eq!(refused.refused(), "cooldown");
    let until = now_ms() + refused.response["retry_ms"].as_i64().expect("retry_ms");
    assert!((denied_at + DAY_MS..denied_at + DAY_MS + 10_000).contains(&until), "{until} after {denied_at}");
    // A repeat of the denied request is not another request.
    let again = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!((&again["state"], &again["dup"]), (&json!("denied"), &json!(true)));
    // Only Bob must wait, and only in this room.
    let carol = Person::new(Alg::P256);
    let mut device = Device::connect(scene.address, &carol);
    device.visit(&scene.room.rid());
    device.call(&scene.topic, "request", carol.request(&scene.room.rid())).ok();
    let elsewhere = Scene::new(&server);
    scene.guest.visit(&elsewhere.room.rid());
    scene.guest.call(&elsewhere.topic, "request", scene.bob.request(&elsewhere.room.rid())).ok();
}

#[test]
fn cooldown_ends_by_itself_and_with_it_the_denied_request() {
    let server = server_with(&[("--cooldown", "1s"), ("--sweep", "100ms")]);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, false);
    let denied_at = scene.guest.push(&scene.topic, "denied")["at"].as_i64().expect("a time");
    let next = scene.bob.request(&scene.room.rid());
    eventually("the next request is taken", || {
        let reply = scene.guest.call(&scene.topic, "request", &next);
        (reply.status == "ok").then_some(()).or_else(|| {
            assert_eq!(reply.refused(), "cooldown");
            None
        })
    });
    assert!(now_ms() >= denied_at + 1000, "it ended early");
    assert_eq!(scene.member.call(&scene.topic, "denials", json!({})).ok()["items"], json!([]));
    eventually("the denied request is closed", || is_closed(&mut scene, &request).then_some(()));
    assert_eq!(scene.status(&request), "denied");
    assert_eq!(scene.guest.events(&scene.topic), [""; 0], "of a denial nobody is told twice");
}

#[test]
fn blocked_holds_until_a_member_sends_unblock() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, true);
    let next = scene.bob.request(&scene.room.rid());
    let refused = scene.guest.call(&scene.topic, "request", &next);
    assert_eq!((refused.refused(), refused.response.get("retry_ms")), ("blocked", None));
    let uid = json!({ "uid": scene.bob.uid() });
    assert_eq!(scene.guest.call(&scene.topic, "unblock", &uid).refused(), "not_member");
    assert_eq!(scene.guest.call(&scene.topic, "request", &next).refused(), "blocked");
    let (_, mut carol, _) = scene.another_member();
    assert_eq!(carol.call(&scene.topic, "unblock", &uid).ok(), json!({ "dup": false }));
    assert_eq!(scene.member.call(&scene.topic, "unblock", &uid).ok(), json!({ "dup": true }));
    assert_eq!(scene.guest.call(&scene.topic, "request", &next).ok()["dup"], false);
    let nobody = json!({ "uid": Person::new(Alg::P256).uid() });
    assert_eq!(carol.call(&scene.topic, "unblock", nobody).ok(), json!({ "dup": true }));
}

#[test]
fn unblock_ends_a_cooldown_too() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, false);
    let uid = json!({ "uid": scene.bob.uid() });
    assert_eq!(scene.member.call(&scene.topic, "unblock", uid).ok(), json!({ "dup": false }));
    scene.guest.call(&scene.topic, "request", scene.bob.request(&scene.room.rid())).ok();
}

#[test]
fn a_second_deny_is_a_duplicate_unless_it_blocks() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let first = scene.deny(&request, false);
    let (carol, mut other, _) = scene.another_member();
    let bob = scene.bob.uid();
    let duplicate = json!({ "state": "denied", "dup": true });
    assert_eq!(scene.member.call(&scene.topic, "deny", &first).ok(), duplicate);
    let same = scene.room.deny(&carol, &bob, &request.request_id, false);
    assert_eq!(other.call(&scene.topic, "deny", &same).ok(), duplicate);
    let next = scene.bob.request(&scene.room.rid());
    assert_eq!(scene.guest.call(&scene.topic, "request", &next).refused(), "cooldown");
    let block = scene.room.deny(&carol, &bob, &request.request_id, true);
    assert_eq!(other.call(&scene.topic, "deny", &block).ok()["dup"], false);
    assert_eq!(other.call(&scene.topic, "deny", &same).ok(), duplicate, "a block says more than that");
    assert_eq!(scene.guest.call(&scene.topic, "request", &next).refused(), "blocked");
    assert_eq!(scene.guest.events(&scene.topic), ["denied", "denied"]);
}

/// A temporary denial of another request does not replace a block.
#[test]
fn a_block_is_not_shortened_by_another_denial() {
    let server = server();
    let mut scene = Scene::new(&server);
    let [first, second] = [(); 2].map(|()| scene.ask());
    scene.deny(&first, true);
    scene.deny(&second, false);
    let next = scene.bob.request(&scene.room.rid());
    assert_eq!(scene.guest.call(&scene.topic, "request", &next).refused(), "blocked");
    let uid = json!({ "uid": scene.bob.uid() });
    assert_eq!(scene.member.call(&scene.topic, "unblock", uid).ok(), json!({ "dup": false }));
    scene.guest.call(&scene.topic, "request", &next).ok();
}

#[test]
fn deny_by_a_guest_or_without_a_request_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let (bob, eve) = (scene.bob.uid(), Person::new(Alg::Ed25519));
    let unknown = scene.room.deny(&scene.alice, &bob, &random(), false);
    assert_eq!(scene.member.call(&scene.topic, "deny", unknown).refused(), "no_request");
    let not_eves = scene.room.deny(&scene.alice, &eve.uid(), &request.request_id, false);
    assert_eq!(scene.member.call(&scene.topic, "deny", not_eves).refused(), "no_request");
    let by_guest = scene.room.deny(&scene.bob, &bob, &request.request_id, false);
    assert_eq!(scene.guest.call(&scene.topic, "deny", by_guest).refused(), "not_member");
    let mut long = scene.room.deny(&scene.alice, &bob, &request.request_id, false);
    long.code = "x".repeat(65);
    scene.room.sign_deny(&scene.alice, &mut long);
    assert_eq!(scene.member.call(&scene.topic, "deny", &long).refused(), "too_large");
    assert_eq!(scene.status(&request), "pending");
    long.code.pop();
    scene.room.sign_deny(&scene.alice, &mut long);
    assert_eq!(scene.member.call(&scene.topic, "deny", &long).ok()["dup"], false);
    assert_eq!(scene.guest.push(&scene.topic, "denied")["code"], json!(long.code));
}

#[test]
fn approved_or_finished_requests_cannot_be_denied() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let deny = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, true);
    assert_eq!(scene.member.call(&scene.topic, "deny", &deny).refused(), "closed");
    assert_eq!(scene.status(&request), "approved");
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(scene.member.call(&scene.topic, "deny", &deny).refused(), "closed");
    assert_eq!(scene.status(&request), "done");
    let request = scene.ask();
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    let deny = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, true);
    assert_eq!(scene.member.call(&scene.topic, "deny", &deny).refused(), "closed");
    scene.ask();
}
