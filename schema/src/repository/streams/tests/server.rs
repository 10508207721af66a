//! Streams on a server, which several connections write to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::prelude::*;

use super::*;
use crate::connection::Connection;
use crate::models::NewNotice;
use crate::repository::notices;
use crate::repository::transaction::snapshot;
use crate::tables::notices as all_notices;
use crate::testing::server::{store, wait_for_waiting};

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// One to three of eight.
    fn some(&mut self, topic: fn(&[u8]) -> Topic) -> BTreeSet<Topic> {
        (0..=self.below(3)).map(|_| topic(&id(u8::try_from(self.below(8)).unwrap()))).collect()
    }
}

fn lasts(locked: &Locked) -> BTreeMap<Topic, i64> {
    let Locked::Each { streams, .. } = locked else { panic!("all streams are one") };
    streams.clone()
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn writers_in_the_same_order_never_deadlock() {
    let store = store();
    let links: Mutex<HashMap<Topic, Vec<(i64, i64)>>> = Mutex::default();
    let start = Instant::now();
    thread::scope(|scope| {
        for seed in 1..=4 {
            let (mut conn, links) = (store.database.writer().unwrap(), &links);
            scope.spawn(move || {
                let mut numbers = Numbers(seed);
                for _ in 0..200 {
                    let (rooms, users) = (numbers.some(Topic::room), numbers.some(Topic::user));
                    let (before, seq) = transaction(&mut conn, |conn| {
                        let mut locked = begin(conn)?;
                        lock(conn, &mut locked, &rooms)?;
                        lock(conn, &mut locked, &users)?;
                        let before = lasts(&locked);
                        let topics: Vec<Topic> = before.keys().cloned().collect();
                        let seq = locked.issue(&topics, 1);
                        super::super::store(conn, &locked)?;
                        Ok::<_, Error>((before, seq))
                    })
                    .unwrap();
                    let mut links = links.lock().unwrap();
                    for (topic, last) in before {
                        links.entry(topic).or_default().push((seq, last));
                    }
                }
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // Each seq of a stream follows the one that its writer found: nobody wrote in between.
    let mut conn = store.database.writer().unwrap();
    let links = links.into_inner().unwrap();
    assert_eq!(links.len(), 16);
    for (topic, mut links) in links {
        links.sort_unstable();
        let mut last_seq = 0;
        for (seq, found) in links {
            assert_eq!(found, last_seq, "{topic:?}");
            last_seq = seq;
        }
        assert_eq!(last(&mut conn, &topic).unwrap(), last_seq);
    }
}

/// What the order is for.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn writers_in_opposite_orders_deadlock() {
    let mut store = store();
    let both_hold_one = Barrier::new(2);
    let run = |mut conn: Connection, order: [u8; 2]| {
        transaction(&mut conn, |conn| {
            let mut locked = begin(conn)?;
            lock(conn, &mut locked, &set(&[&Topic::room(&id(order[0]))]))?;
            both_hold_one.wait();
            lock(conn, &mut locked, &set(&[&Topic::room(&id(order[1]))]))?;
            locked.issue(&[Topic::room(&id(order[1]))], 1);
            super::super::store(conn, &locked)
        })
    };
    let [one, two] = [(); 2].map(|()| store.database.writer().unwrap());
    let done = thread::scope(|scope| {
        let run = &run;
        [scope.spawn(move || run(one, [1, 2])), scope.spawn(move || run(two, [2, 1]))]
            .map(|thread| thread.join().unwrap())
    });
    let failed: Vec<&Error> = done.iter().filter_map(|done| done.as_ref().err()).collect();
    assert_eq!(failed.len(), 1, "{done:?}");
    assert_eq!(failed[0].kind(), ErrorKind::Busy, "{failed:?}");
    // The other one is stored.
    assert_eq!(crate::repository::store::own(&mut store.conn).unwrap().seq, 1);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_writer_sees_what_was_stored_while_it_waited() {
    let mut store = store();
    let room = Topic::room(&id(1));
    let mut other = store.database.writer().unwrap();
    let mut watch = store.database.writer().unwrap();
    for exists in [false, true] {
        thread::scope(|scope| {
            let mut waiting = None;
            transaction(&mut store.conn, |conn| {
                let mut locked = begin(conn)?;
                lock(conn, &mut locked, &set(&[&room]))?;
                let now = if exists { 200 } else { 100 };
                locked.issue(std::slice::from_ref(&room), now);
                super::super::store(conn, &locked)?;
                let (other, room) = (&mut other, &room);
                waiting = Some(scope.spawn(move || issue(other, &[room], 5).unwrap()));
                wait_for_waiting(&mut watch, 1);
                Ok::<_, Error>(())
            })
            .unwrap();
            assert_eq!(waiting.unwrap().join().unwrap(), if exists { 201 } else { 101 });
        });
    }
}

/// Streams that nobody shares do not wait for each other, though a table is the same.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn writers_of_different_streams_do_not_wait() {
    let mut store = store();
    let mut other = store.database.writer().unwrap();
    other.batch_execute("SET lock_timeout = '1ms'").unwrap();
    let (one, two) = (Topic::room(&id(1)), Topic::room(&id(2)));
    transaction(&mut store.conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(&[&one]))?;
        locked.issue(std::slice::from_ref(&one), 7);
        super::super::store(conn, &locked)?;
        assert_eq!(issue(&mut other, &[&two], 5)?, 5);
        Ok::<_, Error>(())
    })
    .unwrap();
}

/// Three writers tell one user; a reader takes snapshots meanwhile. Each shows the stream's last
/// seq, and everything that was stored up to it.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_snapshot_shows_all_up_to_its_last_seq() {
    let store = store();
    let user = Topic::user(&id(2));
    let is_over = AtomicBool::new(false);
    let snapshots: Vec<(i64, i64, i64)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|rid| {
                let (mut conn, user) = (store.database.writer().unwrap(), &user);
                scope.spawn(move || {
                    for now in 1..=100 {
                        tell(&mut conn, rid, user, now);
                    }
                })
            })
            .collect();
        let mut conn = store.database.writer().unwrap();
        let (user, is_over) = (&user, &is_over);
        let reader = scope.spawn(move || {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                seen.push(shown(&mut conn, user));
            }
            seen
        });
        let done: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(done.iter().all(Result::is_ok), "a writer has failed");
        reader.join().unwrap()
    });
    let mut conn = store.database.writer().unwrap();
    let seqs: Vec<i64> =
        all_notices::table.order(all_notices::seq).select(all_notices::seq).load(&mut conn).unwrap();
    assert_eq!(seqs.len(), 300);
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "a seq was issued twice");
    let within = snapshots.iter().filter(|(last, ..)| *last > 0 && *last < seqs[299]).count();
    assert!(within > 3, "the reader saw next to nothing: {snapshots:?}");
    for (last, count, greatest) in snapshots {
        let stored = seqs.iter().filter(|seq| **seq <= last).count();
        assert_eq!((usize::try_from(count).unwrap(), greatest), (stored, last));
    }
}

fn tell(conn: &mut Connection, rid: u8, user: &Topic, now: i64) {
    transaction(conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(&[&Topic::room(&id(rid))]))?;
        lock(conn, &mut locked, &set(&[user]))?;
        let seq = locked.issue(&[Topic::room(&id(rid)), user.clone()], now);
        notices::insert(conn, &NewNotice { uid: &id(2), rid: &id(rid), seq, at: 0, frame: &[rid] })?;
        super::super::store(conn, &locked)
    })
    .unwrap();
}

/// The stream's last seq, the number of notices, and the greatest seq of any.
fn shown(conn: &mut Connection, user: &Topic) -> (i64, i64, i64) {
    snapshot(conn, |conn| {
        let last = last(conn, user)?;
        let greatest: Option<i64> = all_notices::table.select(max(all_notices::seq)).first(conn)?;
        let count = all_notices::table.count().get_result(conn)?;
        Ok::<_, Error>((last, count, greatest.unwrap_or_default()))
    })
    .unwrap()
}
