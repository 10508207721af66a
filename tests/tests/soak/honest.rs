//! Honest people: a room of two members, and two newcomers who ask for its key again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Person, Room};
use vestibule_tests::source::loopback;

use crate::client::{Client, Fault};

/// How many clients a room has.
pub(crate) const CLIENTS: usize = 4;

/// What the honest clients have measured.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From a newcomer's request to its ack, over WebSocket and over long poll.
    pub(crate) websocket: Vec<Duration>,
    pub(crate) longpoll: Vec<Duration>,
    pub(crate) sent: usize,
}

impl Seen {
    pub(crate) fn add(&mut self, mut other: Self) {
        self.websocket.append(&mut other.websocket);
        self.longpoll.append(&mut other.longpoll);
        self.sent += other.sent;
    }
}

/// A room with its people.
pub(crate) struct Group {
    /// Shared with hostile members, who have the key as well.
    room: Arc<Room>,
    alice: Client,
    carol: Client,
    bob: Client,
    dave: Client,
    rounds: usize,
}

impl Group {
    /// The party with this number, which has a block of addresses of its own.
    pub(crate) fn new(server: SocketAddr, number: u16, room: Arc<Room>) -> Result<Self, Fault> {
        let person = || Person::new(Alg::Ed25519);
        let block = 0x1000 + number;
        let at = |number| loopback(block, number);
        let mut group = Self {
            alice: Client::over_websocket(server, at(1), person()),
            carol: Client::over_websocket(server, at(2), person()),
            bob: Client::over_websocket(server, at(3), person()),
            dave: Client::over_longpoll(server, at(4), person()),
            room,
            rounds: 0,
        };
        let topic = group.room.topic();
        for member in [&mut group.alice, &mut group.carol] {
            let joined = join(member, &topic)?;
            let nonce = joined["nonce"].as_str().unwrap_or_default().parse();
            let nonce = nonce.map_err(|_| Fault::Wrong(format!("no nonce: {joined}")))?;
            let proof = group.room.prove(&member.server, &member.person.uid(), &nonce);
            member.call(&topic, "prove", &proof)?;
        }
        let card = group.room.card(1, Policy::Request, None);
        group.alice.call(&topic, "card", &card)?;
        for newcomer in [&mut group.bob, &mut group.dave] {
            join(newcomer, &topic)?;
        }
        Ok(group)
    }

    /// Repeats rounds until the test is over.
    pub(crate) fn run(
        &mut self,
        pause: Duration,
        rounds: &AtomicUsize,
        is_over: &AtomicBool,
    ) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        while !is_over.load(Ordering::Relaxed) {
            let start = Instant::now();
            self.round(&mut seen)?;
            rounds.fetch_add(1, Ordering::Relaxed);
            thread::sleep(pause.saturating_sub(start.elapsed()));
        }
        Ok(seen)
    }

    /// One newcomer after the other asks, is approved by Alice, and acks; then Alice says something
    /// to Carol. Each message arrives once, in order, and nothing else arrives.
    fn round(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        let Self { room, alice, carol, bob, dave, rounds } = self;
        let topic = room.topic();
        *rounds += 1;
        seen.websocket.push(exchange(room, alice, bob)?);
        seen.longpoll.push(exchange(room, alice, dave)?);
        alice.call(&topic, "talk", &json!({ "number": rounds }))?;
        let talk = carol.push("talk")?;
        expect(&talk["number"], &json!(rounds), "what Alice said")?;
        for silent in [&mut *carol, &mut *bob, &mut *dave] {
            silent.call("phoenix", "heartbeat", &json!({}))?;
        }
        for (client, event) in [(&mut *bob, "approve"), (&mut *dave, "approve"), (&mut *carol, "talk")] {
            let twice = client.rest(event);
            if !twice.is_empty() {
                return Err(Fault::Wrong(format!("{event} came once more: {twice:?}")));
            }
        }
        alice.rest("");
        seen.sent += 10;
        Ok(())
    }
}

/// Asks, approves, acks; returns how long that took.
fn exchange(room: &Room, alice: &mut Client, newcomer: &mut Client) -> Result<Duration, Fault> {
    let topic = room.topic();
    let request = newcomer.person.request(&room.rid());
    let uid = newcomer.person.uid();
    let approve = room.approve(&alice.person, &uid, &request);
    let start = Instant::now();
    let stored = newcomer.call(&topic, "request", &json!(request))?;
    expect(&stored["dup"], &json!(false), "a new request")?;
    let shown = alice.push("request")?;
    expect(&shown["request_id"], &json!(request.request_id), "the request that Alice is shown")?;
    alice.call(&topic, "approve", &json!(approve))?;
    let got = newcomer.push("approve")?;
    expect(&got["approve_id"], &json!(approve.approve_id), "the approve that came")?;
    expect(&got["ct"], &json!(approve.ct), "its ciphertext")?;
    let ack = json!({ "approve_id": approve.approve_id, "device": newcomer.device });
    newcomer.call(&topic, "ack", &ack)?;
    let took = start.elapsed();
    let receipt = alice.push("receipt")?;
    expect(&receipt["approve_id"], &json!(approve.approve_id), "the receipt")?;
    Ok(took)
}

fn join(client: &mut Client, topic: &str) -> Result<Value, Fault> {
    let params = json!({ "v": 1, "device": client.device });
    client.call(topic, "phx_join", &params)
}

fn expect(found: &Value, expected: &Value, what: &str) -> Result<(), Fault> {
    if found == expected { Ok(()) } else { Err(Fault::Wrong(format!("{what}: {found}, not {expected}"))) }
}
