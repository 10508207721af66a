//! Fan-out and echo: messages, and the work that each delivery takes.

use std::io;

use super::{
    DELIVERED, Scenario, Subject,
    traffic::{Kind, ROOMS, Traffic},
};
use crate::measure::Sample;

/// Of how many messages the first is for warming up only.
const WARM_UP: u64 = 10;

/// How many messages there are at least under an emulator, in each room.
const COUNTED: u64 = 10;

/// How many fewer messages there are in each room under an emulator.
const SLOWER: u64 = 20;

/// How many fewer rooms there are under an emulator: clients that join take most of the time.
const FEWER_ROOMS: usize = 8;

/// Messages in rooms.
#[derive(Debug, Clone, Copy)]
pub struct Conversation {
    kind: Kind,
    rooms: usize,
    members: usize,
    under_way: usize,
    /// How many messages are sent in each room.
    messages: u64,
}

impl Conversation {
    /// One in each room says something to all in it, until this many messages were delivered.
    pub fn fan_out(rooms: usize, members: usize, under_way: usize, deliveries: u64) -> Self {
        let messages = (deliveries / (rooms * members) as u64).max(20);
        Self { kind: Kind::Shout, rooms, members, under_way, messages }
    }

    /// Each client, in a room of its own, has messages come back.
    pub fn echo(clients: usize, under_way: usize, echoes: u64) -> Self {
        let messages = (echoes / clients as u64).max(20);
        Self { kind: Kind::Echo, rooms: clients, members: 1, under_way, messages }
    }

    fn is_echo(&self) -> bool {
        self.kind == Kind::Echo
    }
}

impl Scenario for Conversation {
    fn key(&self) -> String {
        let Self { rooms, members, under_way, .. } = self;
        if self.is_echo() {
            format!("echo-{rooms}-window-{under_way}")
        } else {
            format!("fan-out-{rooms}x{members}-window-{under_way}")
        }
    }

    fn name(&self) -> String {
        let Self { rooms, members, under_way, .. } = self;
        let each = if *rooms > 1 { " each" } else { "" };
        if self.is_echo() {
            let clients = if *rooms == 1 { "1 client".to_owned() } else { format!("{rooms} clients") };
            format!("echo, {clients}, {under_way} under way{each}")
        } else {
            format!("fan-out {rooms} × {members}, {under_way} under way{each}")
        }
    }

    fn unit(&self) -> &'static str {
        if self.is_echo() { "echo" } else { DELIVERED }
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        self.run_in(ROOMS, subject)
    }
}

impl Conversation {
    /// Runs it in topics of this kind.
    pub(super) fn run_in(&self, topics: &'static str, subject: &Subject<'_>) -> io::Result<Sample> {
        let Self { kind, members, under_way, mut rooms, mut messages } = *self;
        if subject.gauge.is_slow() {
            rooms = rooms.div_ceil(FEWER_ROOMS);
            messages = (messages / SLOWER).max(COUNTED);
        }
        let warm_up = (messages / WARM_UP).max(2);
        let mut traffic = Traffic::join(subject.address(), kind, topics, rooms, members)?;
        traffic.run(warm_up, under_way)?;

        let begun = subject.begin()?;
        let times = traffic.run(warm_up + messages, under_way)?;
        let cost = begun.end()?;
        let delivered = messages * (rooms * members) as u64;
        Ok(Sample::of_messages(delivered, cost, times, traffic.faults()?))
    }
}
