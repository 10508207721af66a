//! Exchanges that something interrupts: newcomers ask and members approve, all at once, until a
//! server, its disk or its database fails. Afterwards everything that was answered ok or told
//! anybody is there, once and in order, and nothing that nobody sent.

mod check;
mod log;
mod party;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;

use crate::people::{PATIENCE, Person, Room};
use crate::random::Random;

use log::{Log, Told};
use party::Party;

const NEWCOMERS: usize = 3;
const MEMBERS: usize = 2;
/// How many requests a newcomer sends in all rooms together.
const REQUESTS_EACH: usize = 4;
/// Every request is approved by every member.
const FRAMES: usize = NEWCOMERS * REQUESTS_EACH * (1 + MEMBERS);

/// The people of several rounds on one database. Their tokens stay valid, since the server's
/// secrets stay.
#[derive(Debug)]
pub struct Exchange {
    address: SocketAddr,
    rooms: Vec<Room>,
    newcomers: Vec<(Person, String)>,
    members: Vec<(Person, String)>,
    /// The last seq of all rounds in each stream, by topic.
    last_seqs: HashMap<String, i64>,
}

/// Everything that was sent and told in a round.
#[derive(Debug)]
pub struct Round {
    newcomers: Vec<Log>,
    members: Vec<Log>,
    /// What the newcomers' other devices were told.
    listeners: Vec<Told>,
    /// Whether all connections ended before the interruption.
    is_cut: bool,
}

/// Counts of frames.
#[derive(Debug, Default)]
pub struct Summary {
    /// Those that were sent.
    pub sent: usize,
    /// Of these, those that were answered ok.
    pub answered: usize,
    /// Those that were answered `unavailable`.
    pub refused: usize,
    /// Those whose topic started anew before it answered them.
    pub dropped: usize,
    /// Those that are stored, although they were not answered ok.
    pub unanswered: usize,
    /// Pushes of an approve after its first, which are redeliveries.
    pub redelivered: usize,
}

impl Summary {
    /// Adds the frames of another round.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.unanswered += other.unanswered;
        self.redelivered += other.redelivered;
    }
}

impl Exchange {
    /// New people at this server, in so many new rooms.
    ///
    /// # Panics
    /// If the server refuses them.
    pub fn new(address: SocketAddr, rooms: usize) -> Self {
        let people = |count: usize| {
            let people = (0..count).map(|_| Person::new(Alg::Ed25519));
            people
                .map(|person| (person.sign_in(address), person))
                .map(|(token, person)| (person, token))
                .collect()
        };
        let rooms = (0..rooms).map(|_| Room::published(address, Policy::Request)).collect();
        let (newcomers, members) = (people(NEWCOMERS), people(MEMBERS));
        Self { address, rooms, newcomers, members, last_seqs: HashMap::new() }
    }

    /// Connects everybody, starts them, and interrupts them after a random number of answers.
    /// After `interrupt` whatever runs answers what was sent.
    ///
    /// # Panics
    /// If an answer is missing, frames come in another order than they are stored, or the server
    /// ends by itself before the interruption.
    pub fn run(&self, random: &mut Random, interrupt: impl FnOnce()) -> Round {
        let round = self.run_to_any_end(random, interrupt);
        assert!(!round.is_cut, "the server ended by itself");
        round
    }

    /// Like [`Exchange::run`], for a server that may end before the interruption.
    ///
    /// # Panics
    /// If an answer is missing, or frames come in another order than they are stored.
    pub fn run_to_any_end(&self, random: &mut Random, interrupt: impl FnOnce()) -> Round {
        let moment = random.below(FRAMES + 1);
        // Between two answers, too: a pause of about the length of an answer.
        let pause = Duration::from_micros(random.below(2000) as u64);
        let (answered, answers) = mpsc::channel();
        let listeners = NEWCOMERS;
        let start = Barrier::new(NEWCOMERS + MEMBERS + listeners + 1);
        let is_over = AtomicBool::new(false);
        let party = Party { exchange: self, start: &start, is_over: &is_over };
        let round = thread::scope(|scope| {
            let newcomers = self.newcomers.iter().map(|who| {
                let answered = answered.clone();
                scope.spawn(move || party.ask(who, answered))
            });
            let newcomers: Vec<_> = newcomers.collect();
            let members = self.members.iter().map(|who| {
                let answered = answered.clone();
                scope.spawn(move || party.approve(who, answered))
            });
            let members: Vec<_> = members.collect();
            let listeners = self.newcomers.iter().map(|who| scope.spawn(move || party.listen(who)));
            let listeners: Vec<_> = listeners.collect();
            start.wait();
            // The senders left are those of open connections.
            drop(answered);
            let missing = (0..moment).find_map(|_| answers.recv_timeout(PATIENCE).err());
            let is_cut = missing == Some(RecvTimeoutError::Disconnected);
            assert!(missing.is_none() || is_cut, "a living server answers every frame");
            let deadline = Instant::now() + pause;
            while Instant::now() < deadline {
                std::hint::spin_loop();
            }
            interrupt();
            is_over.store(true, Ordering::SeqCst);
            Round { newcomers: all(newcomers), members: all(members), listeners: all(listeners), is_cut }
        });
        let sent = round.newcomers.iter().chain(&round.members).flat_map(|log| &log.sent);
        let count = sent.filter(|sent| sent.answer.is_some()).count();
        assert!(count >= moment || round.is_cut, "{count} answers are left of {moment}");
        round
    }
}

fn all<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().expect("one of the people")).collect()
}
