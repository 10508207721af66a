//! One round: newcomers ask and members approve, all at once, until the server ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::{Policy, Request};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Message, PATIENCE, Person, Room};
use vestibule_tests::process::Server;
use vestibule_tests::random::Random;

const NEWCOMERS: usize = 3;
const MEMBERS: usize = 2;
const REQUESTS_EACH: usize = 4;
/// Every request is approved by every member.
const FRAMES: usize = NEWCOMERS * REQUESTS_EACH * (1 + MEMBERS);

/// The people of several rounds on one data folder. Their tokens stay valid, since the server's
/// secrets stay.
pub(crate) struct Exchange {
    pub(crate) address: SocketAddr,
    pub(crate) room: Room,
    pub(crate) newcomers: Vec<(Person, String)>,
    pub(crate) members: Vec<(Person, String)>,
    /// The last seq of all rounds.
    pub(crate) last_seq: AtomicI64,
}

/// A frame that was sent, and its answer, if any.
pub(crate) struct Sent {
    pub(crate) frame: Value,
    /// Its sender: a request's newcomer, an approve's member.
    pub(crate) by: String,
    /// The reply's payload, `{status, response}`.
    pub(crate) answer: Option<Value>,
}

impl Sent {
    pub(crate) fn id(&self) -> &str {
        let id = self.frame.get("approve_id").unwrap_or(&self.frame["request_id"]);
        id.as_str().expect("an id")
    }
}

/// What one connection has sent, and what it was told.
#[derive(Default)]
pub(crate) struct Log {
    /// In the order in which it was sent.
    pub(crate) sent: Vec<Sent>,
    /// The payloads of the pushes with a seq, in the order in which they came.
    pub(crate) told: Vec<Value>,
    /// The indices of unanswered frames, by ref.
    open: HashMap<String, usize>,
}

/// All connections of a round.
pub(crate) struct Round {
    pub(crate) newcomers: Vec<Log>,
    pub(crate) members: Vec<Log>,
    /// Whether the server ended by itself, before its moment.
    pub(crate) is_cut: bool,
}

impl Exchange {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let people = |count: usize| {
            let people = (0..count).map(|_| Person::new(Alg::Ed25519));
            people
                .map(|person| (person.sign_in(address), person))
                .map(|(token, person)| (person, token))
                .collect()
        };
        let room = Room::published(address, Policy::Request);
        Self {
            address,
            room,
            newcomers: people(NEWCOMERS),
            members: people(MEMBERS),
            last_seq: AtomicI64::new(0),
        }
    }

    /// Connects everybody, starts them, and ends the server after a random number of answers.
    pub(crate) fn run(
        &self,
        server: &mut Server,
        random: &mut Random,
        end: impl FnOnce(&mut Server),
    ) -> Round {
        let moment = random.below(FRAMES + 1);
        // Between two answers, too: a pause of about the length of an answer.
        let pause = Duration::from_micros(random.below(2000) as u64);
        let (answered, answers) = mpsc::channel();
        let start = Barrier::new(NEWCOMERS + MEMBERS + 1);
        let round = thread::scope(|scope| {
            let (start, this) = (&start, self);
            let newcomers = self.newcomers.iter().map(|newcomer| {
                let answered = answered.clone();
                scope.spawn(move || this.ask(newcomer, start, &answered))
            });
            let newcomers: Vec<_> = newcomers.collect();
            let members: Vec<_> = self
                .members
                .iter()
                .map(|member| {
                    let answered = answered.clone();
                    scope.spawn(move || this.approve(member, start, &answered))
                })
                .collect();
            start.wait();
            drop(answered);
            let missing = (0..moment).find_map(|_| answers.recv_timeout(PATIENCE).err());
            let is_cut = missing == Some(RecvTimeoutError::Disconnected);
            assert!(missing.is_none() || is_cut, "a living server answers every frame");
            let deadline = Instant::now() + pause;
            while Instant::now() < deadline {
                std::hint::spin_loop();
            }
            end(server);
            Round {
                newcomers: newcomers.into_iter().map(|thread| thread.join().expect("a newcomer")).collect(),
                members: members.into_iter().map(|thread| thread.join().expect("a member")).collect(),
                is_cut,
            }
        });
        let sent = round.newcomers.iter().chain(&round.members).flat_map(|log| &log.sent);
        let count = sent.filter(|sent| sent.answer.is_some()).count();
        assert!(count >= moment || round.is_cut, "{count} answers are left of {moment}");
        round
    }

    /// A newcomer sends all requests at once and waits for the end.
    fn ask(&self, (person, token): &(Person, String), start: &Barrier, answered: &Sender<()>) -> Log {
        let mut device = Device::with_token(self.address, person, Some(token));
        device.visit(&self.room.rid());
        let requests: Vec<_> = (0..REQUESTS_EACH).map(|_| person.request(&self.room.rid())).collect();
        let mut log = Log::default();
        start.wait();
        for request in &requests {
            log.send(&mut device, &self.room.topic(), "request", json!(request));
        }
        while let Some(message) = device.receive() {
            log.note(message, answered);
        }
        log
    }

    /// A member approves every request, until the end.
    fn approve(&self, (person, token): &(Person, String), start: &Barrier, answered: &Sender<()>) -> Log {
        let mut device = Device::with_token(self.address, person, Some(token));
        device.enter(&self.room);
        let mut log = Log::default();
        start.wait();
        while let Some(message) = device.receive() {
            if message.event == "request" {
                let request: Request = serde_json::from_value(message.payload.clone()).expect("a request");
                let to = message.payload["uid"].as_str().expect("a uid").parse().expect("32 bytes");
                let approve = self.room.approve(person, &to, &request);
                log.send(&mut device, &self.room.topic(), "approve", json!(approve));
            }
            log.note(message, answered);
        }
        log
    }
}

impl Log {
    fn send(&mut self, device: &mut Device, topic: &str, event: &str, frame: Value) {
        // A frame on a broken connection may have been sent in part: it counts as sent and
        // unanswered.
        if let Ok(reference) = device.send(topic, event, &frame) {
            self.open.insert(reference, self.sent.len());
        }
        self.sent.push(Sent { frame, by: device.uid.to_string(), answer: None });
    }

    /// Notes an answer or a push.
    fn note(&mut self, message: Message, answered: &Sender<()>) {
        let Some(reference) = message.reference else {
            if message.event != "caught_up" && message.payload["seq"].is_i64() {
                self.told.push(message.payload);
            }
            return;
        };
        if let Some(place) = self.open.remove(&reference) {
            self.sent[place].answer = Some(message.payload);
            // Nobody counts any more once the server is killed.
            let _ = answered.send(());
        }
    }
}
