//! What all clients of a simulation share: the server's address, the rooms, and the progress.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use k256::ecdsa::SigningKey;
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::{Id, Policy};
use vestibule_approve::signed::{Alg, Rid, Uid};
use vestibule_tests::people::{self, Device, Key, Person, Room};
use vestibule_tests::process::Server;
use vestibule_tests::random::Random;

use crate::connection::FlakyConnection;

/// A room, and what its members know of it.
pub(crate) struct SimulatedRoom {
    pub(crate) room: Room,
    pub(crate) rid: Rid,
    pub(crate) topic: String,
    pub(crate) policy: Policy,
    /// The room key's private half.
    pub(crate) private: Fixed<32>,
    /// The users on the guest list.
    pub(crate) guests: Mutex<BTreeSet<Uid>>,
}

/// A user who has signed in while the network was good.
pub(crate) struct Account {
    pub(crate) person: Person,
    pub(crate) token: String,
}

/// A participant with one device.
pub(crate) struct Participant {
    pub(crate) account: Account,
    pub(crate) id: Id,
    pub(crate) random: Random,
}

impl Participant {
    pub(crate) fn connect<'a>(&mut self, simulation: &'a Simulation) -> Option<FlakyConnection<'a>> {
        FlakyConnection::connect(simulation, &self.account, self.id, &mut self.random)
    }
}

pub(crate) struct Simulation {
    pub(crate) address: SocketAddr,
    pub(crate) rooms: Vec<SimulatedRoom>,
    is_calm: AtomicBool,
    is_over: AtomicBool,
    has_failed: AtomicBool,
    /// How often each event happened.
    counts: Mutex<BTreeMap<&'static str, usize>>,
}

impl Simulation {
    /// A room whose members' clients approve by themselves, and one where a person does, both
    /// published.
    pub(crate) fn new(server: &Server) -> Self {
        let mut simulation = Self {
            address: server.address(),
            rooms: Vec::new(),
            is_calm: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            counts: Mutex::default(),
        };
        for policy in [Policy::Open, Policy::Request] {
            let simulated = SimulatedRoom::new(policy);
            let Account { person, token } = simulation.account();
            let mut device = Device::with_token(simulation.address, &person, Some(&token));
            device.enter(&simulated.room);
            device.call(&simulated.topic, "card", simulated.room.card(1, policy, None)).ok();
            simulation.rooms.push(simulated);
        }
        simulation
    }

    pub(crate) fn account(&self) -> Account {
        let person = Person::new(Alg::Ed25519);
        Account { token: person.sign_in(self.address), person }
    }

    pub(crate) fn participant(&self, random: &Random, name: impl Hash) -> Participant {
        Participant { account: self.account(), id: people::random(), random: random.of(name) }
    }

    /// From now on networks are good.
    pub(crate) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Whether a client has found something wrong.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Whether something goes wrong for this client, once in `times`.
    pub(crate) fn is_unlucky(&self, random: &mut Random, times: usize) -> bool {
        random.one_in(times) && !self.is_calm()
    }

    pub(crate) fn count(&self, what: &'static str) {
        *locked(&self.counts).entry(what).or_default() += 1;
    }

    /// The counts, as text.
    pub(crate) fn tally(&self) -> String {
        locked(&self.counts).iter().fold(String::new(), |mut text, (what, times)| {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, "{comma}{times} {what}").expect("a text takes everything");
            text
        })
    }
}

/// Held by a client: if the client fails, the simulation ends for all.
pub(crate) struct FailureGuard<'a>(pub(crate) &'a Simulation);

impl Drop for FailureGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.has_failed.store(true, Ordering::Relaxed);
            self.0.end();
        }
    }
}

impl SimulatedRoom {
    pub(crate) fn is_guest(&self, uid: &Uid) -> bool {
        locked(&self.guests).contains(uid)
    }

    fn new(policy: Policy) -> Self {
        let private: Fixed<32> = people::random();
        let signing = SigningKey::from_slice(private.as_bytes()).expect("a scalar, but once in 2^127 times");
        let public = signing.verifying_key().to_encoded_point(false);
        let key = Key::from_private(Alg::Secp256k1, private.as_bytes(), public.as_bytes());
        let room = Room { key: key.expect("the same pair") };
        let (rid, topic) = (room.rid(), room.topic());
        Self { room, rid, topic, policy, private, guests: Mutex::default() }
    }
}

/// A lock that another thread's panic has poisoned is good enough: the panic is what is reported.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
