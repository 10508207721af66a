//! One data folder and its people, over many lives of the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::Random;

use crate::actions::{self, Driver, Session};
use crate::actor::{Actor, Role};
use crate::expectations::Expectations;
use crate::snapshot::{self, Snapshot, list};
use crate::{answers, final_checks, received};

/// The places where the server is killed, each with the highest count of passes before the kill.
const FAILPOINTS: [(&str, usize); 6] = [
    ("before_commit", 20),
    ("after_commit", 20),
    ("before_reply", 32),
    ("after_reply", 32),
    ("before_push", 40),
    ("after_push", 40),
];

/// One server's data and everybody who uses it.
pub(crate) struct Harness {
    server: Server,
    launch: Launch,
    room: Room,
    actors: Vec<Actor>,
    summary: Summary,
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) kills: usize,
    /// Lives that reached the check, and were not killed while everybody reconnected.
    pub(crate) checked: usize,
    /// Commands that were sent.
    commands: usize,
    /// Of these, those that were answered only when they were repeated.
    pub(crate) repeated: usize,
    /// Of these, those that had been stored before the kill.
    pub(crate) found: usize,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.checked += other.checked;
        self.commands += other.commands;
        self.repeated += other.repeated;
        self.found += other.found;
    }
}

impl Harness {
    pub(crate) fn new() -> Self {
        let launch = Launch::vestibule().options(&[
            ("--sweep", "1h"),
            ("--max-requests-per-user", "100000"),
            ("--log", "error"),
        ]);
        let server = Server::start(launch.clone());
        let address = server.address();
        let room = Room::published(address, Policy::Request);
        let mut actors = Vec::new();
        for roles in [
            [Role::Asker { has_inbox: false }].as_slice(),
            &[Role::Asker { has_inbox: false }],
            &[Role::Asker { has_inbox: true }, Role::Inbox],
            &[Role::Member],
            &[Role::Member],
            &[Role::Bystander],
        ] {
            let person = Arc::new(Person::new(Alg::Ed25519));
            let token = person.sign_in(address);
            actors.extend(roles.iter().map(|role| Actor::new(*role, &person, &token)));
        }
        Self { server, launch, room, actors, summary: Summary::default() }
    }

    /// One life of the server, which ends with a kill at a random place.
    pub(crate) fn run_until_killed(&mut self, random: &mut Random) {
        let (place, passages) = FAILPOINTS[random.below(FAILPOINTS.len())];
        let failpoint = format!("{place}:{}", 1 + random.below(passages));
        self.server.restart_as(self.launch.clone().env("VESTIBULE_FAILPOINT", &failpoint));
        self.run_life(random, &failpoint);
        self.summary.kills += 1;

        let told = received::check(&self.actors, &self.room.topic());
        for actor in &mut self.actors {
            actor.received.clear();
            answers::check(actor);
            for entry in actor.log.iter_mut().filter(|entry| !entry.is_answered()) {
                let id = if entry.event == "approve" { "approve_id" } else { "request_id" };
                let is_told = entry.payload[id].as_str().is_some_and(|id| told.contains(id));
                entry.was_lost = true;
                entry.was_told |= is_told && matches!(entry.event, "request" | "approve");
            }
        }
    }

    fn run_life(&mut self, random: &mut Random, failpoint: &str) {
        let address = self.server.address();
        let Self { server, room, actors, summary, .. } = self;
        let sessions = actors.iter().map(|actor| Session::connect(actor, address, random.number())).collect();
        thread::scope(|scope| {
            scope.spawn(move || {
                let line = server.line();
                server.kill();
                assert_eq!(line, Some(format!("vestibule stands still at {failpoint}")));
            });
            let (sessions, _) = concurrently(actors, room, sessions, actions::reconnect)?;
            // Nothing is in flight now: everybody is shown the same.
            let (sessions, seen) = concurrently(actors, room, sessions, snapshot::take)?;
            check(actors, &seen);
            summary.checked += 1;
            for (actor, snapshot) in actors.iter_mut().zip(seen) {
                actor.snapshot = snapshot;
            }
            concurrently(actors, room, sessions, actions::run)
        });
    }

    /// The last life: everything that was ever answered is checked once more.
    pub(crate) fn end(mut self) -> Summary {
        self.server.restart_as(self.launch.clone());
        let address = self.server.address();
        let Self { server, room, actors, mut summary, .. } = self;
        let mut server = server;
        let mut actors = actors;
        for entry in actors.iter_mut().flat_map(|actor| &mut actor.log) {
            entry.is_settled = false;
        }
        let sessions = actors.iter().map(|actor| Session::connect(actor, address, 0)).collect();
        let alive = "a server that lives";
        let (sessions, _) = concurrently(&mut actors, &room, sessions, actions::reconnect).expect(alive);
        let (sessions, seen) = concurrently(&mut actors, &room, sessions, snapshot::take).expect(alive);
        let (_, notices) =
            concurrently(&mut actors, &room, sessions, |driver| list(driver, "notices")).expect(alive);
        check(&mut actors, &seen);
        received::check(&actors, &room.topic());
        actors.iter().for_each(answers::check);
        final_checks::check_notices(&actors, &notices);
        server.kill();
        final_checks::check_database(&server.data().join("vestibule.db"));
        let entries = || actors.iter().flat_map(|actor| &actor.log);
        summary.commands = entries().count();
        summary.repeated = entries().filter(|entry| entry.was_lost).count();
        summary.found =
            entries().filter(|entry| entry.was_lost && !entry.is_first() && entry.is_done()).count();
        summary
    }
}

/// Compares what everybody is shown with what was answered, and marks what is settled.
fn check(actors: &mut [Actor], snapshots: &[Snapshot]) {
    let expectations = Expectations::of(actors);
    expectations.check(actors, snapshots);
    let over = expectations.requests.iter().filter(|(_, asked)| asked.is_over());
    let over: HashSet<String> = over.map(|(id, _)| (*id).to_owned()).collect();
    for entry in actors.iter_mut().flat_map(|actor| &mut actor.log).filter(|entry| entry.event == "request") {
        entry.is_settled |= over.contains(entry.text("request_id"));
    }
}

/// Lets everybody do something concurrently; nothing if a connection ended.
fn concurrently<T: Send>(
    actors: &mut [Actor],
    room: &Room,
    sessions: Vec<Session>,
    act: impl Fn(&mut Driver<'_>) -> Option<T> + Sync,
) -> Option<(Vec<Session>, Vec<T>)> {
    thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> = actors
            .iter_mut()
            .zip(sessions)
            .map(|(actor, session)| {
                scope.spawn(move || {
                    let mut driver = Driver { actor, room, session };
                    let done = act(&mut driver)?;
                    Some((driver.session, done))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("nobody panics")).collect()
    })
}
