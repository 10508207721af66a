//! Many clients come and go again: the server gives the memory that it needed for them back to the
//! system.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vestibule_approve::{frames::Policy, signed::Alg};
use vestibule_tests::{
    people::{Device, Person, Room},
    process::{Launch, Server},
    ws::{Handshake, Socket},
};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(30);

const CLIENTS: usize = 1000;
const MEMBERS: usize = 1000;

/// The most bytes of an inbox that a device has joined, with what its connection keeps of the join.
const INBOX: u64 = 2150;

/// How many share a room.
const IN_ROOM: usize = 10;

/// Waits until the server has at most so many KiB, or for as long as it may take, and returns how
/// many it has.
fn settled(server: &Server, most: u64) -> u64 {
    let start = Instant::now();
    while server.anonymous() > most && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
    }
    server.anonymous()
}

/// Has a crowd come and go, and come again: what the server allocates once, however many come, is
/// there before it is measured what it needs for the crowd, and how much of that it gives back.
fn come_and_go<T>(server: &Server, least_each: u64, come: impl Fn() -> Vec<T>) {
    let crowd = come();
    let (first, clients) = (server.anonymous(), crowd.len() as u64);
    drop(crowd);
    let before = settled(server, first - clients * least_each / 1024);
    let crowd = come();
    let grown = server.anonymous().saturating_sub(before);
    assert!(grown * 1024 >= clients * least_each, "{clients} clients, and only {grown} KiB more");
    drop(crowd);
    let kept = settled(server, before + grown / 10).saturating_sub(before);
    assert!(kept * 10 <= grown, "{kept} of {grown} KiB are kept after all have gone");
}

#[test]
fn the_framework_gives_memory_back() {
    let server = Server::start(Launch::playground());
    let join = |client: usize| -> Socket {
        let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
        let mut socket = handshake.open(server.address()).expect("a connection").accepted();
        socket.send_json(&json!(["1", "1", format!("room:{}", client / IN_ROOM), "phx_join", {}]));
        assert_eq!(socket.expect_json()[4]["status"], "ok");
        socket
    };
    come_and_go(&server, 2048, || (0..CLIENTS).map(join).collect());
}

#[test]
fn the_product_gives_memory_back() {
    let server = Server::start(Launch::vestibule());
    let address = server.address();
    let rooms: Vec<Room> = (0..MEMBERS / IN_ROOM).map(|_| Room::published(address, Policy::Open)).collect();
    let sign_in = |room| {
        let person = Person::new(Alg::Ed25519);
        (person.sign_in(address), person, room)
    };
    let people: Vec<(String, Person, &Room)> = (0..MEMBERS).map(|n| sign_in(&rooms[n / IN_ROOM])).collect();
    let enter = |(token, person, room): &(String, Person, &Room)| -> Device {
        let mut device = Device::with_token(address, person, Some(token));
        device.arrive(&person.inbox());
        device.enter(room);
        device
    };
    come_and_go(&server, 2048, || people.iter().map(enter).collect());
}

/// An inbox rests while nothing comes: without an actor, which would take most of that.
#[test]
fn an_inbox_takes_few_bytes() {
    let server = Server::start(Launch::vestibule());
    let connect = || {
        let person = Person::new(Alg::Ed25519);
        (Device::connect(server.address(), &person), person)
    };
    let arrive = |(device, person): &mut (Device, Person)| {
        device.arrive(&person.inbox());
    };
    // What is allocated once is there, and what is free is in use.
    let mut first: Vec<(Device, Person)> = (0..MEMBERS / 2).map(|_| connect()).collect();
    first.iter_mut().for_each(arrive);
    let mut people: Vec<(Device, Person)> = (0..MEMBERS).map(|_| connect()).collect();
    let before = server.anonymous();
    people.iter_mut().for_each(arrive);
    let each = (server.anonymous() - before) * 1024 / MEMBERS as u64;
    assert!(each < INBOX, "{each} bytes");
}
