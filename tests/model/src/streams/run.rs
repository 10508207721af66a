//! Runs a variant from beginning to end.

use std::collections::BTreeMap;

use super::{
    database::Database,
    locks::Locks,
    random::Random,
    report::Report,
    state::{Client, Event, Node, Scope, World, Writer},
    variant::{Bus, Variant},
};

/// How long frames may still come after the last command.
const AFTERWARDS: u64 = 4_000_000;

/// Runs a variant with a seed, and returns what it counted.
pub fn run(variant: &Variant, scope: Scope, seed: u64) -> Report {
    let mut world = World::new(*variant, scope, seed);
    world.start();
    while let Some(((at, _), event)) = world.agenda.pop_first() {
        if at > scope.lasts + AFTERWARDS {
            break;
        }
        world.now = at;
        world.happen(event);
    }
    world.now = scope.lasts + AFTERWARDS;
    world.check_all();
    world.report
}

impl World {
    fn new(variant: Variant, scope: Scope, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut node = || Node { ahead: random.between(0, variant.skew + 1), ..Node::default() };
        let nodes = (0..variant.nodes).map(|_| node()).collect();
        let places = (0..variant.nodes).flat_map(|node| (0..variant.writers).map(move |place| (node, place)));
        let writers = places.map(|(node, place)| Writer { node, place, life: 0, tx: None }).collect();
        let device = |user| Client { user, is_device: true, ..Client::default() };
        let devices = (0..scope.users).flat_map(|user| [device(user), device(user)]);
        let guest = |user| Client { user, room: user % scope.rooms, ..Client::default() };
        let clients = devices.chain((0..scope.users).map(guest)).collect();
        Self {
            variant,
            scope,
            now: 0,
            agenda: BTreeMap::new(),
            numbers: 0,
            random,
            database: Database::default(),
            locks: Locks::default(),
            transactions: BTreeMap::new(),
            writers,
            nodes,
            clients,
            acks: Vec::new(),
            busy_until: BTreeMap::new(),
            report: Report::default(),
        }
    }

    fn start(&mut self) {
        for client in 0..self.clients.len() {
            self.connect(client);
            let delay = self.random.between(100_000, 1_000_000);
            self.after(delay, Event::Act { client });
        }
        for writer in 0..self.writers.len() {
            let delay = self.random.between(0, 20_000);
            self.after(delay, Event::Step { writer, life: 0 });
        }
        for node in 0..self.nodes.len() {
            let delay = self.random.between(0, 1_000_000);
            self.after(delay, Event::Tail { node });
            if self.variant.bus == Bus::Lossy {
                let delay = self.random.between(0, 1_300_000);
                self.after(delay, Event::Cut { node });
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step { writer, life } => self.step(writer, life),
            Event::Commit { tx } => self.end(tx, true),
            Event::RollBack { tx } => self.end(tx, false),
            Event::Committed { writer, life } => self.committed(writer, life),
            Event::Unknown { writer, life } => self.unknown(writer, life),
            Event::Arrive { node, frame } => self.arrive(node, frame),
            Event::Look { node, stream, at } => self.look(node, stream, at),
            Event::Repaired { node, stream, changes } => self.repaired(node, stream, changes),
            Event::Tail { node } => self.tail(node),
            Event::Tailed { node, changes } => self.tailed(node, changes),
            Event::Cut { node } => self.cut(node),
            Event::Act { client } => self.act(client),
            Event::Confirmed { node, stream } => self.subscribed(node, stream),
            Event::Read { join, proves } => self.read(join, proves),
            Event::ReadRows { join, proves, until, commit } => self.read_rows(join, proves, until, commit),
            Event::Found { join, proves, snapshot } => self.found(join, proves, snapshot),
        }
    }
}
