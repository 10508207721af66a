//! Thousands in one room: what it costs when they join. `make crowd` prints the figures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use vestibule_approve::{frames::Policy, signed::Alg};
use vestibule_tests::{
    people::{Device, Message, PATIENCE, Person, Room},
    process::{Launch, Server},
};

/// More than fit into an outbox, if they were listed.
const GUESTS: usize = 8200;

const MEMBERS: usize = 1000;

/// A server that accepts this many clients from one address, and tolerates clients without
/// heartbeats.
fn server() -> Server {
    Server::start(Launch::vestibule().options(&[("--idle", "1h")]))
}

/// The bytes that a member receives until it knows that this many are there.
fn read_until(device: &mut Device, members: u64) -> usize {
    let mut bytes = 0;
    loop {
        let told: Message = device.next_within(PATIENCE).expect("an open connection").expect("a message");
        bytes += told.text.len();
        let count = match told.event.as_str() {
            "presence_diff" => &told.payload["count"],
            "presence_count" => &told.payload,
            _ => continue,
        };
        if count["members"].as_u64() == Some(members) {
            return bytes;
        }
    }
}

fn listed(device: &mut Device, topic: &str) -> usize {
    device.push(topic, "presence_state").as_object().map_or(0, serde_json::Map::len)
}

#[test]
#[ignore = "thousands of connections; for the figures, `make crowd`"]
fn a_member_proves_and_stays_in_a_crowd_of_guests() {
    let server = server();
    let room = Arc::new(Room::published(server.address(), Policy::Open));
    let guests: Vec<Device> = (0..GUESTS)
        .map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519)))
        .map(|mut guest| {
            guest.visit(&room.rid());
            guest
        })
        .collect();
    let start = Instant::now();
    let mut member = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    member.enter(&room);
    assert_eq!(listed(&mut member, &room.topic()), 1);
    println!("a member is in a room of {GUESTS} guests after {:?}", start.elapsed());
    assert_eq!(member.push(&room.topic(), "presence_count")["guests"], Value::from(GUESTS));
    drop(guests);
    while member.push(&room.topic(), "presence_count")["guests"] != 0 {}
    member.fence(&room.topic());
}

#[test]
#[ignore = "thousands of connections; for the figures, `make crowd`"]
fn a_thousand_members_join_one_room() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let start = Instant::now();
    let mut members: Vec<Device> = (0..MEMBERS)
        .map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519)))
        .map(|mut member| {
            member.enter(&room);
            member
        })
        .collect();
    let bytes: usize = members.iter_mut().map(|member| read_until(member, MEMBERS as u64)).sum();
    println!("{MEMBERS} members come in: {} MB in {:?}", bytes / 1_000_000, start.elapsed());

    std::thread::sleep(Duration::from_secs(1));
    let mut further = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let start = Instant::now();
    further.enter(&room);
    assert_eq!(listed(&mut further, &topic), MEMBERS + 1);
    let own = start.elapsed();
    let others: usize = members.iter_mut().map(|member| read_until(member, MEMBERS as u64 + 1)).sum();
    println!("a further one: {own:?} for itself, {} KB to the others", others / 1000);
}

#[test]
#[ignore = "thousands of connections; for the figures, `make crowd`"]
fn a_thousand_members_prove_at_once() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let mut guests: Vec<(Device, Value)> = (0..MEMBERS)
        .map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519)))
        .map(|mut guest| {
            let nonce = guest.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse();
            let proof = room.prove(&guest.server, &guest.uid, &nonce.expect("32 bytes"));
            (guest, proof)
        })
        .collect();
    let start = Instant::now();
    for (guest, proof) in &mut guests {
        guest.send(&topic, "prove", proof).expect("an open connection");
    }
    let bytes: usize = guests.iter_mut().map(|(member, _)| read_until(member, MEMBERS as u64)).sum();
    let time = start.elapsed();

    std::thread::sleep(Duration::from_secs(1));
    let mut further = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    further.enter(&room);
    let each_once = MEMBERS * further.push(&topic, "presence_state").to_string().len();
    #[expect(clippy::cast_precision_loss, reason = "a ratio of two digits")]
    let ratio = bytes as f64 / each_once as f64;
    println!("{MEMBERS} prove at once: {} MB in {time:?}, {ratio:.2} of a list each", bytes / 1_000_000);
    assert!(ratio <= 1.3, "each member is listed to each, and little more is sent");
}
