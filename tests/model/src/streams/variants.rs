//! The variants that are compared.

use super::variant::{Bus, Locking, Order, OwnRequests, Position, Repair, Rule, Tail, Unknown, Variant};

const TEN_SECONDS: u64 = 10_000_000;

/// One SQLite writer as it is today: frames pass through the room's actor to inboxes, each topic
/// has a position, and notices of the last ten seconds are read again.
pub const TODAY: Variant = Variant {
    name: "SQLite today: through the room, 10 s overlap",
    nodes: 1,
    writers: 1,
    is_sharded: true,
    order: Order::Sequence,
    locking: Locking::Sorted,
    locks_users: false,
    bus: Bus::ThroughRoom,
    rule: Rule::All,
    repair: Repair::Never,
    tail: Tail::Never,
    is_confirmed_first: true,
    reads_again: true,
    is_one_snapshot: true,
    position: Position::Topic,
    overlap: TEN_SECONDS,
    own_requests: OwnRequests::Counted,
    skew: 0,
    loses_answers: false,
    unknown: Unknown::Nothing,
    kills: false,
};

/// One SQLite writer with one seq for everything, published in order to each stream.
pub const ONE_WRITER: Variant = Variant {
    name: "SQLite: one seq, streams told directly",
    bus: Bus::Local,
    position: Position::Connection,
    overlap: 0,
    ..TODAY
};

/// One node with four `PostgreSQL` writers, each for its rooms, which hold a lock in memory on each
/// user until they have published.
pub const LOCAL: Variant = Variant {
    name: "one node: users locked until published",
    writers: 4,
    order: Order::Streams,
    locks_users: true,
    own_requests: OwnRequests::NotCounted,
    ..ONE_WRITER
};

/// Three nodes with two writers each, a bus that loses frames, and clocks that differ.
pub const MANY: Variant = Variant {
    name: "three nodes: chain, repair, tail",
    nodes: 3,
    writers: 2,
    locks_users: false,
    bus: Bus::Lossy,
    rule: Rule::Chain,
    repair: Repair::FromChanges,
    tail: Tail::BySnapshot,
    skew: 200_000,
    loses_answers: true,
    kills: true,
    ..LOCAL
};

/// Variants in which every receiver is told everything once, in order.
pub fn good() -> Vec<Variant> {
    vec![
        ONE_WRITER,
        LOCAL,
        Variant {
            name: "one node, answers lost: asks, then publishes",
            loses_answers: true,
            unknown: Unknown::Ask,
            ..LOCAL
        },
        Variant {
            name: "one node, answers lost: restarts topics once settled",
            loses_answers: true,
            unknown: Unknown::RestartSettled,
            ..LOCAL
        },
        Variant {
            name: "one node: chain instead of locks in memory",
            rule: Rule::Chain,
            locks_users: false,
            ..LOCAL
        },
        Variant {
            name: "one node, answers lost: chain instead of locks, asks",
            rule: Rule::Chain,
            locks_users: false,
            loses_answers: true,
            unknown: Unknown::Ask,
            ..LOCAL
        },
        Variant { name: "one node: chain, repair, tail", nodes: 1, writers: 4, bus: Bus::Local, ..MANY },
        MANY,
        Variant { name: "three nodes: clocks differ by 2 s", skew: 2_000_000, ..MANY },
        Variant {
            name: "three nodes: own requests in the user's stream",
            own_requests: OwnRequests::InStream,
            skew: 2_000_000,
            ..MANY
        },
    ]
}

/// Variants with a flaw.
pub fn bad() -> Vec<Variant> {
    vec![
        Variant { name: "SQLite today without the overlap", overlap: 0, ..TODAY },
        Variant { name: "SQLite: until and rows in two snapshots", is_one_snapshot: false, ..ONE_WRITER },
        Variant {
            name: "one node: several writers, one sequence, no lock",
            order: Order::Sequence,
            locks_users: false,
            ..LOCAL
        },
        Variant { name: "one node: room lock alone", order: Order::RoomLock, locks_users: false, ..LOCAL },
        Variant { name: "one node: streams, published as it comes", locks_users: false, ..LOCAL },
        Variant { name: "one node: streams, seq > last", rule: Rule::Greater, locks_users: false, ..LOCAL },
        Variant { name: "one node, answers lost: nothing done", loses_answers: true, ..LOCAL },
        Variant {
            name: "one node, answers lost: restarts topics at once",
            loses_answers: true,
            unknown: Unknown::RestartAtOnce,
            ..LOCAL
        },
        Variant { name: "three nodes: seq > last", rule: Rule::Greater, ..MANY },
        Variant { name: "three nodes: chain, no repair", repair: Repair::Never, tail: Tail::Never, ..MANY },
        Variant { name: "three nodes: no tail", tail: Tail::Never, ..MANY },
        Variant { name: "three nodes: tail by seq", tail: Tail::BySeq, ..MANY },
        Variant { name: "three nodes: repair from rows left", repair: Repair::FromRowsLeft, ..MANY },
        Variant { name: "three nodes: nobody reads again", reads_again: false, ..MANY },
        Variant { name: "three nodes: a position in each topic", position: Position::Topic, ..MANY },
        Variant {
            name: "three nodes: own requests counted",
            own_requests: OwnRequests::Counted,
            skew: 2_000_000,
            ..MANY
        },
        Variant { name: "three nodes: locks as needed", locking: Locking::AsNeeded, ..MANY },
    ]
}

/// Variants that are neither: for the table.
pub fn others() -> Vec<Variant> {
    vec![
        TODAY,
        Variant {
            name: "SQLite: through the room, one position a connection",
            position: Position::Connection,
            overlap: 0,
            ..TODAY
        },
        Variant {
            name: "SQLite: streams told directly, a position in each topic",
            position: Position::Topic,
            ..ONE_WRITER
        },
        Variant { name: "one node: own requests counted", own_requests: OwnRequests::Counted, ..LOCAL },
        Variant { name: "three nodes: reads before it is subscribed", is_confirmed_first: false, ..MANY },
        Variant {
            name: "three nodes: reads before it is subscribed, no tail",
            is_confirmed_first: false,
            tail: Tail::Never,
            ..MANY
        },
        Variant {
            name: "three nodes: own requests counted, 10 s overlap",
            own_requests: OwnRequests::Counted,
            skew: 2_000_000,
            overlap: TEN_SECONDS,
            ..MANY
        },
    ]
}
