//! What hostile and clumsy clients do, each from addresses of its own, over and over. Refusing them
//! is no failure.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, sql_query};
use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room, now_ms};
use vestibule_tests::process::Server;
use vestibule_tests::source::{connect_from, loopback};
use vestibule_tests::ws::Handshake;

/// What an attack needs to know.
pub(crate) struct Target<'a> {
    pub(crate) server: &'a Server,
    /// The rooms of honest people whose key a hostile member has.
    pub(crate) rooms: &'a [Arc<Room>],
    /// How many guests storm a room.
    pub(crate) guests: usize,
    pub(crate) is_over: &'a AtomicBool,
}

/// An attack: its name, and one turn of it.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Its block of addresses.
    block: u16,
    turn: fn(&Target<'_>, u16),
    /// Between two turns.
    pause: Duration,
}

impl Attack {
    /// Repeats it until the test is over; counts its turns.
    pub(crate) fn run(&self, target: &Target<'_>, turns: &AtomicUsize) {
        while !target.is_over.load(Ordering::Relaxed) {
            (self.turn)(target, self.block);
            turns.fetch_add(1, Ordering::Relaxed);
            thread::sleep(self.pause);
        }
    }
}

const MOMENT: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// All attacks.
pub(crate) const ATTACKS: [Attack; 12] = [
    Attack { name: "large parameters", block: 0x2000, turn: large_parameters, pause: MOMENT },
    Attack { name: "refused upgrades", block: 0x2001, turn: refused_upgrades, pause: MOMENT },
    Attack { name: "large joins and refs", block: 0x2002, turn: large_joins, pause: MOMENT },
    Attack { name: "joins of unknown rooms", block: 0x2003, turn: unknown_rooms, pause: MOMENT },
    Attack { name: "a storm of guests", block: 0x2100, turn: storm, pause: MOMENT },
    Attack { name: "repeated proofs", block: 0x2004, turn: repeated_proofs, pause: MOMENT },
    Attack { name: "bursts of 5 × 250 KB", block: 0x2005, turn: large_bursts, pause: SECOND },
    Attack { name: "bursts of 11 × 400 × 250 B", block: 0x2006, turn: small_bursts, pause: SECOND },
    Attack { name: "many requests that end together", block: 0x2200, turn: ending_together, pause: SECOND },
    Attack { name: "message without an end", block: 0x2007, turn: endless_messages, pause: MOMENT },
    Attack { name: "copies of the database", block: 0x2008, turn: copies, pause: SECOND },
    Attack { name: "reloads", block: 0x2009, turn: reloads, pause: SECOND },
];

fn address(target: &Target<'_>) -> SocketAddr {
    target.server.address()
}

/// Upgrades that carry 60 KB of nested parameters; this many are held open at once.
fn large_parameters(target: &Target<'_>, block: u16) {
    let one = format!("a{}", "[b]".repeat(31));
    let query = vec![one; 600].join("&");
    let held: Vec<_> =
        (0..20).map(|_| upgrade(target, loopback(block, 1), &format!("vsn=2.0.0&{query}"))).collect();
    drop(held);
}

fn refused_upgrades(target: &Target<'_>, block: u16) {
    for _ in 0..20 {
        upgrade(target, loopback(block, 1), &format!("vsn=9.9.9&x={}", "x".repeat(60_000)));
    }
}

fn upgrade(target: &Target<'_>, source: IpAddr, query: &str) -> Option<vestibule_tests::ws::Opened> {
    let stream = connect_from(source, address(target)).ok()?;
    Handshake::new("/socket/websocket").query(query).open_over(stream).ok()
}

/// A new user, connected from this address; nothing if the server refuses.
fn somebody(target: &Target<'_>, source: IpAddr) -> Option<(Person, Device)> {
    let person = Person::new(Alg::Ed25519);
    let device = Device::try_connect_from(source, address(target), &person)?;
    Some((person, device))
}

fn large_joins(target: &Target<'_>, block: u16) {
    let Some((person, mut device)) = somebody(target, loopback(block, 1)) else { return };
    for number in 0..10 {
        let topic = target.rooms[number % target.rooms.len()].topic();
        let params = json!({ "v": 1, "device": person.device, "pad": "x".repeat(200_000) });
        if device.try_call(&topic, "phx_join", &params).is_none() {
            return;
        }
        let long = json!([null, "r".repeat(100_000), "phoenix", "heartbeat", {}]);
        if device.socket.send_text(&long.to_string()).is_err() {
            return;
        }
    }
}

fn unknown_rooms(target: &Target<'_>, block: u16) {
    let Some((person, mut device)) = somebody(target, loopback(block, 1)) else { return };
    for _ in 0..50 {
        let params = json!({ "v": 1, "device": person.device });
        if device.try_call(&Room::new(Alg::Ed25519).topic(), "phx_join", &params).is_none() {
            return;
        }
    }
}

/// Guests who join an honest room, from one block of addresses for each hundred of them, and leave
/// again.
fn storm(target: &Target<'_>, block: u16) {
    let topic = target.rooms[0].topic();
    let mut guests = Vec::new();
    for number in 0..target.guests {
        if target.is_over.load(Ordering::Relaxed) {
            return;
        }
        let block = block + u16::try_from(number / 100).expect("not so many");
        let Some((person, mut device)) = somebody(target, loopback(block, 1)) else { continue };
        let params = json!({ "v": 1, "device": person.device });
        device.try_call(&topic, "phx_join", &params);
        guests.push(device);
    }
}

/// A member of an honest room, as hostile ones are; nothing if the server refuses.
fn member(target: &Target<'_>, source: IpAddr, room: &Room) -> Option<(Device, Value)> {
    let (person, mut device) = somebody(target, source)?;
    let params = json!({ "v": 1, "device": person.device });
    let joined = device.try_call(&room.topic(), "phx_join", &params)?;
    let nonce = joined.response["nonce"].as_str()?.parse().ok()?;
    let proof = room.prove(&device.server, &device.uid, &nonce);
    device.try_call(&room.topic(), "prove", &proof)?;
    Some((device, proof))
}

fn repeated_proofs(target: &Target<'_>, block: u16) {
    let room = &target.rooms[1 % target.rooms.len()];
    let Some((mut device, proof)) = member(target, loopback(block, 1), room) else { return };
    for _ in 0..200 {
        if device.try_call(&room.topic(), "prove", &proof).is_none() {
            return;
        }
    }
}

fn large_bursts(target: &Target<'_>, block: u16) {
    let room = &target.rooms[2 % target.rooms.len()];
    burst(target, loopback(block, 1), room, 5, 250_000);
}

fn small_bursts(target: &Target<'_>, block: u16) {
    let room = &target.rooms[3 % target.rooms.len()];
    thread::scope(|scope| {
        for number in 1..=11 {
            scope.spawn(move || burst(target, loopback(block, number), room, 400, 250));
        }
    });
}

/// One member says much at once, then reads until all is answered.
fn burst(target: &Target<'_>, source: IpAddr, room: &Room, count: usize, size: usize) {
    let Some((mut device, _)) = member(target, source, room) else { return };
    let payload = json!({ "noise": "x".repeat(size) });
    let sent = (0..count).map_while(|_| device.send(&room.topic(), "noise", &payload).ok());
    let references: Vec<_> = sent.collect();
    for reference in references {
        if device.answer(&reference).is_none() {
            return;
        }
    }
}

/// Requests of many people in rooms of their own, all of which expire at one moment.
fn ending_together(target: &Target<'_>, block: u16) {
    let end = now_ms() + 8000;
    for number in 0..20_u8 {
        if target.is_over.load(Ordering::Relaxed) {
            return;
        }
        let block = block + u16::from(number);
        let Some((person, mut device)) = somebody(target, loopback(block, 1)) else { continue };
        let own = Room::new(Alg::Ed25519);
        if publish(&mut device, &own).is_none() {
            continue;
        }
        for _ in 0..8 {
            let mut request = person.request(&own.rid());
            request.exp = end;
            person.sign_request(&own.rid(), &mut request);
            device.try_call(&own.topic(), "request", &json!(request));
        }
    }
}

fn publish(device: &mut Device, room: &Room) -> Option<()> {
    let params = json!({ "v": 1, "device": device.id });
    let joined = device.try_call(&room.topic(), "phx_join", &params)?;
    let nonce = joined.response["nonce"].as_str()?.parse().ok()?;
    let proof = room.prove(&device.server, &device.uid, &nonce);
    device.try_call(&room.topic(), "prove", &proof)?;
    device.try_call(&room.topic(), "card", &room.card(1, Policy::Request, None)).map(|_| ())
}

/// Messages of 200 KB in small fragments, whose end never comes.
fn endless_messages(target: &Target<'_>, block: u16) {
    let fragment = |first: u8| [&[first, 0x80 | 64, 0, 0, 0, 0][..], &[b'x'; 64]].concat();
    let message: Vec<u8> = (0..3000).flat_map(|number| fragment(u8::from(number == 0))).collect();
    let sockets: Vec<_> = (0..10)
        .filter_map(|_| {
            let mut socket = upgrade(target, loopback(block, 1), "vsn=2.0.0")?.socket?;
            socket.send_raw(&message).ok()?;
            Some(socket)
        })
        .collect();
    drop(sockets);
}

/// A backup by SQLite's own means.
fn copies(target: &Target<'_>, _: u16) {
    let database = target.server.data().join("vestibule.db");
    let copy = target.server.data().join("copy.db");
    back_up(&database, &copy);
    let _ = std::fs::remove_file(copy);
}

fn back_up(database: &Path, copy: &Path) {
    let (Some(database), Some(copy)) = (database.to_str(), copy.to_str()) else { return };
    if let Ok(mut connection) = SqliteConnection::establish(database) {
        let _ = sql_query(format!("VACUUM INTO '{copy}'")).execute(&mut connection);
    }
}

fn reloads(target: &Target<'_>, _: u16) {
    target.server.signal("HUP");
}
