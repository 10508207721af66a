//! Many at once: no message is lost and none comes twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use vestibule_approve::signed::{Alg, Rid};
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::scene::Scene;

use crate::server;

/// Enough rounds for a join to meet each moment of the room's end.
const ROUNDS: usize = 200;

/// Sets the flag on drop, even after a panic: otherwise the threads that wait for the end would
/// wait for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A room ends with its last member and starts with its first. Two members come and go at once,
/// round after round, while a third connection does so at its own pace: everybody is let in, and
/// both members are in the same room, since each hears the other.
#[test]
fn a_join_during_the_last_leave_succeeds() {
    let server = server();
    let (address, room) = (server.address(), Room::new(Alg::Ed25519));
    let (barrier, is_over) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        let churn = scope.spawn(|| come_and_go(address, &room.rid(), &is_over));
        let members = [(); 2].map(|()| scope.spawn(|| meet(address, &room, &barrier)));
        let met = members.map(thread::ScopedJoinHandle::join);
        is_over.store(true, Ordering::Relaxed);
        let churned = churn.join().expect("every join and leave is answered");
        assert!(met.iter().all(Result::is_ok), "somebody was lost");
        assert!(churned > 0);
    });
}

/// Joins and leaves until the others are done; returns how often.
fn come_and_go(address: SocketAddr, rid: &Rid, is_over: &AtomicBool) -> usize {
    let mut device = Device::connect(address, &Person::new(Alg::Ed25519));
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        device.visit(rid);
        device.leave(&format!("room:{rid}"));
        device.drain();
        count += 1;
    }
    count
}

fn meet(address: SocketAddr, room: &Room, barrier: &Barrier) {
    let mut device = Device::connect(address, &Person::new(Alg::Ed25519));
    let topic = room.topic();
    for round in 0..ROUNDS {
        barrier.wait();
        device.enter(room);
        barrier.wait();
        device.call(&topic, "round", json!(round)).ok();
        assert_eq!(device.push(&topic, "round"), json!(round), "the other member is not heard");
        device.drain();
        device.leave(&topic);
    }
}

fn count(counts: &mut BTreeMap<String, usize>, items: &[Value], name: &str) {
    for item in items {
        *counts.entry(item[name].as_str().expect("an id").to_owned()).or_default() += 1;
    }
}

/// While requests arrive, members prove the key: each sees every request once, listed or pushed.
#[test]
fn requests_during_a_members_join_come_once() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests: Vec<_> = (0..100).map(|_| scene.bob.request(&scene.room.rid())).collect();
    let is_over = AtomicBool::new(false);
    let Scene { address, room, topic, guest, .. } = &mut scene;
    let (address, room, topic) = (*address, &*room, &*topic);
    let arrive = || {
        let mut seen = Vec::new();
        let mut is_last = false;
        // One more after the last request; it lists all of them.
        while !is_last {
            is_last = is_over.load(Ordering::Acquire);
            let mut device = Device::connect(address, &Person::new(Alg::Ed25519));
            let proved = device.enter(room);
            seen.push((device, proved));
        }
        seen
    };
    let arrived = thread::scope(|scope| {
        let arriving = scope.spawn(arrive);
        let over = Over(&is_over);
        for request in &requests {
            guest.call(topic, "request", request).ok();
        }
        drop(over);
        arriving.join().expect("members")
    });
    let arrivals = arrived.len();
    assert!(arrivals > 2, "nobody arrived in between");
    for (mut device, proved) in arrived {
        let mut counts = BTreeMap::new();
        count(&mut counts, proved["pending"].as_array().expect("a list"), "request_id");
        let mut cursor = proved["cursor"].clone();
        while !cursor.is_null() {
            let page = device.call(topic, "pending", json!({ "cursor": cursor })).ok();
            count(&mut counts, page["items"].as_array().expect("a list"), "request_id");
            cursor = page["cursor"].clone();
        }
        let told = device.fence(topic).into_iter().filter(|message| message.event == "request");
        count(&mut counts, &told.map(|message| message.payload).collect::<Vec<_>>(), "request_id");
        let lost = requests.iter().filter(|request| !counts.contains_key(&request.request_id.to_string()));
        assert_eq!(lost.count(), 0, "lost");
        assert!(counts.values().all(|count| *count == 1), "twice: {counts:?}");
    }
    println!("{arrivals} members arrived among {} requests", requests.len());
}

/// While approves arrive, Bob's devices join: each sees every approve once, in the answer or
/// pushed.
#[test]
fn approves_during_the_newcomers_join_come_once() {
    let server = server();
    let mut scene = Scene::new(&server);
    // No more than a page, so that each join's answer has all of them.
    let requests: Vec<_> = (0..50).map(|_| scene.ask()).collect();
    let approves: Vec<_> =
        requests.iter().map(|request| scene.room.approve(&scene.alice, &scene.bob.uid(), request)).collect();
    let is_over = AtomicBool::new(false);
    let Scene { address, bob, topic, member, .. } = &mut scene;
    let (address, bob, topic) = (*address, &*bob, &*topic);
    let token = bob.sign_in(address);
    let arrive = || {
        let mut seen = Vec::new();
        let mut is_last = false;
        while !is_last {
            is_last = is_over.load(Ordering::Acquire);
            for topic in [topic.clone(), bob.inbox()] {
                let mut device = Device::with_token(address, bob, Some(&token));
                let joined = device.join(&topic).ok();
                seen.push((device, topic, joined));
            }
        }
        seen
    };
    let arrived = thread::scope(|scope| {
        let arriving = scope.spawn(arrive);
        let over = Over(&is_over);
        for approve in &approves {
            member.call(topic, "approve", approve).ok();
        }
        drop(over);
        arriving.join().expect("devices")
    });
    assert!(arrived.len() > 2, "nobody arrived in between");
    // The room tells the inbox after it has answered the approver: its next answer comes after
    // that.
    member.fence(topic);
    for (mut device, topic, joined) in arrived {
        let mut counts = BTreeMap::new();
        count(&mut counts, joined["approves"].as_array().expect("a list"), "approve_id");
        let told = device.fence(&topic).into_iter().filter(|message| message.event == "approve");
        count(&mut counts, &told.map(|message| message.payload).collect::<Vec<_>>(), "approve_id");
        assert_eq!(counts.len(), approves.len(), "lost on {topic}");
        assert!(counts.values().all(|count| *count == 1), "twice: {counts:?}");
    }
}
