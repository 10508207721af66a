//! One data folder and its people, over many lives of the server.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::Random;

use crate::actor::{Actor, Role};
use crate::moves::{self, Line, Player};
use crate::shown::{self, Shown, list};
use crate::truth::Truth;
use crate::{answers, ending, heard};

/// The places where the server is killed, each with the highest count of passes before the kill.
const PLACES: [(&str, usize); 6] = [
    ("before_commit", 20),
    ("after_commit", 20),
    ("before_reply", 32),
    ("after_reply", 32),
    ("before_push", 40),
    ("after_push", 40),
];

/// One server's data and everybody who uses it.
pub(crate) struct World {
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

impl World {
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
            [Role::Asker { has_desk: false }].as_slice(),
            &[Role::Asker { has_desk: false }],
            &[Role::Asker { has_desk: true }, Role::Desk],
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
    pub(crate) fn live_and_die(&mut self, random: &mut Random) {
        let (place, passages) = PLACES[random.below(PLACES.len())];
        let failpoint = format!("{place}:{}", 1 + random.below(passages));
        self.server.restart_as(self.launch.clone().env("VESTIBULE_FAILPOINT", &failpoint));
        self.live(random, &failpoint);
        self.summary.kills += 1;

        let told = heard::check(&self.actors, &self.room.topic());
        for actor in &mut self.actors {
            actor.heard.clear();
            answers::check(actor);
            for entry in actor.log.iter_mut().filter(|entry| !entry.is_answered()) {
                let id = if entry.event == "approve" { "approve_id" } else { "request_id" };
                let is_told = entry.payload[id].as_str().is_some_and(|id| told.contains(id));
                entry.was_lost = true;
                entry.was_told |= is_told && matches!(entry.event, "request" | "approve");
            }
        }
    }

    fn live(&mut self, random: &mut Random, failpoint: &str) {
        let address = self.server.address();
        let Self { server, room, actors, summary, .. } = self;
        let lines = actors.iter().map(|actor| Line::connect(actor, address, random.number())).collect();
        thread::scope(|scope| {
            scope.spawn(move || {
                let line = server.line();
                server.kill();
                assert_eq!(line, Some(format!("vestibule stands still at {failpoint}")));
            });
            let (lines, _) = together(actors, room, lines, moves::come_back)?;
            // Nothing is in flight now: everybody is shown the same.
            let (lines, seen) = together(actors, room, lines, shown::look)?;
            check(actors, &seen);
            summary.checked += 1;
            for (actor, shown) in actors.iter_mut().zip(seen) {
                actor.shown = shown;
            }
            together(actors, room, lines, moves::play)
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
        let lines = actors.iter().map(|actor| Line::connect(actor, address, 0)).collect();
        let alive = "a server that lives";
        let (lines, _) = together(&mut actors, &room, lines, moves::come_back).expect(alive);
        let (lines, seen) = together(&mut actors, &room, lines, shown::look).expect(alive);
        let (_, notices) =
            together(&mut actors, &room, lines, |player| list(player, "notices")).expect(alive);
        check(&mut actors, &seen);
        heard::check(&actors, &room.topic());
        actors.iter().for_each(answers::check);
        ending::check_notices(&actors, &notices);
        server.kill();
        ending::check_database(&server.data().join("vestibule.db"));
        let entries = || actors.iter().flat_map(|actor| &actor.log);
        summary.commands = entries().count();
        summary.repeated = entries().filter(|entry| entry.was_lost).count();
        summary.found =
            entries().filter(|entry| entry.was_lost && !entry.is_first() && entry.is_done()).count();
        summary
    }
}

/// Compares what everybody is shown with what was answered, and marks what is settled.
fn check(actors: &mut [Actor], shown: &[Shown]) {
    let truth = Truth::of(actors);
    truth.check(actors, shown);
    let over = truth.requests.iter().filter(|(_, asked)| asked.is_over());
    let over: HashSet<String> = over.map(|(id, _)| (*id).to_owned()).collect();
    for entry in actors.iter_mut().flat_map(|actor| &mut actor.log).filter(|entry| entry.event == "request") {
        entry.is_settled |= over.contains(entry.text("request_id"));
    }
}

/// Lets everybody do something concurrently; nothing if a connection ended.
fn together<T: Send>(
    actors: &mut [Actor],
    room: &Room,
    lines: Vec<Line>,
    act: impl Fn(&mut Player<'_>) -> Option<T> + Sync,
) -> Option<(Vec<Line>, Vec<T>)> {
    thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> = actors
            .iter_mut()
            .zip(lines)
            .map(|(actor, line)| {
                scope.spawn(move || {
                    let mut player = Player { actor, room, line };
                    let done = act(&mut player)?;
                    Some((player.line, done))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("nobody panics")).collect()
    })
}
