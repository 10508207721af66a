//! A client that is as patient as phoenix.js: it reconnects with the same pauses, joins its rooms
//! again, and repeats whatever was not answered.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::{Approve, Policy, Request};
use vestibule_approve::signed::Rid;
use vestibule_tests::people::{Device, Message, Person, Room};

/// The pauses of phoenix.js between attempts to connect (`reconnectAfterMs`), in milliseconds; the
/// last one repeats.
const PAUSES: [u64; 9] = [10, 50, 100, 150, 200, 250, 500, 1000, 2000];
const LAST_PAUSE: u64 = 5000;

/// How often a waiting client checks whether the test is over.
const GLANCE: Duration = Duration::from_millis(100);

/// The counters of all clients.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) refused: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    pub(crate) approved: AtomicUsize,
    pub(crate) finished: AtomicUsize,
    pub(crate) over: AtomicBool,
}

/// A user with a room, who asks for the key of the next user's room, and is asked for the own one.
pub(crate) struct Client {
    server: SocketAddr,
    tally: Arc<Tally>,
    person: Person,
    token: String,
    room: Room,
    next: String,
    request: Value,
    request_id: Value,
    approve: Value,
    /// Whether the request for the own room has come.
    is_asked: bool,
    /// The events that were sent, answered or not.
    said: HashSet<&'static str>,
    /// The events that were answered ok.
    done: HashSet<&'static str>,
    /// The approve that has come.
    key: Option<Value>,
}

impl Client {
    pub(crate) fn new(
        server: SocketAddr,
        tally: Arc<Tally>,
        (person, room, next): (Person, Room, Rid),
        (request, approve): (&Request, &Approve),
    ) -> Self {
        Self {
            server,
            tally,
            person,
            token: String::new(),
            room,
            next: format!("room:{next}"),
            request: json!(request),
            request_id: json!(request.request_id),
            approve: json!(approve),
            is_asked: false,
            said: HashSet::new(),
            done: HashSet::new(),
            key: None,
        }
    }

    /// Does everything that a client does, and returns the periods without a connection.
    pub(crate) fn run(mut self, ready: &Barrier, pause: Duration) -> Vec<(Instant, Instant)> {
        self.token = self.person.sign_in(self.server);
        let mut device = self.connect();
        let card = self.room.card(1, Policy::Request, None);
        device.call(&self.room.topic(), "card", card).ok();
        ready.wait();

        let mut absences = Vec::new();
        let begin = Instant::now() + pause;
        while !self.tally.over.load(SeqCst) {
            if self.work(&mut device, begin).is_none() {
                let left = Instant::now();
                drop(device);
                device = self.connect();
                absences.push((left, Instant::now()));
            }
        }
        absences
    }

    /// Retries until both rooms are joined.
    fn connect(&mut self) -> Device {
        let mut tries = 0;
        loop {
            let pause = PAUSES.get(tries).copied().unwrap_or(LAST_PAUSE);
            thread::sleep(Duration::from_millis(pause));
            match Device::try_with_token(self.server, &self.person, Some(&self.token)) {
                Ok(mut device) => {
                    tries = 0;
                    if self.enter(&mut device).is_some() {
                        return device;
                    }
                }
                Err(error) => {
                    tries += 1;
                    self.count_if_refused(&error);
                }
            }
        }
    }

    fn count_if_refused(&self, error: &io::Error) {
        if error.kind() == ErrorKind::ConnectionRefused {
            self.tally.refused.fetch_add(1, SeqCst);
        }
    }

    /// Joins both rooms; nothing if the connection is lost. Everything that was answered ok must be
    /// there.
    fn enter(&mut self, device: &mut Device) -> Option<()> {
        let params = json!({ "v": 1, "device": device.id });
        let joined = device.try_call(&self.room.topic(), "phx_join", &params)?.ok();
        let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        let proof = self.room.prove(&device.server, &device.uid, &nonce);
        let proven = device.try_call(&self.room.topic(), "prove", &proof)?.ok();
        self.is_asked |= proven["pending"].as_array().is_some_and(|pending| !pending.is_empty());

        let joined = device.try_call(&self.next, "phx_join", &params)?.ok();
        let (mine, approves) = (&joined["mine"], &joined["approves"]);
        if let Some(approve) = approves.get(0) {
            self.key = Some(approve["approve_id"].clone());
        }
        let is_there = [mine, approves].iter().any(|list| {
            list.as_array().is_some_and(|of| of.iter().any(|it| it["request_id"] == self.request_id))
        });
        // An ack without an answer may have been stored.
        let is_expected = self.done.contains("request") && !self.said.contains("ack");
        assert!(is_there || !is_expected, "a request was answered ok, and is not there: {joined}");
        Some(())
    }

    /// Does the next thing to do, or waits a little for a message; nothing if the connection is
    /// lost.
    fn work(&mut self, device: &mut Device, begin: Instant) -> Option<()> {
        if Instant::now() >= begin && !self.done.contains("request") {
            self.say(device, &self.next.clone(), "request", &self.request.clone())?;
            self.tally.asked.fetch_add(1, SeqCst);
        }
        if self.is_asked && !self.done.contains("approve") {
            self.say(device, &self.room.topic(), "approve", &self.approve.clone())?;
            self.tally.approved.fetch_add(1, SeqCst);
        }
        if let Some(key) = self.key.clone().filter(|_| !self.done.contains("ack")) {
            let ack = json!({ "approve_id": key, "device": device.id });
            self.say(device, &self.next.clone(), "ack", &ack)?;
        }
        match device.next_within(GLANCE) {
            Ok(message) => {
                if let Some(message) = &message {
                    self.hear(message);
                }
                Some(())
            }
            Err(_) => None,
        }
    }

    /// Sends an event and waits until it is answered ok.
    fn say(&mut self, device: &mut Device, topic: &str, event: &'static str, payload: &Value) -> Option<()> {
        self.said.insert(event);
        device.try_call(topic, event, payload)?.ok();
        self.done.insert(event);
        if self.done.len() == 3 {
            self.tally.finished.fetch_add(1, SeqCst);
        }
        Some(())
    }

    fn hear(&mut self, message: &Message) {
        match &*message.event {
            "request" if message.topic == self.room.topic() => self.is_asked = true,
            "approve" if message.topic == self.next => self.key = Some(message.payload["approve_id"].clone()),
            _ => {}
        }
    }
}
