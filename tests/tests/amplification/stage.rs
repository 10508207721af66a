//! The server that is measured, and the people in its rooms.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::{Id, Policy, Request};
use vestibule_approve::signed::{Alg, Rid, Uid};
use vestibule_tests::people::{Device, Person, Room, random};
use vestibule_tests::process::{Launch, Server};

use crate::meter::{self, GLANCE, Heap, PATIENCE};

/// The operator's token.
const OPERATOR: &str = "operator-0123456789abcdef01234567";

/// A server without rates, so that each frame is handled when it is sent; everything else is as it is by default.
pub(crate) struct Stage {
    server: Server,
    /// Its memory.
    pub(crate) heap: Heap,
    /// Where operators connect.
    pub(crate) admin: SocketAddr,
    /// A room, a user, and what that user asks for in the room: for operators to look at.
    pub(crate) room: Rid,
    pub(crate) user: Uid,
    pub(crate) request: Id,
    /// The path of the page's largest file.
    pub(crate) largest_file: String,
    /// How many sockets the server has while nobody is connected.
    sockets: usize,
    _folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let tokens = format!("alice full {OPERATOR}\n");
        // A session of long poll that is abandoned ends soon, so that what it keeps is measured soon.
        // What is sent again after a while is not caused by what a row sends.
        let launch = Launch::vestibule()
            .administered(folder.path(), &tokens)
            .options(&[("--poll", "1s"), ("--redelivery", "1h")])
            .env("VESTIBULE_MAX_POLLS_PER_ADDRESS", "1000000");
        let heap = Heap::build(folder.path());
        let server = Server::start(heap.count(launch));
        let admin = server.operators();
        let mut cast = Cast::new(server.address(), Role::Guest, 0);
        let request = cast.ask(1)[0].request_id;
        let (room, user) = (cast.rid(), cast.person.uid());
        drop(cast);
        let sockets = fewest_sockets(server.id());
        let largest_file = largest_file();
        Self { server, heap, admin, room, user, request, largest_file, sockets, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How long the server has run on the processors.
    pub(crate) fn time(&self) -> Duration {
        meter::time(self.server.id())
    }

    /// Waits until the server has closed all connections, whose clients are gone.
    pub(crate) fn until_all_are_gone(&self) {
        let start = Instant::now();
        while meter::sockets(self.server.id()) > self.sockets {
            let open = meter::sockets(self.server.id());
            assert!(start.elapsed() < PATIENCE, "{open} sockets are open, {} without a client", self.sockets);
            thread::sleep(GLANCE);
        }
    }

    /// The header by which the operator is let in.
    pub(crate) fn authorization() -> String {
        format!("authorization: Bearer {OPERATOR}\r\n")
    }
}

/// For how long nothing may come until nothing more is expected: longer than the server gathers who comes and goes.
const QUIET: Duration = Duration::from_millis(250);

/// Whether anything more has come, all of which is read. Nothing comes to who is gone.
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
    /// Its name in the table.
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

/// Somebody who sends, the room that it is about, and who else is there.
pub(crate) struct Cast {
    pub(crate) server: SocketAddr,
    pub(crate) room: Room,
    /// Who sends.
    pub(crate) person: Person,
    pub(crate) device: Device,
    /// The answer to the sender's join of the room.
    pub(crate) joined: Value,
    /// Members who listen.
    pub(crate) watchers: Vec<Device>,
    /// Others whom the sender's events may concern: newcomers, approvers.
    pub(crate) others: Vec<(Person, Device)>,
    /// How many requests somebody has where there are many: all that a room takes, or a single one where nobody watches
    /// and what is listed does not matter.
    pub(crate) requests: usize,
}

impl Cast {
    /// A room of its own with so many members beside the sender. The sender is the room's creator where it is a member.
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
        let mut cast = Self { server, room, person, device, joined, watchers, others, requests };
        if role == Role::Member {
            let proof = cast.proof();
            cast.device.call(&cast.topic(), "prove", proof).ok();
        }
        cast
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

    /// A further person in the room, as a guest.
    pub(crate) fn newcomer(&mut self) -> usize {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.server, &person);
        device.visit(&self.room.rid());
        self.others.push((person, device));
        self.others.len() - 1
    }

    /// A further person in the room, as a member.
    pub(crate) fn approver(&mut self) -> usize {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.server, &person);
        device.enter(&self.room);
        self.others.push((person, device));
        self.others.len() - 1
    }

    /// So many requests of one of the others, as large as they may be.
    pub(crate) fn others_ask(&mut self, who: usize, count: usize) -> Vec<Request> {
        let (topic, rid) = (self.topic(), self.rid());
        let (person, device) = &mut self.others[who];
        (0..count).map(|_| ask(person, device, &topic, &rid)).collect()
    }

    /// So many requests of the sender, as large as they may be.
    pub(crate) fn ask(&mut self, count: usize) -> Vec<Request> {
        let (topic, rid) = (self.topic(), self.rid());
        (0..count).map(|_| ask(&self.person, &mut self.device, &topic, &rid)).collect()
    }

    /// One of the others approves each of the sender's requests, with a ciphertext of that size; gives the approves' ids.
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

    /// Waits until everybody has been sent what came of what the sender has sent; gives what each was sent in all. The last
    /// of the watchers says something at the end, and is not counted. What the sender was sent is read, too.
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
        // Who comes and goes may be told a while later, in one message.
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

/// How many sockets a server has that somebody has used, and whose clients are gone: as few as there are in a while. Its threads
/// open some for themselves with the first use.
fn fewest_sockets(server: u32) -> usize {
    let count = |_| {
        thread::sleep(GLANCE);
        meter::sockets(server)
    };
    (0..100).map(count).min().unwrap_or_default()
}

/// The path of the largest file that is embedded in the server; the page itself where it was not built.
fn largest_file() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/web/dist/demo/assets");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let sized =
        |file: fs::DirEntry| Some((file.metadata().ok()?.len(), file.file_name().into_string().ok()?));
    let largest = files.filter_map(sized).max();
    largest.map_or_else(|| "/".to_owned(), |(_, name)| format!("/assets/{name}"))
}

fn ask(person: &Person, device: &mut Device, topic: &str, rid: &Rid) -> Request {
    let mut request = person.request(rid);
    request.box_pub = Blob([random::<32>().0.as_slice(), &[7; 4096 - 32]].concat());
    person.sign_request(rid, &mut request);
    device.call(topic, "request", &request).ok();
    request
}
