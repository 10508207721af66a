//! `after_ms`: members' clients that approve automatically do not do so all at once.

use serde_json::{Value, json};
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::server;

/// The delay that each member is given for a request of Bob's, which is withdrawn again.
fn waits(scene: &mut Scene, members: &mut [Device]) -> Vec<u64> {
    let request = scene.bob.request(&scene.room.rid());
    scene.guest.call(&scene.topic, "request", &request).ok();
    let topic = scene.topic.clone();
    let waits = told(scene, members);
    scene.guest.call(&topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    waits
}

/// The delay that each member is given with the next push of a request.
fn told(scene: &mut Scene, members: &mut [Device]) -> Vec<u64> {
    let devices = std::iter::once(&mut scene.member).chain(members);
    devices.map(|device| after(&device.push(&scene.topic, "request"))).collect()
}

fn after(told: &Value) -> u64 {
    told["after_ms"].as_u64().unwrap_or_else(|| panic!("no after_ms: {told}"))
}

fn sorted(mut waits: Vec<u64>) -> Vec<u64> {
    waits.sort_unstable();
    waits
}

#[test]
fn after_ms_grows_by_groups_of_doubling_size() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut others = Vec::new();
    for expected in [
        &[0][..],
        &[0, 1500],
        &[0, 1500, 3000],
        &[0, 1500, 3000, 3000],
        &[0, 1500, 3000, 3000, 4500],
        &[0, 1500, 3000, 3000, 4500, 4500],
    ] {
        assert_eq!(sorted(waits(&mut scene, &mut others)), expected);
        let (_, device, _) = scene.another_member();
        others.push(device);
    }
}

#[test]
fn after_ms_of_a_proof_counts_the_members_present() {
    let server = server();
    let mut scene = Scene::new(&server);
    scene.member.leave(&scene.topic);
    // Bob is there, but guests do not approve.
    let mut members = Vec::new();
    for expected in [0, 1500, 3000, 3000, 4500] {
        let person = Person::new(scene.alice.key.alg());
        let mut device = Device::connect(scene.address, &person);
        assert_eq!(after(&device.enter(&scene.room)), expected);
        // A repeated proof adds no member.
        assert_eq!(after(&device.enter(&scene.room)), expected);
        members.push(device);
    }
}

#[test]
fn each_request_starts_with_another_member() {
    let server = server();
    let mut scene = Scene::new(&server);
    let mut others = [(); 2].map(|()| scene.another_member().1);
    let first = |waits: Vec<u64>| waits.iter().position(|wait| *wait == 0).expect("somebody is first");
    let one = first(waits(&mut scene, &mut others));
    // By chance it may be the same member, but not this often.
    let is_another = (0..100).any(|_| first(waits(&mut scene, &mut others)) != one);
    assert!(is_another, "always the same member is first");
}

#[test]
fn a_reopened_request_has_after_ms() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut others = [(); 2].map(|()| scene.another_member().1);
    let approve = scene.approve(&request);
    scene.guest.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    assert_eq!(sorted(told(&mut scene, &mut others)), [0, 1500, 3000]);
}
