//! Who is in a room: members are shown to members, guests are counted for them, and guests are
//! shown nothing.

use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};
use vestibule_approve::{frames::Policy, signed::Alg};
use vestibule_tests::{
    people::{Device, Message, PATIENCE, Person, Room},
    process::{Launch, Server},
};

use crate::server;

/// Removes the refs from a list of metas, which differ each time, and checks that they are there.
fn metas(entries: &Value, device: &Device) -> Vec<Value> {
    let mut metas = entries[device.uid.to_string()]["metas"].as_array().cloned().unwrap_or_default();
    for meta in &mut metas {
        let meta = meta.as_object_mut().expect("an object");
        assert!(meta.remove("phx_ref").is_some_and(|reference| reference.is_string()));
        meta.remove("phx_ref_prev");
    }
    metas
}

fn meta(device: &Device, role: &str) -> Value {
    json!({ "device": device.id, "role": role })
}

fn count(members: usize, guests: usize) -> Value {
    json!({ "members": members, "guests": guests })
}

/// Reads counts until this one.
#[track_caller]
fn await_count(device: &mut Device, topic: &str, members: usize, guests: usize) {
    while device.push(topic, "presence_count") != count(members, guests) {}
}

/// Reads counts until this one, which may be in the last diff or be told after it.
#[track_caller]
fn await_count_after(diff: &Value, device: &mut Device, topic: &str, members: usize, guests: usize) {
    if diff["count"] != count(members, guests) {
        await_count(device, topic, members, guests);
    }
}

#[test]
fn a_member_sees_members_come_and_go() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let [alice, bob, carol] = [(); 3].map(|()| Person::new(Alg::Ed25519));
    let connect = |person| Device::connect(server.address(), person);
    let (mut member, mut guest, mut other) = (connect(&alice), connect(&bob), connect(&carol));
    guest.visit(&room.rid());
    member.enter(&room);
    let told: Vec<Message> = member.fence(&topic);
    let events: Vec<_> = told.iter().map(|message| message.event.as_str()).collect();
    assert_eq!(events, ["presence_state", "presence_count"], "right after the proof, and no diff of her own");
    assert_eq!(told[1].payload, count(1, 1));
    let state = &told[0].payload;
    assert_eq!(state.as_object().map(serde_json::Map::len), Some(1), "a guest is not listed: {state}");
    assert_eq!(metas(state, &member), [meta(&member, "member")]);

    // Carol is counted as a guest, and shown as soon as she is a member.
    let nonce = other.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    await_count(&mut member, &topic, 1, 2);
    other.prove(&room, &nonce).ok();
    let diff = member.push(&topic, "presence_diff");
    assert_eq!((metas(&diff["joins"], &other), &diff["leaves"]), (vec![meta(&other, "member")], &json!({})));
    assert_eq!(diff["count"], count(2, 1));
    let further: Vec<Message> = member.fence(&topic);
    assert_eq!(further, [], "one frame");
    let state = other.push(&topic, "presence_state");
    assert_eq!(metas(&state, &member), [meta(&member, "member")]);
    assert_eq!(metas(&state, &other), [meta(&other, "member")]);

    // A second device of Carol's, which leaves, and the first, whose connection is lost.
    let mut second = Device::another(server.address(), &carol);
    second.enter(&room);
    let diff = member.push(&topic, "presence_diff");
    assert_eq!(metas(&diff["joins"], &second), [meta(&second, "member")]);
    second.leave(&topic);
    let diff = member.push(&topic, "presence_diff");
    assert_eq!(metas(&diff["leaves"], &second), [meta(&second, "member")]);
    await_count_after(&diff, &mut member, &topic, 2, 1);
    let gone = meta(&other, "member");
    drop(other);
    let diff = member.push(&topic, "presence_diff");
    assert_eq!((metas(&diff["leaves"], &second), &diff["joins"]), (vec![gone], &json!({})));
    await_count_after(&diff, &mut member, &topic, 1, 1);
    assert_eq!(guest.fence(&topic), [], "guests are shown nothing");
    drop(guest);
    await_count(&mut member, &topic, 1, 0);
}

/// What one member was told of who is there, as phoenix.js reads it: first the state, then diffs.
#[derive(Default)]
struct Seen {
    refs: BTreeSet<String>,
    diffs: usize,
}

impl Seen {
    fn take(&mut self, message: &Message) {
        match message.event.as_str() {
            "presence_state" => {
                assert!(self.refs.is_empty(), "one state, before all diffs");
                self.refs = refs(&message.payload);
            }
            "presence_diff" => {
                for joined in refs(&message.payload["joins"]) {
                    assert!(self.refs.insert(joined.clone()), "{joined} is reported twice");
                }
                for left in refs(&message.payload["leaves"]) {
                    assert!(self.refs.remove(&left), "{left} leaves and was never there");
                }
                self.diffs += 1;
            }
            _ => {}
        }
    }
}

/// The next message, kept or to come.
#[track_caller]
fn next(device: &mut Device) -> Message {
    device.next_within(PATIENCE).expect("an open connection").expect("a message")
}

fn refs(entries: &Value) -> BTreeSet<String> {
    let entries = entries.as_object().expect("entries").values();
    let metas = entries.flat_map(|entry| entry["metas"].as_array().expect("metas"));
    metas.map(|meta| meta["phx_ref"].to_string()).collect()
}

#[test]
fn simultaneous_joins_are_announced_once_and_together() {
    const MEMBERS: usize = 40;
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let mut members: Vec<Device> =
        (0..MEMBERS).map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519))).collect();
    let proofs: Vec<Value> = members
        .iter_mut()
        .map(|member| {
            let nonce =
                member.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
            room.prove(&member.server, &member.uid, &nonce)
        })
        .collect();
    let start = Instant::now();
    for (member, proof) in members.iter_mut().zip(&proofs) {
        member.send(&topic, "prove", proof).expect("an open connection");
    }
    let mut seen: Vec<Seen> = Vec::new();
    for member in &mut members {
        let mut told = Seen::default();
        while told.refs.len() < MEMBERS {
            told.take(&next(member));
        }
        seen.push(told);
    }
    let windows = usize::try_from(start.elapsed().as_millis() / 100).expect("a count") + 2;
    for told in &seen {
        assert!(told.diffs <= windows, "{} diffs in {windows} windows", told.diffs);
    }

    // All but the first are announced together, and to the first they are announced together as
    // well.
    let mut first = members.swap_remove(0);
    let mut told = seen.swap_remove(0);
    let (start, before) = (Instant::now(), told.diffs);
    drop(members);
    while told.refs.len() > 1 {
        told.take(&next(&mut first));
    }
    let windows = usize::try_from(start.elapsed().as_millis() / 100).expect("a count") + 2;
    assert!(told.diffs - before <= windows, "{} diffs in {windows} windows", told.diffs - before);
}

/// A server whose outboxes are so small that a few dozen guests are a crowd.
fn small() -> Server {
    let small = [("--max-message", "16KiB"), ("--max-outbox", "16KiB"), ("--max-ct", "4KiB")];
    Server::start(Launch::vestibule().options(&small))
}

#[test]
fn a_crowd_of_guests_disconnects_no_member() {
    // Listed, they would fill one and a half outboxes.
    const GUESTS: usize = 160;
    let server = small();
    let room = Room::published(server.address(), Policy::Open);
    let guests: Vec<Device> = (0..GUESTS)
        .map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519)))
        .map(|mut guest| {
            guest.visit(&room.rid());
            guest
        })
        .collect();
    let mut member = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    member.enter(&room);
    let state = member.push(&room.topic(), "presence_state");
    assert_eq!(refs(&state).len(), 1);
    await_count(&mut member, &room.topic(), 1, GUESTS);
    member.fence(&room.topic());
    drop(guests);
    await_count(&mut member, &room.topic(), 1, 0);
}

#[test]
fn the_member_list_is_bounded_and_the_rest_counted() {
    const MEMBERS: usize = 50;
    let server = small();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let mut members: Vec<Device> = (0..MEMBERS)
        .map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519)))
        .map(|mut member| {
            member.enter(&room);
            member
        })
        .collect();
    let mut last = members.pop().expect("a member");
    await_count(&mut last, &topic, MEMBERS, 0);
    let state = last.push(&topic, "presence_state");
    let listed = refs(&state).len();
    assert!((20..MEMBERS).contains(&listed), "{listed} listed");
    assert!(state.to_string().len() <= 4096, "a quarter of the outbox: {}", state.to_string().len());
    // Uncounted members move up as others leave, for everybody alike: nobody leaves who was not
    // shown.
    let mut told = Seen { refs: refs(&state), diffs: 0 };
    drop(members);
    let mut counted = Value::Null;
    while told.refs.len() > 1 || counted != count(1, 0) {
        let message = next(&mut last);
        told.take(&message);
        match message.event.as_str() {
            "presence_count" => counted = message.payload,
            "presence_diff" if message.payload.get("count").is_some() => {
                counted = message.payload["count"].clone();
            }
            _ => {}
        }
    }
    let mine = metas(&own_entry(&mut last, &room), &last);
    assert_eq!(mine, [meta(&last, "member")], "the last one is on the list now");
}

/// The state as a further member is shown it.
fn own_entry(device: &mut Device, room: &Room) -> Value {
    let address = device.server.parse().expect("an address");
    let mut another = Device::connect(address, &Person::new(Alg::Ed25519));
    another.enter(room);
    another.push(&room.topic(), "presence_state")
}

#[test]
fn a_member_who_becomes_a_guest_again_sees_nothing() {
    let server = server();
    let room = Room::new(Alg::P256);
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    device.enter(&room);
    device.fence(&room.topic());
    // A new join of the same topic ends the member's.
    device.visit(&room.rid());
    let mut other = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    other.enter(&room);
    other.call(&room.topic(), "hello", json!({})).ok();
    let told: Vec<_> = device.fence(&room.topic()).into_iter().map(|message| message.event).collect();
    assert_eq!(told, ["phx_close"], "the first join's end, and nothing of the room");
}
