//! Writers: they make up commands, carry them out in batches, commit and publish.

use std::{collections::BTreeSet, mem::take};

use super::{
    database::{Database, Kind, Row, Stream, Writes},
    locks::{Key, Taken},
    state::{Ack, EPOCH, Event, Op, Tx, World},
    variant::{Locking, Order, OwnRequests, Unknown},
};

/// The rows that a command writes, by stream, and those that it deletes.
type Command = (Vec<(Stream, Row)>, Vec<usize>);

impl World {
    /// Does a writer's next step.
    pub(super) fn step(&mut self, number: usize, life: u32) {
        if self.writers[number].life != life {
            return;
        }
        let Some(tx) = self.writers[number].tx else { return self.begin(number) };
        if self.variant.kills && self.random.chance(2) {
            return self.kill(number, tx);
        }
        let Some(op) = self.transactions.get_mut(&tx).and_then(|tx| tx.todo.pop_front()) else {
            return self.send_commit(number, tx);
        };
        match op {
            Op::Lock(key) => match self.locks.take(key, tx) {
                Taken::Now => {}
                // Whoever releases the lock has this writer go on.
                Taken::Waits => return,
                Taken::Deadlock => {
                    self.report.deadlocks += 1;
                    self.end(tx, false);
                    return self.finish(number, tx, 1000);
                }
            },
            Op::Write { rows, deletes } => self.write(number, tx, &rows, &deletes),
        }
        let delay = self.random.between(20, 200);
        self.after(delay, Event::Step { writer: number, life });
    }

    fn begin(&mut self, number: usize) {
        let life = self.writers[number].life;
        if self.now >= self.scope.lasts {
            return;
        }
        let commands = self.batch(number);
        let todo = self.plan(number, commands).into();
        let tx = self.database.begin();
        let writes = Writes::default();
        let transaction = Tx { writer: number, todo, writes, outcome: None, is_awaited: false };
        self.transactions.insert(tx, transaction);
        self.writers[number].tx = Some(tx);
        self.after(50, Event::Step { writer: number, life });
    }

    /// Makes up commands for a transaction: acks that wait, and new ones.
    fn batch(&mut self, number: usize) -> Vec<Command> {
        let (place, writers) = (self.writers[number].place, self.variant.writers);
        let is_sharded = self.variant.is_sharded;
        let is_mine = |room: usize| !is_sharded || room % writers == place;
        let rooms: Vec<usize> = (0..self.scope.rooms).filter(|room| is_mine(*room)).collect();
        let mut commands = Vec::new();
        for _ in 0..self.random.between(1, 5) {
            let ack = self.acks.iter().position(|ack| is_mine(ack.room)).map(|at| self.acks.remove(at));
            let command = if let Some(ack) = ack {
                self.ack(ack)
            } else {
                let room = self.random.index(rooms.len());
                self.new_command(rooms[room])
            };
            commands.push(command);
        }
        commands
    }

    fn ack(&self, Ack { room, row, by }: Ack) -> Command {
        // Two devices may ack the same approve: the second changes nothing.
        if !self.database.rows[row].is_there {
            return (Vec::new(), Vec::new());
        }
        let of = |kind, user| Row { kind, room, user, seq: 0, is_there: false };
        let rows = vec![
            (Stream::Room(room), of(Kind::Gone, self.database.rows[row].user)),
            (Stream::User(by), of(Kind::Notice, by)),
        ];
        (rows, vec![row])
    }

    fn new_command(&mut self, room: usize) -> Command {
        let user = self.random.index(self.scope.users);
        let by = self.random.index(self.scope.users);
        let of = |kind, user| Row { kind, room, user, seq: 0, is_there: false };
        let mut rows = Vec::new();
        match self.random.between(0, 10) {
            0..4 => {
                rows.push((Stream::Room(room), of(Kind::Request, user)));
                if self.variant.own_requests == OwnRequests::InStream {
                    rows.push((Stream::User(user), of(Kind::Mark, user)));
                }
            }
            4..7 => {
                rows.push((Stream::Room(room), of(Kind::Gone, user)));
                rows.push((Stream::User(user), of(Kind::Approve { by }, user)));
            }
            _ => {
                rows.push((Stream::Room(room), of(Kind::Gone, user)));
                rows.push((Stream::User(user), of(Kind::Notice, user)));
                if by != user && self.random.chance(300) {
                    rows.push((Stream::User(by), of(Kind::Notice, by)));
                }
            }
        }
        (rows, Vec::new())
    }

    /// The steps of a transaction: which locks it takes, when, and what it writes.
    fn plan(&self, number: usize, commands: Vec<Command>) -> Vec<Op> {
        let mut ops = Vec::new();
        if self.variant.locking == Locking::Sorted {
            let streams = commands.iter().flat_map(|(rows, _)| rows.iter().map(|(stream, _)| *stream));
            ops.extend(self.locks_of(number, streams.collect::<BTreeSet<_>>()));
        }
        for (rows, deletes) in commands {
            if self.variant.locking == Locking::AsNeeded {
                ops.extend(self.locks_of(number, rows.iter().map(|(stream, _)| *stream)));
            }
            ops.push(Op::Write { rows, deletes });
        }
        ops
    }

    fn locks_of(&self, number: usize, streams: impl IntoIterator<Item = Stream>) -> Vec<Op> {
        let (node, order) = (self.writers[number].node, self.variant.order);
        let (locks_users, mut ops) = (self.variant.locks_users, Vec::new());
        for stream in streams {
            let is_user = matches!(stream, Stream::User(_));
            if is_user && locks_users {
                ops.push(Op::Lock(Key::Process(node, stream)));
            }
            if order == Order::Streams || order == Order::RoomLock && !is_user {
                ops.push(Op::Lock(Key::Row(stream)));
            }
        }
        ops
    }

    fn write(&mut self, number: usize, tx: u64, rows: &[(Stream, Row)], deletes: &[usize]) {
        let ahead = self.nodes[self.writers[number].node].ahead;
        let now = EPOCH + self.now + ahead;
        let Some(transaction) = self.transactions.get_mut(&tx) else { return };
        self.database.write(&mut transaction.writes, tx, self.variant.order, now, rows);
        for row in deletes {
            Database::delete(&mut transaction.writes, *row);
        }
    }

    fn send_commit(&mut self, number: usize, tx: u64) {
        let life = self.writers[number].life;
        if !(self.variant.loses_answers && self.random.chance(20)) {
            self.transactions.entry(tx).and_modify(|tx| tx.is_awaited = true);
            let delay = self.random.between(300, 4000);
            return self.after(delay, Event::Commit { tx });
        }
        let delay = self.random.between(300, 30_000);
        let is_lost = self.random.chance(500);
        self.after(delay, if is_lost { Event::RollBack { tx } } else { Event::Commit { tx } });
        let delay = self.random.between(1000, 10_000);
        self.report.unknown += 1;
        self.after(delay, Event::Unknown { writer: number, life });
    }

    /// A transaction ends: its locks in the database are free.
    pub(super) fn end(&mut self, tx: u64, is_committed: bool) {
        let Some(transaction) = self.transactions.get_mut(&tx) else { return };
        transaction.outcome = Some(is_committed);
        if is_committed {
            self.database.commit(tx, &transaction.writes);
        } else {
            self.database.roll_back(tx);
        }
        let (number, is_awaited) = (transaction.writer, transaction.is_awaited);
        let life = self.writers[number].life;
        self.release(tx, |key| matches!(key, Key::Row(_)));
        if self.writers[number].tx != Some(tx) {
            self.transactions.remove(&tx);
        } else if is_awaited && is_committed {
            // Now and then the thread does not run at once.
            let late = if self.random.chance(50) { 15_000 } else { 300 };
            let delay = self.random.between(20, late);
            self.after(delay, Event::Committed { writer: number, life });
        }
    }

    fn release(&mut self, tx: u64, which: impl Fn(Key) -> bool) {
        for next in self.locks.release(tx, which) {
            let Some(Tx { writer, .. }) = self.transactions.get(&next) else { continue };
            let (writer, life) = (*writer, self.writers[*writer].life);
            let delay = self.random.between(20, 100);
            self.after(delay, Event::Step { writer, life });
        }
    }

    /// The commit has succeeded: publishes, and goes on.
    pub(super) fn committed(&mut self, number: usize, life: u32) {
        if self.writers[number].life != life {
            return;
        }
        let Some(tx) = self.writers[number].tx else { return };
        if self.variant.kills && self.random.chance(10) {
            return self.kill(number, tx);
        }
        self.publish_all(tx);
        self.finish(number, tx, 0);
    }

    fn publish_all(&mut self, tx: u64) {
        let changes = self.transactions.get_mut(&tx).map(|tx| take(&mut tx.writes.changes));
        for frame in changes.unwrap_or_default() {
            self.publish(frame);
        }
    }

    /// Lets go of everything and begins anew after a while.
    fn finish(&mut self, number: usize, tx: u64, pause: u64) {
        let life = self.writers[number].life;
        self.release(tx, |key| matches!(key, Key::Process(..)));
        if self.transactions.get(&tx).is_some_and(|tx| tx.outcome.is_some()) {
            self.transactions.remove(&tx);
        }
        self.writers[number].tx = None;
        let delay = pause + self.random.between(100, self.scope.pause);
        self.after(delay, Event::Step { writer: number, life });
    }

    /// The outcome of a commit is not known.
    pub(super) fn unknown(&mut self, number: usize, life: u32) {
        if self.writers[number].life != life {
            return;
        }
        let Some(tx) = self.writers[number].tx else { return };
        let Some(transaction) = self.transactions.get(&tx) else { return };
        let outcome = transaction.outcome;
        let concerned: BTreeSet<Stream> =
            transaction.writes.changes.iter().map(|change| change.stream).collect();
        match (self.variant.unknown, outcome) {
            (Unknown::Nothing, _) | (Unknown::Ask, Some(false)) => {}
            (Unknown::RestartSettled | Unknown::Ask, None) => {
                return self.after(2000, Event::Unknown { writer: number, life });
            }
            (Unknown::RestartAtOnce | Unknown::RestartSettled, _) => {
                self.restart(self.writers[number].node, &concerned);
            }
            (Unknown::Ask, Some(true)) => self.publish_all(tx),
        }
        self.finish(number, tx, 0);
    }

    /// Kills a writer. Its transaction is rolled back once the database notices, unless the commit
    /// was sent: then nobody publishes it.
    fn kill(&mut self, number: usize, tx: u64) {
        self.report.kills += 1;
        let outcome = self.transactions.get(&tx).and_then(|tx| tx.outcome);
        self.writers[number].life += 1;
        self.finish(number, tx, 100_000);
        if outcome.is_none() {
            let commits = self.transactions[&tx].todo.is_empty() && self.random.chance(500);
            let delay = self.random.between(1000, 40_000);
            self.after(delay, if commits { Event::Commit { tx } } else { Event::RollBack { tx } });
        }
    }
}
