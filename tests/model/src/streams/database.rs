//! The database: what is committed, and what a snapshot shows of it.

use std::collections::{BTreeMap, BTreeSet};

use super::variant::Order;

/// A stream of frames that are told in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// What the members of a room are told.
    Room(usize),
    /// What one user is told.
    User(usize),
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request that waits, which members are told and list.
    Request,
    /// That a request has ended, which members are told.
    Gone,
    /// An approve, which its user is told, and lists until somebody acks it.
    Approve {
        /// Who is told of the ack.
        by: usize,
    },
    /// A notice, which its user is told, and lists after what the client has seen.
    Notice,
    /// A place in a user's stream at which the user is told nothing.
    Mark,
}

/// A row, and whom it concerns.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// In which room.
    pub room: usize,
    /// Of which user.
    pub user: usize,
    /// The seq of the command.
    pub seq: u64,
    /// Whether it is committed and not deleted.
    pub is_there: bool,
}

/// A row of `changes`: one place of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The stream.
    pub stream: Stream,
    /// The seq of the command.
    pub seq: u64,
    /// The stream's seq before.
    pub prev: u64,
    /// The number of the row.
    pub row: usize,
    /// The transaction that wrote it.
    pub xid: u64,
    /// Which commit it came with, counted from 1; 0 until then.
    pub commit: u64,
    /// Whether the row was found; a frame without its row moves the position on and tells nothing.
    pub has_row: bool,
}

/// What a transaction has written.
#[derive(Debug, Default)]
pub struct Writes {
    last: BTreeMap<Stream, u64>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    deleted: Vec<usize>,
}

/// A snapshot of what concerns one join.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whatever is stored later has a larger seq, if the order keeps that promise.
    pub until: u64,
    /// The last commit that it shows.
    pub commit: u64,
    /// The rows listed.
    pub rows: Vec<usize>,
}

/// The database.
#[derive(Debug, Default)]
pub struct Database {
    /// All rows, the uncommitted ones among them.
    pub rows: Vec<Row>,
    /// What is committed, by stream, in the order of the commits.
    pub changes: BTreeMap<Stream, Vec<Change>>,
    /// The number of commits.
    pub commits: u64,
    last: BTreeMap<Stream, u64>,
    /// The last seq taken, and the last committed, where all streams share one sequence.
    sequence: u64,
    newest: u64,
    running: BTreeSet<u64>,
    begun: u64,
}

impl Database {
    /// Begins a transaction and returns its number.
    pub fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.running.insert(self.begun);
        self.begun
    }

    /// Writes a command: one row for each stream that it touches, all with one seq, which is
    /// returned.
    pub fn write(
        &mut self,
        writes: &mut Writes,
        xid: u64,
        order: Order,
        now: u64,
        rows: &[(Stream, Row)],
    ) -> u64 {
        let last = |writes: &Writes, stream: &Stream| {
            writes.last.get(stream).or_else(|| self.last.get(stream)).copied().unwrap_or_default()
        };
        let counts = |stream: &Stream| match order {
            Order::Sequence => false,
            Order::RoomLock => matches!(stream, Stream::Room(_)),
            Order::Streams => true,
        };
        let counted = rows.iter().map(|(stream, _)| stream).filter(|stream| counts(stream));
        let mut seq = counted.map(|stream| last(writes, stream) + 1).fold(now, u64::max);
        if order == Order::Sequence {
            self.sequence = seq.max(self.sequence + 1);
            seq = self.sequence;
        }
        for (stream, row) in rows {
            let prev = last(writes, stream);
            writes.last.insert(*stream, seq.max(prev));
            let (stream, row_number) = (*stream, self.rows.len());
            let change = Change { stream, seq, prev, row: row_number, xid, commit: 0, has_row: true };
            writes.changes.push(change);
            self.rows.push(Row { seq, ..*row });
        }
        seq
    }

    /// Deletes a row, once committed.
    pub fn delete(writes: &mut Writes, row: usize) {
        writes.deleted.push(row);
    }

    /// Makes a transaction's writes visible, all at once.
    pub fn commit(&mut self, xid: u64, writes: &Writes) {
        self.running.remove(&xid);
        self.commits += 1;
        for change in &writes.changes {
            self.newest = self.newest.max(change.seq);
            self.rows[change.row].is_there = true;
            let change = Change { commit: self.commits, ..*change };
            self.changes.entry(change.stream).or_default().push(change);
            let last = self.last.entry(change.stream).or_default();
            *last = change.seq.max(*last);
        }
        for row in &writes.deleted {
            self.rows[*row].is_there = false;
        }
    }

    /// Forgets a transaction that was rolled back.
    pub fn roll_back(&mut self, xid: u64) {
        self.running.remove(&xid);
    }

    /// The seq up to which a snapshot taken now shows a stream.
    pub fn until(&self, order: Order, stream: Stream) -> u64 {
        match order {
            Order::Sequence => self.newest,
            Order::RoomLock | Order::Streams => self.last.get(&stream).copied().unwrap_or_default(),
        }
    }

    /// The numbers of the rows of a stream that `which` chooses and that are not deleted.
    pub fn list(&self, stream: Stream, which: impl Fn(&Row) -> bool) -> Vec<usize> {
        let changes = self.changes.get(&stream).into_iter().flatten();
        let there = changes.filter(|change| {
            let row = &self.rows[change.row];
            row.is_there && which(row)
        });
        there.map(|change| change.row).collect()
    }

    /// The changes of a stream after a seq, in order, for a repair.
    pub fn changes_after(&self, stream: Stream, seq: u64) -> Vec<Change> {
        let changes = self.changes.get(&stream).into_iter().flatten();
        let mut after: Vec<Change> =
            changes.filter(|change| change.seq > seq).map(|c| self.look(c)).collect();
        after.sort_by_key(|change| change.seq);
        after
    }

    /// All changes that `which` chooses, for a tail.
    pub fn changes_where(&self, which: impl Fn(&Change) -> bool) -> Vec<Change> {
        let changes = self.changes.values().flatten();
        let mut found: Vec<Change> = changes.filter(|change| which(change)).map(|c| self.look(c)).collect();
        found.sort_by_key(|change| (change.stream, change.seq));
        found
    }

    /// The oldest transaction that a snapshot taken now does not show: the snapshot's `xmin`.
    pub fn oldest_running(&self) -> u64 {
        self.running.first().copied().unwrap_or(self.begun + 1)
    }

    /// The greatest committed seq.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    fn look(&self, change: &Change) -> Change {
        Change { has_row: self.rows[change.row].is_there, ..*change }
    }
}
