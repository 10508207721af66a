//! The people in the rooms of a measured server.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::{Id, Policy, Request};
use vestibule_approve::signed::{Alg, Rid};
use vestibule_tests::people::{Device, Person, Room, random};

/// How long a client must receive nothing to count as done: longer than the server gathers presence
/// changes.
const QUIET: Duration = Duration::from_millis(250);

/// Whether any message has come since; reads all of them. A disconnected client receives nothing.
fn has_more(device: &mut Device) -> bool {
    let mut has_more = false;
    while let Ok(Some(_)) = device.next_within(Duration::ZERO) {
        has_more = true;
    }
    has_more
}

/// Who sends events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Without a token.
    Stranger,
    /// With a token, in no topic.
    SignedIn,
    /// In a room whose key it has not proved.
    Guest,
    /// In a room whose key it has proved.
    Member,
    /// With an operator's token.
    Operator,
}

impl Role {
    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Stranger => "stranger",
            Role::SignedIn => "signed in",
            Role::Guest => "guest",
            Role::Member => "member",
            Role::Operator => "operator",
        }
    }
}

/// A sender, the room, and the other people in it.
pub(crate) struct Participants {
    pub(crate) server: SocketAddr,
    pub(crate) room: Room,
    pub(crate) person: Person,
    pub(crate) device: Device,
    /// The answer to the sender's join of the room.
    pub(crate) joined: Value,
    /// Members that listen.
    pub(crate) watchers: Vec<Device>,
    /// Other people whom the sender's events may concern: newcomers, approvers.
    pub(crate) others: Vec<(Person, Device)>,
    /// How many requests a user with many has: all that a room takes, or one if nobody watches and
    /// the lists do not matter.
    pub(crate) requests: usize,
}

impl Participants {
    /// A new room with this many members besides the sender. A sender who is a member created it.
    pub(crate) fn new(server: SocketAddr, role: Role, watchers: usize) -> Self {
        let person = Person::new(Alg::Ed25519);
        let room = Room::created_by(server, &person, Policy::Request);
        let mut watchers: Vec<_> =
            (0..watchers).map(|_| Device::connect(server, &Person::new(Alg::Ed25519))).collect();
        for watcher in &mut watchers {
            watcher.enter(&room);
        }
        let mut device = match role {
            Role::Stranger => Device::with_token(server, &person, None),
            _ => Device::connect(server, &person),
        };
        let joined = match role {
            Role::Stranger | Role::SignedIn | Role::Operator => Value::Null,
            Role::Guest | Role::Member => device.visit(&room.rid()),
        };
        let requests = if watchers.is_empty() { 1 } else { 8 };
        let others = Vec::new();
        let mut participants = Self { server, room, person, device, joined, watchers, others, requests };
        if role == Role::Member {
            let proof = participants.proof();
            participants.device.call(&participants.topic(), "prove", proof).ok();
        }
        participants
    }

    pub(crate) fn topic(&self) -> String {
        self.room.topic()
    }

    pub(crate) fn rid(&self) -> Rid {
        self.room.rid()
    }

    /// The payload of `prove` for the sender's join.
    pub(crate) fn proof(&self) -> Value {
        let nonce = self.joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        self.room.prove(&self.device.server, &self.device.uid, &nonce)
    }

    /// Another guest in the room.
    pub(crate) fn newcomer(&mut self) -> usize {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.server, &person);
        device.visit(&self.room.rid());
        self.others.push((person, device));
        self.others.len() - 1
    }

    /// Another member in the room.
    pub(crate) fn approver(&mut self) -> usize {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.server, &person);
        device.enter(&self.room);
        self.others.push((person, device));
        self.others.len() - 1
    }

    /// Requests of one of the others, as large as possible.
    pub(crate) fn others_ask(&mut self, who: usize, count: usize) -> Vec<Request> {
        let (topic, rid) = (self.topic(), self.rid());
        let (person, device) = &mut self.others[who];
        (0..count).map(|_| ask(person, device, &topic, &rid)).collect()
    }

    /// Requests of the sender, as large as possible.
    pub(crate) fn ask(&mut self, count: usize) -> Vec<Request> {
        let (topic, rid) = (self.topic(), self.rid());
        (0..count).map(|_| ask(&self.person, &mut self.device, &topic, &rid)).collect()
    }

    /// One of the others approves each of the sender's requests, with a ciphertext of this size;
    /// returns the ids of the approves.
    pub(crate) fn approved_by(&mut self, who: usize, requests: &[Request], ct: usize) -> Vec<Id> {
        let (topic, to) = (self.topic(), self.person.uid());
        let (person, device) = &mut self.others[who];
        let mut approve = |request: &Request| {
            let mut approve = self.room.approve(person, &to, request);
            approve.ct = Blob(vec![7; ct]);
            self.room.sign_approve(person, &mut approve);
            device.call(&topic, "approve", &approve).ok();
            approve.approve_id
        };
        requests.iter().map(&mut approve).collect()
    }

    /// Waits until everybody has received everything that the sender's events have caused; returns
    /// each one's total. The last watcher says something at the end, and is not counted. The
    /// sender's messages are read, too.
    pub(crate) fn received(&mut self) -> Vec<usize> {
        let topic = self.topic();
        let Some((conductor, watchers)) = self.watchers.split_last_mut() else { return Vec::new() };
        conductor.call(&topic, "fence", json!({})).ok();
        for watcher in watchers.iter_mut() {
            watcher.push(&topic, "fence");
        }
        for (_, other) in &mut self.others {
            other.fence(&topic);
        }
        // Presence changes may be announced a while later, in one message.
        let others = &mut self.others;
        let sender = &mut self.device;
        let mut is_busy = || {
            thread::sleep(QUIET);
            let others = others.iter_mut().map(|(_, other)| other);
            let all = watchers.iter_mut().chain(others).chain([&mut *sender]);
            all.filter_map(|device| has_more(device).then_some(())).count() > 0
        };
        while is_busy() {}
        let others = self.others.iter().map(|(_, device)| device);
        watchers.iter().chain(others).map(|device| device.socket.received()).collect()
    }
}

fn ask(person: &Person, device: &mut Device, topic: &str, rid: &Rid) -> Request {
    let mut request = person.request(rid);
    request.box_pub = Blob([random::<32>().0.as_slice(), &[7; 4096 - 32]].concat());
    person.sign_request(rid, &mut request);
    device.call(topic, "request", &request).ok();
    request
}
