//! What the participants do until the server is killed.

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::net::SocketAddr;

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Request;
use vestibule_tests::people::{Device, Message, Room, random};
use vestibule_tests::random::Random;

use crate::actor::{Actor, Answer, Entry, Role};

/// How many open requests are enough for an asker.
const ENOUGH: usize = 4;
/// How many answered commands are repeated.
const REPEATS: usize = 2;

/// One actor in one life of the server. Every method returns nothing once the connection has ended.
pub(crate) struct Driver<'a> {
    pub(crate) actor: &'a mut Actor,
    pub(crate) room: &'a Room,
    pub(crate) session: Session,
}

/// An actor's connection, and the state that ends with it.
pub(crate) struct Session {
    device: Device,
    random: Random,
    /// The unanswered commands: their index in the log, by ref.
    waiting: HashMap<String, usize>,
    /// The actor's own requests that can be withdrawn.
    open: HashSet<String>,
}

impl Session {
    pub(crate) fn connect(actor: &Actor, server: SocketAddr, seed: u64) -> Self {
        let device = Device::with_token(server, &actor.person, Some(&actor.token));
        Self { device, random: Random::new(seed), waiting: HashMap::new(), open: HashSet::new() }
    }
}

/// Joins, proves, and repeats the unanswered commands and some of the answered ones.
pub(crate) fn reconnect(driver: &mut Driver<'_>) -> Option<()> {
    let topic = driver.topic();
    let joined = driver.ask(&topic, "phx_join", &json!({ "v": 1, "device": driver.session.device.id }))?;
    if driver.actor.role == Role::Member {
        let nonce: Fixed<32> = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        let proof = driver.room.prove(&driver.session.device.server, &driver.session.device.uid, &nonce);
        driver.ask(&topic, "prove", &proof)?;
    }
    let (again, answered): (Vec<usize>, Vec<usize>) =
        (0..driver.actor.log.len()).partition(|place| !driver.actor.log[*place].is_answered());
    for place in again {
        driver.send(place)?;
    }
    let is_repeatable = |entry: &Entry| entry.is_done() && !matches!(entry.event, "deny" | "unblock");
    for _ in 0..REPEATS.min(answered.len()) {
        // One of the last ones: older ones are remembered as well, but nothing happens to them.
        let place = answered[answered.len() - 1 - driver.session.random.below(answered.len().min(12))];
        if is_repeatable(&driver.actor.log[place]) {
            driver.send(place)?;
        }
    }
    while !driver.session.waiting.is_empty() {
        let message = driver.session.device.receive()?;
        driver.note(message);
    }
    Some(())
}

/// Acts until the connection ends.
pub(crate) fn run(driver: &mut Driver<'_>) -> Option<()> {
    let snapshot = take(&mut driver.actor.snapshot);
    driver.session.open = snapshot.mine.iter().map(|item| text(item, "request_id")).collect();
    for approve in &snapshot.approves {
        driver.settle(approve)?;
    }
    for item in &snapshot.pending {
        driver.consider(item)?;
    }
    for denial in &snapshot.denials {
        driver.reconsider(denial)?;
    }
    loop {
        if matches!(driver.actor.role, Role::Asker { .. }) && driver.session.waiting.len() < 2 {
            driver.ask_or_withdraw()?;
            continue;
        }
        let message = driver.session.device.receive()?;
        if let Some(message) = driver.note(message) {
            driver.react(&message)?;
        }
    }
}

impl Driver<'_> {
    pub(crate) fn topic(&self) -> String {
        self.actor.topic(&self.room.topic())
    }

    /// Sends a message that is not a command, and waits for its answer, which must be ok.
    pub(crate) fn ask(&mut self, topic: &str, event: &str, payload: &Value) -> Option<Value> {
        let reference = self.session.device.send(topic, event, payload).ok()?;
        loop {
            let message = self.session.device.receive()?;
            if message.reference.as_deref() == Some(&reference) && message.event == "phx_reply" {
                assert_eq!(message.payload["status"], "ok", "{event}: {}", message.text);
                return Some(message.payload["response"].clone());
            }
            self.note(message);
        }
    }

    fn command(&mut self, event: &'static str, payload: Value) -> Option<()> {
        self.actor.log.push(Entry::new(event, payload));
        self.send(self.actor.log.len() - 1)
    }

    fn send(&mut self, place: usize) -> Option<()> {
        let topic = self.topic();
        let entry = &mut self.actor.log[place];
        entry.sent += 1;
        let reference = self.session.device.send(&topic, entry.event, &entry.payload).ok()?;
        self.session.waiting.insert(reference, place);
        Some(())
    }

    /// Records an answer; returns a message that is none.
    fn note(&mut self, mut message: Message) -> Option<Message> {
        let place = message.reference.as_ref().and_then(|reference| self.session.waiting.remove(reference));
        let Some(place) = place else {
            self.actor.received.push(message.clone());
            return Some(message);
        };
        let is_ok = message.payload["status"] == "ok";
        let entry = &mut self.actor.log[place];
        entry.answers.push(Answer { is_ok, response: message.payload["response"].take() });
        if is_ok && matches!(entry.event, "request" | "withdraw") {
            let request_id = entry.text("request_id").to_owned();
            if entry.event == "request" {
                self.session.open.insert(request_id);
            } else {
                self.session.open.remove(&request_id);
            }
        }
        None
    }

    fn react(&mut self, message: &Message) -> Option<()> {
        match (self.actor.role, message.event.as_str()) {
            (Role::Asker { has_inbox: false } | Role::Inbox, "approve") => self.settle(&message.payload),
            (Role::Asker { .. }, "denied") if self.session.random.percent(50) => {
                let request_id = text(&message.payload, "request_id");
                self.command("withdraw", json!({ "request_id": request_id }))
            }
            (Role::Member, "request") => self.consider(&message.payload),
            (Role::Member, "request_gone") if message.payload["state"] == "denied" => {
                if self.session.random.percent(70) {
                    return self.command("unblock", json!({ "uid": message.payload["uid"] }));
                }
                Some(())
            }
            _ => Some(()),
        }
    }

    fn ask_or_withdraw(&mut self) -> Option<()> {
        if self.session.open.len() < ENOUGH && self.session.random.percent(80) || self.session.open.is_empty()
        {
            let request = self.actor.person.request(&self.room.rid());
            return self.command("request", json!(request));
        }
        let place = self.session.random.below(self.session.open.len());
        let mut open: Vec<&String> = self.session.open.iter().collect();
        open.sort();
        let request_id = open[place].clone();
        self.session.open.remove(&request_id);
        self.command("withdraw", json!({ "request_id": request_id }))
    }

    /// Handles an approve: keeps the key, refuses it, or leaves it to a later life.
    fn settle(&mut self, approve: &Value) -> Option<()> {
        let approve_id = text(approve, "approve_id");
        let settles = matches!(self.actor.role, Role::Asker { has_inbox: false } | Role::Inbox);
        let choice = self.session.random.below(10);
        if !settles || choice == 0 || !self.actor.decided.insert(approve_id.clone()) {
            return Some(());
        }
        let mut payload =
            json!({ "rid": self.room.rid(), "approve_id": approve_id, "device": self.session.device.id });
        if choice < 7 {
            return self.command("ack", payload);
        }
        payload["code"] = "wrong_key".into();
        self.command("nack", payload)
    }

    /// Handles a waiting request: mostly approves it, sometimes denies it, sometimes leaves it to
    /// the other member.
    fn consider(&mut self, item: &Value) -> Option<()> {
        if self.actor.role != Role::Member || item["state"] != "pending" {
            return Some(());
        }
        let request: Request = serde_json::from_value(item.clone()).expect("a request");
        let to = text(item, "uid").parse().expect("32 bytes");
        let member = &self.actor.person;
        match self.session.random.below(20) {
            0..14 => {
                let approve = self.room.approve(member, &to, &request);
                self.command("approve", json!(approve))
            }
            14..16 => {
                let deny = self.room.deny(member, &to, &request.request_id, self.session.random.percent(50));
                self.command("deny", json!(deny))
            }
            16 => {
                // For a request that nobody sent.
                let nothing = Request { request_id: random(), ..request };
                let mut approve = self.room.approve(member, &to, &nothing);
                self.room.sign_approve(member, &mut approve);
                self.command("approve", json!(approve))
            }
            _ => Some(()),
        }
    }

    /// Handles a denial: lifts it, or overrules it.
    fn reconsider(&mut self, denial: &Value) -> Option<()> {
        let request = serde_json::from_value::<Request>(denial["requests"][0].clone());
        match request {
            Ok(request) if self.session.random.percent(40) => {
                let to = text(denial, "uid").parse().expect("32 bytes");
                let approve = self.room.approve(&self.actor.person, &to, &request);
                self.command("approve", json!(approve))
            }
            _ => self.command("unblock", json!({ "uid": denial["uid"] })),
        }
    }
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_else(|| panic!("no {field} in {item}")).to_owned()
}
