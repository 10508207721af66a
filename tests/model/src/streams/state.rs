//! The state of a run, and what waits to happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    database::{Change, Database, Row, Snapshot, Stream, Writes},
    locks::{Key, Locks},
    random::Random,
    report::Report,
    variant::Variant,
};

/// Microseconds.
pub(super) type Time = u64;

/// The clock at the beginning of a run. A seq is a time, so none is small.
pub(super) const EPOCH: Time = 1_000_000_000;

/// How much there is of everything, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Rooms.
    pub rooms: usize,
    /// Users. Each has two devices, which join the inbox and rooms, and is a guest in one room.
    pub users: usize,
    /// How long commands come. Connections change for a while less.
    pub lasts: u64,
    /// How long a writer pauses between transactions, at most.
    pub pause: u64,
}

impl Scope {
    /// A few rooms and users for ten seconds: so many commands meet in each that orders matter.
    pub fn busy() -> Self {
        Self { rooms: 6, users: 8, lasts: 10_000_000, pause: 20_000 }
    }

    /// Longer, with fewer commands for more users: so little follows a lost frame that it must be
    /// found without help.
    pub fn quiet() -> Self {
        Self { rooms: 8, users: 16, lasts: 20_000_000, pause: 1_000_000 }
    }
}

/// A frame on its way to a node, and within it.
pub(super) type Frame = Change;

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    /// A writer goes on, unless it was killed meanwhile.
    Step { writer: usize, life: u32 },
    /// A transaction becomes visible.
    Commit { tx: u64 },
    /// A transaction is rolled back, as its connection is gone.
    RollBack { tx: u64 },
    /// A writer learns that its commit succeeded.
    Committed { writer: usize, life: u32 },
    /// A writer learns that it will not learn, or looks again.
    Unknown { writer: usize, life: u32 },
    /// A frame comes to a node.
    Arrive { node: usize, frame: Frame },
    /// A node looks whether a hole is still there.
    Look { node: usize, stream: Stream, at: u64 },
    /// A node has read changes.
    Repaired { node: usize, stream: Stream, changes: Vec<Change> },
    /// A node reads what nobody noticed.
    Tail { node: usize },
    /// It has read that.
    Tailed { node: usize, changes: Vec<Change> },
    /// A node's subscriptions are lost for a while.
    Cut { node: usize },
    /// A client does something.
    Act { client: usize },
    /// A client's subscription is confirmed.
    Confirmed { node: usize, stream: Stream },
    /// A join reads.
    Read { join: JoinId, proves: bool },
    /// A join reads the rows, `until` having been read before.
    ReadRows { join: JoinId, proves: bool, until: u64, commit: u64 },
    /// A join has read.
    Found { join: JoinId, proves: bool, snapshot: Snapshot },
}

/// One join of one client. A later join to the same topic has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JoinId {
    pub(super) client: usize,
    pub(super) topic: Topic,
    pub(super) number: u64,
}

/// What a client joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Inbox,
    Room(usize),
}

/// A writer: a connection to the database.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) node: usize,
    /// Its place among the node's writers.
    pub(super) place: usize,
    /// How often it was killed.
    pub(super) life: u32,
    pub(super) tx: Option<u64>,
}

/// A transaction. It may outlive its writer.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) writer: usize,
    pub(super) todo: VecDeque<Op>,
    pub(super) writes: Writes,
    /// Whether it was committed, once it has ended.
    pub(super) outcome: Option<bool>,
    /// Whether the writer waits for the answer to its commit.
    pub(super) is_awaited: bool,
}

/// A step of a transaction.
#[derive(Debug)]
pub(super) enum Op {
    Lock(Key),
    Write { rows: Vec<(Stream, Row)>, deletes: Vec<usize> },
}

/// A node's place in a stream.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) is_confirmed: bool,
    /// The seq of the last frame passed on; `None` before the first read.
    pub(super) last: Option<u64>,
    /// The seq with which it began: that of the read that was done first.
    pub(super) began: u64,
    /// Frames held back, by their `prev`.
    pub(super) waiting: BTreeMap<u64, Frame>,
    /// The last frame before a hole that will be looked at.
    pub(super) looks_at: Option<u64>,
}

/// A node: a process with connections of clients.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) places: BTreeMap<Stream, Place>,
    /// Until when nothing comes from the bus.
    pub(super) cut_until: Time,
    /// From which transaction, or seq, the tail reads next.
    pub(super) tail_from: u64,
    /// By how much its clock is ahead.
    pub(super) ahead: Time,
}

/// A client: one device, and its present connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) user: usize,
    /// Whether it joins the inbox and many rooms. A guest joins one room and nothing else.
    pub(super) is_device: bool,
    /// The room of a guest.
    pub(super) room: usize,
    pub(super) node: usize,
    pub(super) joins: BTreeMap<Topic, Join>,
    /// Frames of the user's stream that wait while a join reads.
    pub(super) queue: Vec<Frame>,
    /// The greatest seq of the user's stream that was pushed.
    pub(super) position: u64,
    /// Rows of the user's stream that were pushed on this connection.
    pub(super) pushed: BTreeSet<usize>,
    /// Rows of the user's stream that joins of this connection have listed.
    pub(super) listed: BTreeSet<usize>,
    /// What is on its way to the client: lost if the connection ends.
    pub(super) on_its_way: VecDeque<Delivery>,
    /// What the client has received, on any connection.
    pub(super) received: BTreeSet<usize>,
    /// What the client sends as `last`, by topic.
    pub(super) last: BTreeMap<Topic, u64>,
}

/// Rows that go to a client in one message.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) at: Time,
    pub(super) topic: Topic,
    pub(super) rows: Vec<usize>,
    pub(super) last: u64,
}

/// A join: the user's own frames, and those for members.
#[derive(Debug, Default)]
pub(super) struct Join {
    pub(super) number: u64,
    pub(super) own: Feed,
    pub(super) members: Option<Feed>,
}

/// What one join has read and been pushed of one stream.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) until: u64,
    /// The last commit that the read showed; `None` before it was done.
    pub(super) commit: Option<u64>,
    /// Frames held back until the read is done.
    pub(super) held: Vec<Frame>,
    pub(super) listed: BTreeSet<usize>,
    pub(super) pushed: BTreeSet<usize>,
    pub(super) greatest: u64,
    /// Whether something was wrong with it.
    pub(super) is_wrong: bool,
}

/// An ack on its way to a writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    pub(super) room: usize,
    pub(super) row: usize,
    pub(super) by: usize,
}

/// A run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) variant: Variant,
    pub(super) scope: Scope,
    pub(super) now: Time,
    pub(super) agenda: BTreeMap<(Time, u64), Event>,
    pub(super) numbers: u64,
    pub(super) random: Random,
    pub(super) database: Database,
    pub(super) locks: Locks,
    pub(super) transactions: BTreeMap<u64, Tx>,
    pub(super) writers: Vec<Writer>,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Vec<Client>,
    pub(super) acks: Vec<Ack>,
    /// When a room's actor is free again, where frames pass through it.
    pub(super) busy_until: BTreeMap<usize, Time>,
    pub(super) report: Report,
}

impl World {
    /// A number that was not given out before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Has an event happen after a time. Events of one time happen in the order of this call.
    pub(super) fn after(&mut self, delay: Time, event: Event) {
        let number = self.number();
        self.agenda.insert((self.now + delay, number), event);
    }
}
