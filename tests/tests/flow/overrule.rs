//! Rule 7, the other half: another member can overrule a denial.

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, now_ms};
use vestibule_tests::scene::Scene;

use crate::{each, eventually, list, server, server_with};

#[test]
fn denials_show_the_request_while_it_can_be_approved() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, false);
    let denied = scene.guest.push(&scene.topic, "denied");
    let (_, mut carol, pending) = scene.another_member();
    assert_eq!(pending, [json!(null); 0]);
    let page = carol.call(&scene.topic, "denials", json!({})).ok();
    assert_eq!((page["items"].as_array().map(Vec::len), &page["cursor"]), (Some(1), &json!(null)));
    let mut item = page["items"][0].clone();
    let shown = item.as_object_mut().and_then(|item| item.remove("requests")).expect("the requests");
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    let shown = &shown[0];
    let at = denied["at"].as_i64().expect("a time");
    let expected = json!({
        "rid": scene.room.rid(), "uid": scene.bob.uid(), "by": scene.alice.uid(), "code": "not_now",
        "block": false, "at": at, "until": at + 24 * 3_600_000, "seq": denied["seq"],
    });
    assert_eq!(item, expected);
    for (field, value) in json!(request).as_object().expect("a frame") {
        assert_eq!(&shown[field], value, "{field}");
    }
    assert_eq!((&shown["state"], &shown["approvals"]), (&json!("denied"), &json!(0)));
    assert_eq!((&shown["uid"], &shown["rid"]), (&json!(scene.bob.uid()), &json!(scene.room.rid())));
    assert_eq!(scene.guest.call(&scene.topic, "denials", json!({})).refused(), "not_member");

    // A block has no end, and a withdrawn request cannot be approved.
    let block = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, true);
    scene.member.call(&scene.topic, "deny", block).ok();
    let withdraw = json!({ "request_id": request.request_id });
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok(), json!({ "dup": false }));
    let page = carol.call(&scene.topic, "denials", json!({})).ok();
    assert_eq!((&page["items"][0]["block"], &page["items"][0]["until"]), (&json!(true), &json!(null)));
    assert_eq!(page["items"][0]["requests"], json!([]));
}

#[test]
fn another_member_can_approve_a_denied_request() {
    let server = server();
    for block in [false, true] {
        let mut scene = Scene::new(&server);
        let request = scene.ask();
        scene.deny(&request, block);
        let (carol, mut other, _) = scene.another_member();
        let approve = scene.room.approve(&carol, &scene.bob.uid(), &request);
        let stored = other.call(&scene.topic, "approve", &approve).ok();
        assert_eq!((&stored["state"], &stored["dup"]), (&json!("approved"), &json!(false)));
        assert_eq!(scene.guest.push(&scene.topic, "approve")["ct"], json!(approve.ct));
        assert_eq!(each(&json!(scene.pending()), "state"), ["approved"], "members see it again");
        assert_eq!(each(&other.call(&scene.topic, "denials", json!({})).ok()["items"], "uid"), [""; 0]);
        // The denial is lifted: the request cannot be denied again, and Bob need not wait for his
        // next one.
        let again = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, true);
        assert_eq!(scene.member.call(&scene.topic, "deny", again).refused(), "closed");
        let next = scene.bob.request(&scene.room.rid());
        assert_eq!(scene.guest.call(&scene.topic, "request", next).ok()["dup"], false);
        let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
        assert_eq!(acked, json!({ "dup": false, "deleted": true }));
        assert_eq!(scene.status(&request), "done");
    }
}

#[test]
fn a_denied_request_can_be_withdrawn() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, false);
    let withdraw = json!({ "request_id": request.request_id });
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok(), json!({ "dup": false }));
    assert_eq!(scene.status(&request), "withdrawn");
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_eq!(scene.member.call(&scene.topic, "approve", approve).refused(), "closed");
    let next = scene.bob.request(&scene.room.rid());
    assert_eq!(scene.guest.call(&scene.topic, "request", next).refused(), "cooldown", "the denial stays");
}

/// A block outlives the request that it denied; nobody is told of that.
#[test]
fn a_denied_request_expires_but_the_denial_stays() {
    let server = server_with(&[("--sweep", "100ms")]);
    let mut scene = Scene::new(&server);
    let rid = scene.room.rid();
    let mut request = scene.bob.request(&rid);
    request.exp = now_ms() + 1000;
    scene.bob.sign_request(&rid, &mut request);
    scene.guest.call(&scene.topic, "request", &request).ok();
    scene.deny(&request, true);
    let mut denial = || scene.member.call(&scene.topic, "denials", json!({})).ok()["items"][0].clone();
    assert_eq!(denial()["requests"][0]["request_id"], json!(request.request_id));
    let over =
        eventually("the request is over", || Some(denial()).filter(|item| item["requests"] == json!([])));
    assert!(now_ms() >= request.exp, "it ended early");
    assert_eq!((&over["uid"], &over["block"]), (&json!(scene.bob.uid()), &json!(true)));
    assert_eq!(scene.status(&request), "denied", "it is remembered for a while");
    assert_eq!(scene.guest.events(&scene.topic), ["denied"]);
    let gone = scene.member.news(&scene.topic);
    assert_eq!(gone.iter().filter(|message| message.event == "request_gone").count(), 1, "{gone:?}");
    let next = scene.bob.request(&rid);
    assert_eq!(scene.guest.call(&scene.topic, "request", next).refused(), "blocked");
}

/// Denied users that fill more than a page.
#[test]
fn denials_are_paged() {
    const MANY: usize = 53;
    let server = server();
    let mut scene = Scene::new(&server);
    let mut expected = Vec::new();
    for _ in 0..MANY {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(scene.address, &person);
        device.visit(&scene.room.rid());
        let request = person.request(&scene.room.rid());
        device.call(&scene.topic, "request", &request).ok();
        let deny = scene.room.deny(&scene.alice, &person.uid(), &request.request_id, true);
        scene.member.call(&scene.topic, "deny", deny).ok();
        expected.push(json!(person.uid()));
    }
    let mut page = |list: Value| scene.member.call(&scene.topic, "denials", list).ok();
    let first = page(json!({}));
    assert_eq!(each(&first["items"], "uid"), expected[..50], "oldest first");
    let second = page(json!({ "cursor": first["cursor"] }));
    assert_eq!((each(&second["items"], "uid"), &second["cursor"]), (expected[50..].to_vec(), &json!(null)));
    assert_eq!(list(&page(json!({ "limit": 1000 }))["items"]).len(), 50, "at most");

    // Small pages, with one denial lifted between them.
    let lifted = json!({ "uid": expected[3] });
    let first = page(json!({ "limit": 2 }));
    assert_eq!(each(&first["items"], "uid"), expected[..2]);
    let second = page(json!({ "limit": 2, "cursor": first["cursor"] }));
    assert_eq!(each(&second["items"], "uid"), expected[2..4]);
    scene.member.call(&scene.topic, "unblock", lifted).ok();
    let third = scene.member.call(&scene.topic, "denials", json!({ "cursor": second["cursor"] })).ok();
    assert_eq!(each(&third["items"], "uid"), expected[4..]);
    let bad = scene.member.call(&scene.topic, "denials", json!({ "cursor": "x" }));
    assert_eq!(bad.refused(), "bad_payload");
}

/// A denial is of a user in a room: approving or unblocking the user lifts it for all their
/// requests.
#[test]
fn approving_one_denied_request_reopens_the_others() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = [(); 2].map(|()| scene.ask());
    for request in &requests {
        scene.deny(request, false);
    }
    let denials = scene.member.call(&scene.topic, "denials", json!({})).ok();
    assert_eq!(each(&denials["items"], "uid"), [json!(scene.bob.uid())]);
    let ids = requests.iter().map(|request| json!(request.request_id)).collect::<Vec<_>>();
    assert_eq!(each(&denials["items"][0]["requests"], "request_id"), ids);
    scene.approve(&requests[1]);
    assert_eq!(scene.member.push(&scene.topic, "request")["request_id"], ids[0], "it is shown anew");
    assert_eq!(scene.status(&requests[0]), "pending");
}

#[test]
fn an_unblock_reopens_denied_requests() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.deny(&request, true);
    let unblock = json!({ "uid": scene.bob.uid() });
    assert_eq!(scene.member.call(&scene.topic, "unblock", unblock).ok(), json!({ "dup": false }));
    assert_eq!(scene.member.push(&scene.topic, "request")["request_id"], json!(request.request_id));
    assert_eq!(scene.status(&request), "pending");
}
