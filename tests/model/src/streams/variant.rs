//! The variants that the simulation decides between, as data.

/// What puts commands in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One sequence for all streams, which no lock protects. With one writer that is SQLite.
    Sequence,
    /// A lock on each room, and a seq that counts in the room.
    RoomLock,
    /// Locks on all rooms of the batch, then on all users; one seq for a command, greater than the
    /// last of each stream that it touches.
    Streams,
}

/// In which order a transaction takes its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// All rooms, sorted, then all users, sorted.
    Sorted,
    /// Command by command.
    AsNeeded,
}

/// How a published frame comes to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// At once, within the process.
    Local,
    /// Within the process, by way of the room's actor, which takes its time: today's way.
    ThroughRoom,
    /// Late, out of order, or never.
    Lossy,
}

/// Which frames a node passes on to its receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All, in the order in which they come; a join's `until` alone sorts out what was read.
    All,
    /// Those with a seq greater than the last.
    Greater,
    /// The one whose `prev` is the last; the others are held back.
    Chain,
}

/// How a node fills a hole that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Not at all.
    Never,
    /// From `changes`; a change whose row is gone moves the position on and tells nothing.
    FromChanges,
    /// From `changes` joined with the rows, so that a change whose row is gone is not found.
    FromRowsLeft,
}

/// How a node looks for what nobody noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Not at all.
    Never,
    /// For changes with a seq greater than the last that it has seen.
    BySeq,
    /// For changes of transactions that the snapshot before did not show.
    BySnapshot,
}

/// What a writer does when it does not learn whether its commit succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing.
    Nothing,
    /// Has everybody concerned join anew at once.
    RestartAtOnce,
    /// Waits until the transaction has ended, and has everybody concerned join anew.
    RestartSettled,
    /// Waits until the transaction has ended, asks whether it was committed, and publishes then.
    Ask,
}

/// Where a connection's user has a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In each topic that the connection has joined: while one reads, the others go on.
    Topic,
    /// In the user's stream: while one topic reads, frames for all of them are held back.
    Connection,
}

/// What a user's own requests do to the `seq` that the client sends back as `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnRequests {
    /// The join's answer counts their seqs, which are of the room's stream: today's way.
    Counted,
    /// The join's answer counts them, and a request takes its seq in the user's stream, too.
    InStream,
    /// The join's answer does not count them.
    NotCounted,
}

/// One way to build it, and what goes wrong around it.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one choice of a design, or one thing that goes wrong"
)]
pub struct Variant {
    /// For the table.
    pub name: &'static str,
    /// How many nodes share the database.
    pub nodes: usize,
    /// How many writers each node has.
    pub writers: usize,
    /// Whether a room's commands on one node all go to the same writer.
    pub is_sharded: bool,
    /// What puts commands in order.
    pub order: Order,
    /// In which order a transaction takes its locks.
    pub locking: Locking,
    /// Whether a writer holds a lock in memory on each user from before it takes the seq until it
    /// has published.
    pub locks_users: bool,
    /// How frames come to nodes.
    pub bus: Bus,
    /// Which frames a node passes on.
    pub rule: Rule,
    /// How a node fills holes.
    pub repair: Repair,
    /// How a node finds what nobody noticed.
    pub tail: Tail,
    /// Whether a join reads after its node's subscription is confirmed, or at once.
    pub is_confirmed_first: bool,
    /// Whether a join reads again if its node began later in the stream than the join's read.
    pub reads_again: bool,
    /// Whether a join reads `until` and rows in one snapshot.
    pub is_one_snapshot: bool,
    /// Where a connection's user has a position.
    pub position: Position,
    /// How far before `last` a join reads notices again, in microseconds.
    pub overlap: u64,
    /// What own requests do to `last`.
    pub own_requests: OwnRequests,
    /// By how much nodes' clocks may differ, in microseconds.
    pub skew: u64,
    /// Whether answers to commits are lost.
    pub loses_answers: bool,
    /// What a writer does then.
    pub unknown: Unknown,
    /// Whether writers are killed.
    pub kills: bool,
}
