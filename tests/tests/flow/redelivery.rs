//! Rule 6: an approve that is neither acked nor nacked is sent again, a few times.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_approve::frames::{Approve, Id};
use vestibule_tests::people::{Device, Message};
use vestibule_tests::process::Server;
use vestibule_tests::scene::Scene;

use crate::{each, server_with};

const INTERVAL: Duration = Duration::from_millis(200);

fn server() -> Server {
    server_with(&[("--redelivery", "200ms")])
}

/// Waits until a connection has been sent an approve for the last time. `taken` is the attempt that
/// was already received.
fn exhaust(device: &mut Device, topic: &str, approve: &Approve, taken: u64) {
    for attempt in taken + 1..=5 {
        let told = loop {
            let told = device.push(topic, "approve");
            if told["approve_id"] == json!(approve.approve_id) {
                break told;
            }
        };
        assert_eq!(told["attempt"], attempt);
        assert_eq!(
            (&told["ct"], &told["exp"]),
            (&json!(approve.ct), &json!(approve.exp)),
            "the same approve"
        );
    }
}

/// How often an approve is among these messages.
fn count(told: &[Message], id: Id) -> usize {
    told.iter().filter(|message| message.payload["approve_id"] == json!(id)).count()
}

#[test]
fn an_approve_is_sent_five_times_and_again_on_the_next_join() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let start = Instant::now();
    exhaust(&mut scene.guest, &scene.topic, &approve, 1);
    assert!(start.elapsed() + INTERVAL / 2 >= 4 * INTERVAL, "{:?}", start.elapsed());
    // A connection that joins now counts its own attempts, of which the join's answer is the first.
    // While it is sent the approve four times more, the first connection is not.
    let mut later = Device::connect(scene.address, &scene.bob);
    let joined = later.arrive(&scene.topic);
    assert_eq!(each(&joined["approves"], "approve_id"), [json!(approve.approve_id)]);
    assert_eq!(joined["approves"][0].get("attempt"), None);
    exhaust(&mut later, &scene.topic, &approve, 1);
    assert_eq!(scene.guest.news(&scene.topic), []);
    // Its own next join starts again.
    let joined = scene.guest.arrive(&scene.topic);
    assert_eq!(each(&joined["approves"], "approve_id"), [json!(approve.approve_id)]);
    exhaust(&mut scene.guest, &scene.topic, &approve, 1);
    assert_eq!(later.news(&scene.topic), []);
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
}

#[test]
fn room_and_inbox_joins_count_attempts_separately() {
    let server = server();
    let mut scene = Scene::new(&server);
    let inbox = scene.bob.inbox();
    let mut elsewhere = Device::another(scene.address, &scene.bob);
    elsewhere.arrive(&inbox);
    let request = scene.ask();
    let approve = scene.approve(&request);
    exhaust(&mut elsewhere, &inbox, &approve, 0);
    exhaust(&mut scene.guest, &scene.topic, &approve, 1);
    assert_eq!(elsewhere.news(&inbox), []);
}

#[test]
fn ack_or_nack_ends_redelivery() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = [(); 3].map(|()| scene.ask());
    let [acked, nacked, left] = [0, 1, 2].map(|n| scene.approve(&requests[n]));
    let again = scene.guest.push(&scene.topic, "approve");
    assert_eq!((&again["approve_id"], &again["attempt"]), (&json!(acked.approve_id), &json!(2)));
    scene.guest.ack(&scene.topic, &acked.approve_id).ok();
    scene.guest.nack(&scene.topic, &nacked.approve_id, "wrong_key").ok();
    scene.guest.drain();
    // It continues for the remaining device, whatever of its second attempt was discarded.
    let mut joined = Device::another(scene.address, &scene.bob);
    joined.arrive(&scene.topic);
    exhaust(&mut joined, &scene.topic, &left, 1);
    let told = scene.guest.news(&scene.topic);
    assert_eq!((count(&told, acked.approve_id), count(&told, nacked.approve_id)), (0, 0), "{told:?}");
    assert!(count(&told, left.approve_id) >= 2, "{told:?}");
}

/// The approve still waits for the other device, but not for this one.
#[test]
fn an_ack_ends_redelivery_for_that_device() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut second = Device::another(scene.address, &scene.bob);
    second.visit(&scene.room.rid());
    let request = scene.ask();
    second.call(&scene.topic, "request", &request).ok();
    let approve = scene.approve(&request);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    exhaust(&mut second, &scene.topic, &approve, 0);
    assert_eq!(scene.guest.news(&scene.topic), []);
    assert_eq!(second.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
}

/// A connection does not get in the inbox what it gets in the room.
#[test]
fn a_connection_in_room_and_inbox_is_served_in_the_room() {
    let server = server();
    let mut scene = Scene::new(&server);
    let inbox = scene.bob.inbox();
    let request = scene.ask();
    let approve = scene.approve(&request);
    let mut both = Device::another(scene.address, &scene.bob);
    both.arrive(&inbox);
    both.arrive(&scene.topic);
    exhaust(&mut both, &scene.topic, &approve, 1);
    assert_eq!(count(&both.news(&inbox), approve.approve_id), 0);
}

/// More than one page of them: none is left out.
#[test]
fn each_of_many_approves_is_redelivered() {
    let many = 60;
    let server = server_with(&[("--redelivery", "200ms"), ("--max-open-per-user", "100")]);
    let mut scene = Scene::new(&server);
    for _ in 0..many {
        let request = scene.ask();
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        scene.member.call(&scene.topic, "approve", &approve).ok();
    }
    let mut fifth = BTreeSet::new();
    while fifth.len() < many {
        let told = scene.guest.push(&scene.topic, "approve");
        if told["attempt"] == 5 {
            fifth.insert(told["approve_id"].to_string());
        }
    }
}
