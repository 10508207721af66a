//! What a run counted.

use std::fmt::{self, Display};

/// What a run counted. All faults are counted by receiver, so that one lost frame may be many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Frames that were to be told: places in streams.
    pub changes: u64,
    /// Frames that a receiver was never told although their rows are there.
    pub missing: u64,
    /// Frames pushed twice on one connection, or pushed after the same join had listed them.
    pub twice: u64,
    /// Frames pushed after one of the same stream with a greater seq, on one connection.
    pub out_of_order: u64,
    /// Frames pushed on one topic after another topic of the connection had listed them. Both
    /// topics promise them, so this is no fault.
    pub listed_elsewhere: u64,
    /// Joins.
    pub joins: u64,
    /// Joins after which a frame was missing, twice or out of order.
    pub wrong_joins: u64,
    /// Holes that were filled from `changes`.
    pub repairs: u64,
    /// Frames that the tail alone found.
    pub by_tail: u64,
    /// Commits whose outcome the writer did not learn.
    pub unknown: u64,
    /// Writers killed.
    pub kills: u64,
    /// Circles of locks.
    pub deadlocks: u64,
    /// Frames that waited for another one.
    pub held: u64,
    /// Joins that read again, because their node began later in the stream.
    pub read_again: u64,
    /// Topics restarted because of a commit whose outcome nobody knew.
    pub restarts: u64,
}

impl Report {
    /// The faults that receivers notice.
    pub fn faults(&self) -> u64 {
        self.missing + self.twice + self.out_of_order + self.wrong_joins
    }

    /// Adds another run.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            changes: self.changes + other.changes,
            missing: self.missing + other.missing,
            twice: self.twice + other.twice,
            out_of_order: self.out_of_order + other.out_of_order,
            listed_elsewhere: self.listed_elsewhere + other.listed_elsewhere,
            joins: self.joins + other.joins,
            wrong_joins: self.wrong_joins + other.wrong_joins,
            repairs: self.repairs + other.repairs,
            by_tail: self.by_tail + other.by_tail,
            unknown: self.unknown + other.unknown,
            kills: self.kills + other.kills,
            deadlocks: self.deadlocks + other.deadlocks,
            held: self.held + other.held,
            read_again: self.read_again + other.read_again,
            restarts: self.restarts + other.restarts,
        }
    }

    /// The titles of the columns of a report.
    pub const TITLES: &'static str = "| changes | missing | twice | out of order | wrong joins \
        | repairs | by tail | unknown | kills | deadlocks | restarts | read again \
        | listed elsewhere |";
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changes, missing, twice, out_of_order, joins, wrong_joins, .. } = self;
        write!(f, "| {changes} | {missing} | {twice} | {out_of_order} | {wrong_joins} of {joins} ")?;
        let Self { repairs, by_tail, unknown, kills, deadlocks, restarts, .. } = self;
        let Self { read_again, listed_elsewhere, .. } = self;
        write!(f, "| {repairs} | {by_tail} | {unknown} | {kills} | {deadlocks} | {restarts} ")?;
        write!(f, "| {read_again} | {listed_elsewhere} |")
    }
}
