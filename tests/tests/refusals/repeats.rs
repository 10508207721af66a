//! The same frame twice: answered ok, marked as a duplicate, and without effect; also if the server
//! was killed between the two.

use serde_json::{Value, json};
use vestibule_approve::frames::{Approve, Policy, Request};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::Device;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::server;

/// Sends a request and an approve again, and expects the earlier answers with `dup`.
fn repeat(scene: &mut Scene, request: &Request, approve: &Approve, before: &[Value; 2], state: &str) {
    let again = [
        scene.guest.call(&scene.topic, "request", request).ok(),
        scene.member.call(&scene.topic, "approve", approve).ok(),
    ];
    for (again, before) in again.iter().zip(before) {
        assert_eq!((&again["dup"], &again["state"]), (&json!(true), &json!(state)), "{again}");
        // A finished request has the seq of its end.
        assert!(state == "done" || again["seq"] == before["seq"], "{again} after {before}");
    }
}

/// After a restart everybody reconnects.
fn reconnect(scene: &mut Scene) {
    scene.member = Device::connect(scene.address, &scene.alice);
    scene.guest = Device::connect(scene.address, &scene.bob);
    scene.member.enter(&scene.room);
    scene.guest.visit(&scene.room.rid());
}

/// Sends every frame of the flow twice; `between` runs between the first and the second time.
fn whole_flow_repeated(scene: &mut Scene, mut between: impl FnMut(&mut Scene)) {
    let request = scene.bob.request(&scene.room.rid());
    let first = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!(first["dup"], false);
    between(scene);
    let again = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!(
        again,
        json!({ "dup": true, "request_id": request.request_id, "seq": first["seq"], "state": "pending" })
    );
    // The same request under another id counts as the first one.
    let mut same_box = scene.bob.request(&scene.room.rid());
    (same_box.box_pub, same_box.box_alg) = (request.box_pub.clone(), request.box_alg.clone());
    scene.bob.sign_request(&scene.room.rid(), &mut same_box);
    assert_eq!(scene.guest.call(&scene.topic, "request", &same_box).ok(), again);
    assert_eq!(scene.pending().len(), 1);

    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let approved = scene.member.call(&scene.topic, "approve", &approve).ok();
    assert_eq!((&approved["dup"], &approved["others"]), (&json!(false), &json!(0)));
    between(scene);
    let before = [first, approved];
    repeat(scene, &request, &approve, &before, "approved");
    assert_eq!((scene.pending().len(), scene.bobs().1.len()), (1, 1));

    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
    between(scene);
    let again = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(again, json!({ "dup": true, "deleted": false }));
    repeat(scene, &request, &approve, &before, "done");
    assert_eq!((scene.pending(), scene.bobs()), (vec![], (vec![], vec![])));

    let second = scene.bob.request(&scene.room.rid());
    let withdraw = json!({ "request_id": second.request_id });
    scene.guest.call(&scene.topic, "request", &second).ok();
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", &withdraw).ok(), json!({ "dup": false }));
    between(scene);
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", &withdraw).ok(), json!({ "dup": true }));
    assert_eq!(scene.guest.call(&scene.topic, "request", &second).ok()["state"], "withdrawn");
    assert_eq!((scene.pending(), scene.bobs()), (vec![], (vec![], vec![])));
}

#[test]
fn repeated_frames_are_duplicates_at_once() {
    let server = server();
    let mut scene = Scene::new(&server);
    whole_flow_repeated(&mut scene, |_| {});
    // The member was told of each repeated frame only once.
    let told: Vec<_> = scene.member.fence(&scene.topic).into_iter().map(|message| message.event).collect();
    let count = |event: &str| told.iter().filter(|told| *told == event).count();
    assert_eq!((count("request"), count("request_gone")), (2, 3), "{told:?}");
}

#[test]
fn repeated_frames_are_duplicates_after_a_crash() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    whole_flow_repeated(&mut scene, |scene| {
        server.restart();
        reconnect(scene);
    });
}

#[test]
fn a_frame_with_a_fresh_signature_is_a_duplicate() {
    // ECDSA is randomised, so the bytes differ while the signed fields do not.
    let server = server();
    let mut scene = Scene::with(&server, Alg::P256);
    let request = scene.ask();
    let mut again = request.clone();
    scene.bob.sign_request(&scene.room.rid(), &mut again);
    assert_ne!(again.sig, request.sig);
    assert_eq!(scene.guest.call(&scene.topic, "request", &again).ok()["dup"], true);
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    let mut again = approve.clone();
    scene.room.sign_approve(&scene.alice, &mut again);
    assert_ne!(again.user_sig, approve.user_sig);
    assert_eq!(scene.member.call(&scene.topic, "approve", &again).ok()["dup"], true);
}

#[test]
fn a_repeated_request_to_a_now_secret_room_is_refused() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let request = scene.ask();
    let secret = scene.room.card(2, Policy::Secret, None);
    scene.member.call(&scene.topic, "card", secret).ok();
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), "unknown_room");
}
