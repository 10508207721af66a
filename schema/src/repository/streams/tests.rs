use super::*;
use crate::error::ErrorKind;
use crate::repository::transaction::transaction;
use crate::testing::{id, store};

fn set(topics: &[&Topic]) -> BTreeSet<Topic> {
    topics.iter().map(|topic| (*topic).clone()).collect()
}

/// Issues a seq in a transaction of its own.
fn issue(conn: &mut Connection, topics: &[&Topic], now_us: i64) -> Result<i64, Error> {
    transaction(conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(topics))?;
        let topics: Vec<Topic> = topics.iter().map(|topic| (*topic).clone()).collect();
        let seq = locked.issue(&topics, now_us);
        super::store(conn, &locked)?;
        Ok(seq)
    })
}

#[test]
fn streams_of_rooms_come_before_those_of_users() {
    assert!(Topic::room(&id(255)) < Topic::user(&id(0)));
    assert!(Topic::room(&id(1)) < Topic::room(&id(2)));
    assert_ne!(Topic::room(&id(1)), Topic::user(&id(1)));
}

#[test]
fn seqs_grow_in_each_stream() {
    let mut store = store();
    let conn = &mut store.conn;
    let (room, user, other) = (Topic::room(&id(1)), Topic::user(&id(1)), Topic::user(&id(2)));
    assert_eq!(last(conn, &room).unwrap(), 0);
    assert_eq!(issue(conn, &[&room], 100).unwrap(), 100);
    assert_eq!(issue(conn, &[&room, &user], 100).unwrap(), 101);
    assert_eq!((last(conn, &room).unwrap(), last(conn, &user).unwrap()), (101, 101));
    // The greatest of all its streams counts, and a clock that was set back does not.
    assert_eq!(issue(conn, &[&user], 200).unwrap(), 200);
    assert_eq!(issue(conn, &[&room, &user, &other], 150).unwrap(), 201);
    for topic in [&room, &user, &other] {
        assert_eq!(last(conn, topic).unwrap(), 201);
    }
    assert_eq!(crate::repository::store::own(conn).unwrap().seq, 201);
    assert_eq!(crate::repository::store::begin(conn, 1, 5).unwrap(), 202);
}

#[test]
fn one_transaction_issues_many_seqs() {
    let mut store = store();
    let conn = &mut store.conn;
    let (room, user) = (Topic::room(&id(1)), Topic::user(&id(2)));
    transaction(conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(&[&room]))?;
        assert_eq!(locked.issue(std::slice::from_ref(&room), 10), 10);
        lock(conn, &mut locked, &set(&[&user]))?;
        assert_eq!(locked.issue(&[room.clone(), user.clone()], 10), 11);
        assert_eq!(locked.issue(std::slice::from_ref(&room), 10), 12);
        super::store(conn, &locked)
    })
    .unwrap();
    assert_eq!(last(conn, &room).unwrap(), 12);
    assert_eq!(last(conn, &user).unwrap(), if store.is_file() { 12 } else { 11 });
}

#[test]
fn a_lost_transaction_issues_nothing() {
    let mut store = store();
    let conn = &mut store.conn;
    let room = Topic::room(&id(1));
    let lost = transaction(conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(&[&room]))?;
        locked.issue(std::slice::from_ref(&room), 10);
        super::store(conn, &locked)?;
        Err::<(), _>(Error::new(ErrorKind::Unavailable, "lost"))
    });
    assert_eq!(lost.unwrap_err().to_string(), "lost");
    assert_eq!(last(conn, &room).unwrap(), 0);
    assert_eq!(issue(conn, &[&room], 5).unwrap(), 5);
}

#[test]
fn a_seq_at_the_end_of_numbers_is_not_stored() {
    let mut store = store();
    let conn = &mut store.conn;
    let room = Topic::room(&id(1));
    issue(conn, &[&room], 5).unwrap();
    transaction(conn, |conn| {
        let mut locked = begin(conn)?;
        lock(conn, &mut locked, &set(&[&room]))?;
        match &mut locked {
            Locked::All { last } => *last = i64::MAX - 1,
            Locked::Each { streams, .. } => drop(streams.insert(room.clone(), i64::MAX - 1)),
        }
        for _ in 0..2 {
            assert_eq!(locked.issue(std::slice::from_ref(&room), 9), i64::MAX);
        }
        super::store(conn, &locked)
    })
    .unwrap_err();
    assert_eq!(last(conn, &room).unwrap(), 5);
}

#[cfg(feature = "postgres")]
mod server;
