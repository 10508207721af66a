//! Requests that are refused.

use std::time::Instant;

use serde_json::json;
use vestibule_approve::base64url::Blob;
use vestibule_approve::limits::{ALG_BYTES, FieldLimits};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, PATIENCE, Person, TEN_MINUTES, now_ms};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::server;

#[test]
fn a_request_in_anothers_name_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.bob.request(&scene.room.rid());
    let mut eve = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    eve.visit(&scene.room.rid());
    // The frame that Bob really signed. A member cannot send it either.
    assert_eq!(eve.call(&scene.topic, "request", &request).refused(), "unauthorized");
    assert_eq!(scene.member.call(&scene.topic, "request", &request).refused(), "unauthorized");
    scene.assert_untouched();
    assert_eq!(Device::connect(scene.address, &scene.alice).visit(&scene.room.rid())["mine"], json!([]));
}

#[test]
fn a_request_with_an_invalid_exp_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let rid = scene.room.rid();
    for (exp, reason) in [
        (now_ms() - 1, "expired"),
        (0, "expired"),
        (-1, "expired"),
        (i64::MIN, "expired"),
        (now_ms() + FieldLimits::default().exp_ms + TEN_MINUTES, "bad_payload"),
        (i64::MAX, "bad_payload"),
    ] {
        let mut request = scene.bob.request(&rid);
        request.exp = exp;
        scene.bob.sign_request(&rid, &mut request);
        assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), reason, "exp {exp}");
    }
    scene.assert_untouched();
    let mut request = scene.bob.request(&rid);
    request.exp = now_ms() + FieldLimits::default().exp_ms;
    scene.bob.sign_request(&rid, &mut request);
    scene.guest.call(&scene.topic, "request", &request).ok();
}

#[test]
fn an_expired_request_is_gone_for_everyone() {
    // The sweep would delete it; `tests/tests/flow` tests that.
    let server = Server::start(Launch::vestibule().options(&[("--sweep", "1h")]));
    let mut scene = Scene::new(&server);
    let rid = scene.room.rid();
    let mut request = scene.bob.request(&rid);
    request.exp = now_ms() + 1500;
    scene.bob.sign_request(&rid, &mut request);
    scene.guest.call(&scene.topic, "request", &request).ok();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let deadline = Instant::now() + PATIENCE;
    let status = json!({ "request_id": request.request_id });
    while scene.guest.call(&scene.topic, "status", &status).ok()["state"] == "pending" {
        assert!(Instant::now() < deadline, "a request does not expire");
    }
    assert!(now_ms() >= request.exp, "a request expired early");
    assert_eq!(scene.guest.call(&scene.topic, "status", &status).ok()["state"], "expired");
    assert_eq!((scene.pending(), scene.bobs()), (vec![], (vec![], vec![])));
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), "expired");
    assert_eq!(scene.member.call(&scene.topic, "approve", &approve).refused(), "closed");
    assert_eq!(scene.bobs(), (vec![], vec![]));
}

#[test]
fn an_oversized_request_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let rid = scene.room.rid();
    let fitting = {
        let mut request = scene.bob.request(&rid);
        // Characters are counted, not bytes.
        request.note = Some("é".repeat(FieldLimits::default().note));
        request.box_pub = Blob(vec![1; FieldLimits::default().box_pub]);
        request.box_alg = "x".repeat(ALG_BYTES);
        request
    };
    let mut too_large = [fitting.clone(), fitting.clone(), fitting.clone()];
    too_large[0].note = Some("e".repeat(FieldLimits::default().note + 1));
    too_large[1].box_pub.0.push(1);
    too_large[2].box_alg.push('x');
    for mut request in too_large {
        scene.bob.sign_request(&rid, &mut request);
        assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), "too_large");
    }
    scene.assert_untouched();
    let mut fitting = fitting;
    scene.bob.sign_request(&rid, &mut fitting);
    scene.guest.call(&scene.topic, "request", &fitting).ok();
}

#[test]
fn a_malformed_request_is_refused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = json!(scene.bob.request(&scene.room.rid()));
    for field in ["box_alg", "box_pub", "exp", "request_id", "sig", "sign_alg", "sign_pub"] {
        let mut without = request.clone();
        without.as_object_mut().expect("an object").remove(field);
        assert_eq!(scene.guest.call(&scene.topic, "request", without).refused(), "bad_payload", "no {field}");
        let mut broken = request.clone();
        broken[field] = json!({});
        assert_eq!(scene.guest.call(&scene.topic, "request", broken).refused(), "bad_payload", "{field}");
    }
    for (field, broken) in [("request_id", "AAAA"), ("box_pub", "="), ("sign_alg", "rsa"), ("sig", "")] {
        let mut request = request.clone();
        request[field] = broken.into();
        assert_eq!(scene.guest.call(&scene.topic, "request", request).refused(), "bad_payload", "{field}");
    }
    for payload in [json!(null), json!([]), json!("request"), json!(7), json!({})] {
        assert_eq!(scene.guest.call(&scene.topic, "request", payload).refused(), "bad_payload");
    }
    scene.assert_untouched();
}

#[test]
fn a_request_id_cannot_be_reused() {
    let server = server();
    let mut scene = Scene::new(&server);
    let rid = scene.room.rid();
    let request = scene.ask();
    let mut other = scene.bob.request(&rid);
    other.request_id = request.request_id;
    scene.bob.sign_request(&rid, &mut other);
    assert_eq!(scene.guest.call(&scene.topic, "request", &other).refused(), "id_conflict");
    let pending = scene.pending();
    assert_eq!((pending.len(), &pending[0]["box_pub"]), (1, &json!(request.box_pub)));
    assert_eq!(scene.bobs().0.len(), 1);
    // An id belongs to its user: another user may have chosen the same.
    let carol = Person::new(Alg::P256);
    let mut device = Device::connect(scene.address, &carol);
    device.visit(&rid);
    let mut same_id = carol.request(&rid);
    same_id.request_id = request.request_id;
    carol.sign_request(&rid, &mut same_id);
    assert_eq!(device.call(&scene.topic, "request", &same_id).ok()["dup"], false);
    // And a finished request keeps its id.
    let withdraw = json!({ "request_id": request.request_id });
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok(), json!({ "dup": false }));
    assert_eq!(scene.guest.call(&scene.topic, "request", &other).refused(), "id_conflict");
    let again = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!((&again["state"], &again["dup"]), (&json!("withdrawn"), &json!(true)));
    assert_eq!(scene.bobs().0, [json!(null); 0]);
    assert_eq!(scene.pending().len(), 1, "only Carol's is left");
}
