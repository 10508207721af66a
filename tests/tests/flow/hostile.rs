//! Rules 3, 4 and 7 together: members are trusted to keep the key, not to let newcomers in. However
//! many accounts a hostile member has, and whatever it sends, the newcomer gets the key with the
//! next honest approve.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vestibule_approve::base64url;
use vestibule_approve::frames::{Approve, Policy, Request};
use vestibule_approve::signed::Alg;
use vestibule_tests::http;
use vestibule_tests::people::{Device, Key, Person, Room};

use crate::{server, server_with};

/// The content of the honest approve; everything else is garbage.
const SEALED: &[u8] = b"the sealed room key";

/// A room, its creator, and a newcomer who asks.
struct HostileScene {
    address: SocketAddr,
    room: Room,
    topic: String,
    creator: Person,
    honest: Device,
    bob: Person,
    guest: Device,
    request: Request,
}

impl HostileScene {
    fn new(address: SocketAddr) -> Self {
        let (room, creator) = (Room::new(Alg::Ed25519), Person::new(Alg::Ed25519));
        let mut device = Device::connect(address, &creator);
        device.enter(&room);
        device.call(&room.topic(), "card", room.card(1, Policy::Request, None)).ok();
        Self::of(address, room, creator)
    }

    /// In a room that is already published.
    fn of(address: SocketAddr, room: Room, creator: Person) -> Self {
        let (topic, bob) = (room.topic(), Person::new(Alg::Ed25519));
        let mut honest = Device::connect(address, &creator);
        honest.enter(&room);
        let mut guest = Device::connect(address, &bob);
        guest.visit(&room.rid());
        let request = bob.request(&room.rid());
        guest.call(&topic, "request", &request).ok();
        Self { address, room, topic, creator, honest, bob, guest, request }
    }

    /// An account of somebody who has the room key.
    fn account(&self) -> (Person, Device) {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.address, &person);
        device.enter(&self.room);
        (person, device)
    }

    fn garbage(&self, by: &Person) -> Approve {
        self.room.approve(by, &self.bob.uid(), &self.request)
    }

    fn good(&self) -> Approve {
        let mut approve = self.garbage(&self.creator);
        approve.ct.0 = SEALED.to_vec();
        self.room.sign_approve(&self.creator, &mut approve);
        approve
    }

    /// Bob takes approves as they come, nacks garbage and acks the good one; returns how many were
    /// garbage.
    fn take_the_key(&mut self) -> usize {
        for nacked in 0.. {
            let told: Value = self.guest.push(&self.topic, "approve");
            let approve: Approve = serde_json::from_value(told).expect("an approve");
            if approve.ct.0 == SEALED {
                let acked = self.guest.ack(&self.topic, &approve.approve_id).ok();
                assert_eq!(acked, json!({ "dup": false, "deleted": true }));
                return nacked;
            }
            self.guest.nack(&self.topic, &approve.approve_id, "undecryptable").ok();
        }
        unreachable!("there is no end to the garbage")
    }

    fn state(&mut self) -> Value {
        let about = json!({ "request_id": self.request.request_id });
        self.guest.call(&self.topic, "status", about).ok()["state"].take()
    }
}

/// Rule 3: the room's creator finds a place when all others are taken.
#[test]
fn the_creator_can_approve_though_all_slots_are_taken() {
    let server = server();
    let mut scene = HostileScene::new(server.address());
    let mut accounts: Vec<_> = (0..100).map(|_| scene.account()).collect();
    let mut taken = 0;
    for (person, device) in &mut accounts {
        let reply = device.call(&scene.topic, "approve", scene.garbage(person));
        match reply.status.as_str() {
            "ok" => taken += 1,
            _ => assert_eq!(reply.refused(), "slots_full"),
        }
    }
    assert_eq!(taken, 8);
    // Another honest member must wait for a place.
    let (carol, mut other) = scene.account();
    let refused = other.call(&scene.topic, "approve", scene.garbage(&carol));
    assert_eq!(refused.refused(), "slots_full");
    assert!(refused.response["retry_ms"].is_u64());
    let good = scene.good();
    let stored = scene.honest.call(&scene.topic, "approve", &good).ok();
    assert_eq!((&stored["state"], &stored["others"]), (&json!("approved"), &json!(8)));
    // One place, not as many as the creator likes.
    let second = scene.garbage(&scene.creator);
    assert_eq!(scene.honest.call(&scene.topic, "approve", second).refused(), "slots_full");
    assert_eq!(scene.take_the_key(), 8);
    assert_eq!(scene.state(), "done");
}

/// The accounts fill each place as soon as it is free. Each of them has three, and Bob needs none
/// of them.
#[test]
fn accounts_that_refill_the_slots_do_not_keep_the_creator_out() {
    let server = server();
    let mut scene = HostileScene::new(server.address());
    let mut accounts: Vec<_> = (0..9).map(|_| scene.account()).collect();
    for (person, device) in &mut accounts[..8] {
        device.call(&scene.topic, "approve", scene.garbage(person)).ok();
    }
    for place in 0..8 {
        let told = scene.guest.push(&scene.topic, "approve");
        let id = told["approve_id"].as_str().expect("an id").parse().expect("16 bytes");
        scene.guest.nack(&scene.topic, &id, "undecryptable").ok();
        let (person, device) = &mut accounts[(place + 8) % 9];
        device.call(&scene.topic, "approve", scene.garbage(person)).ok();
    }
    let good = scene.good();
    scene.honest.call(&scene.topic, "approve", &good).ok();
    scene.take_the_key();
    assert_eq!(scene.state(), "done");
}

/// Online newcomers nack garbage, so a place is soon free for any honest member.
#[test]
fn a_nack_frees_a_slot_for_an_honest_member() {
    let server = server();
    let mut scene = HostileScene::new(server.address());
    let mut accounts: Vec<_> = (0..8).map(|_| scene.account()).collect();
    for (person, device) in &mut accounts {
        device.call(&scene.topic, "approve", scene.garbage(person)).ok();
    }
    let (carol, mut other) = scene.account();
    let mut good = scene.garbage(&carol);
    good.ct.0 = SEALED.to_vec();
    scene.room.sign_approve(&carol, &mut good);
    assert_eq!(other.call(&scene.topic, "approve", &good).refused(), "slots_full");
    let told = scene.guest.push(&scene.topic, "approve");
    let id = told["approve_id"].as_str().expect("an id").parse().expect("16 bytes");
    scene.guest.nack(&scene.topic, &id, "undecryptable").ok();
    other.call(&scene.topic, "approve", &good).ok();
    assert_eq!(scene.take_the_key(), 7);
    assert_eq!(scene.state(), "done");
}

#[test]
fn one_honest_approve_overrules_garbage_denials_and_blocks() {
    let server = server();
    let mut scene = HostileScene::new(server.address());
    let (mallory, mut hostile) = scene.account();
    // Garbage three times, nacked each time; the fourth is refused.
    for attempt in 0..4 {
        let garbage = scene.garbage(&mallory);
        let reply = hostile.call(&scene.topic, "approve", &garbage);
        if attempt == 3 {
            assert_eq!(reply.refused(), "slots_full");
            break;
        }
        reply.ok();
        scene.guest.push(&scene.topic, "approve");
        scene.guest.nack(&scene.topic, &garbage.approve_id, "wrong_key").ok();
    }
    assert_eq!(scene.state(), "pending");
    // Then a permanent block.
    let block = scene.room.deny(&mallory, &scene.bob.uid(), &scene.request.request_id, true);
    assert_eq!(hostile.call(&scene.topic, "deny", &block).ok()["state"], "denied");
    assert_eq!(scene.guest.push(&scene.topic, "denied")["block"], true);
    let next = scene.bob.request(&scene.room.rid());
    assert_eq!(scene.guest.call(&scene.topic, "request", next).refused(), "blocked");

    // An honest member finds it in the list of denials, and approves.
    let (_, mut carol) = scene.account();
    let denials = carol.call(&scene.topic, "denials", json!({})).ok();
    let shown = &denials["items"][0]["requests"][0];
    assert_eq!(shown["request_id"], json!(scene.request.request_id));
    let found: Request = serde_json::from_value(shown.clone()).expect("a request");
    assert_eq!(found, scene.request, "all that is needed to approve it");
    let good = scene.good();
    scene.honest.call(&scene.topic, "approve", &good).ok();
    // Nothing takes that back.
    assert_eq!(hostile.call(&scene.topic, "deny", &block).refused(), "closed");
    let uid = json!({ "uid": scene.bob.uid() });
    assert_eq!(hostile.call(&scene.topic, "unblock", uid).ok(), json!({ "dup": true }));
    assert_eq!(scene.take_the_key(), 0);
    assert_eq!(scene.state(), "done");
}

/// The creator is the user who published the first card, by whichever way, and stays the creator.
#[test]
fn changing_the_card_does_not_change_the_creator() {
    let server = server_with(&[("--max-approves", "1")]);
    let address = server.address();
    let creator = Person::new(Alg::Ed25519);
    let made = http::Request::post("/v1/rooms")
        .header("authorization", &format!("Bearer {}", creator.sign_in(address)))
        .json(&json!({ "alg": "ed25519", "policy": "request" }))
        .send(address)
        .expect("a response")
        .json();
    let binary = |field: &str| base64url::decode(made[field].as_str().expect("text")).expect("base64url");
    let key = Key::from_private(Alg::Ed25519, &binary("room_key"), &binary("room_pub"));
    let mut scene = HostileScene::of(address, Room { key: key.expect("a key pair") }, creator);
    let (mallory, mut hostile) = scene.account();
    hostile.call(&scene.topic, "card", scene.room.card(2, Policy::Request, None)).ok();
    let (other, mut second) = scene.account();
    second.call(&scene.topic, "approve", scene.garbage(&other)).ok();
    let refused = hostile.call(&scene.topic, "approve", scene.garbage(&mallory));
    assert_eq!(refused.refused(), "slots_full");
    let good = scene.good();
    scene.honest.call(&scene.topic, "approve", &good).ok();
    assert_eq!(scene.take_the_key(), 1);
}
