//! Streams, which order frames.
//!
//! A room's stream is what its members are told, a user's what that user is told, and the user's
//! own requests. Each frame has a seq, the same in each stream that it belongs to, and seqs grow
//! within a stream. A snapshot that shows a stream's last seq shows everything that was written to
//! it up to that one.
//!
//! SQLite has one writer, so there one stream is enough for all: the database's. On PostgreSQL a
//! transaction locks the streams that it will write to: those of rooms before those of users, and
//! each kind in the order of the ids. Everybody does, so no two wait for each other
//! (`docs/decisions/0055`).

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::Connection;
use crate::error::Error;
use crate::repository::store;

/// The name of a stream. Those of rooms come before those of users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Vec<u8>);

impl Topic {
    /// The stream of a room.
    pub fn room(rid: &[u8]) -> Self {
        Self([b"r", rid].concat())
    }

    /// The stream of a user.
    pub fn user(uid: &[u8]) -> Self {
        Self([b"u", uid].concat())
    }
}

/// The streams that a transaction has locked, with their last seqs.
#[derive(Debug)]
pub enum Locked {
    /// One for all, as in a file.
    All {
        /// Its last seq.
        last: i64,
    },
    /// Each for itself.
    Each {
        /// Their last seqs.
        streams: BTreeMap<Topic, i64>,
        /// The last seq that was issued. Those of one transaction differ, because lists of several
        /// rooms are in their order, too.
        issued: i64,
    },
}

impl Locked {
    /// Whether a stream is locked.
    pub fn has(&self, topic: &Topic) -> bool {
        match self {
            Self::All { .. } => true,
            Self::Each { streams, .. } => streams.contains_key(topic),
        }
    }

    fn are_exhausted(&self) -> bool {
        match self {
            Self::All { last } => *last == i64::MAX,
            Self::Each { streams, .. } => streams.values().any(|last| *last == i64::MAX),
        }
    }

    /// Issues the seq of a frame that belongs to these streams, which must be locked: `now_us`, the
    /// time in Unix microseconds, or one more than the last of any of them if that is larger or if
    /// `now_us` cannot be right.
    pub fn issue(&mut self, topics: &[Topic], now_us: i64) -> i64 {
        match self {
            Self::All { last } => {
                *last = store::next_seq(*last, now_us);
                *last
            }
            Self::Each { streams, issued } => {
                let last = topics.iter().filter_map(|topic| streams.get(topic)).max();
                let seq = store::next_seq(last.copied().unwrap_or_default().max(*issued), now_us);
                *issued = seq;
                debug_assert!(
                    topics.iter().all(|topic| streams.contains_key(topic)),
                    "a stream is not locked"
                );
                for topic in topics {
                    streams.insert(topic.clone(), seq);
                }
                seq
            }
        }
    }
}

/// Locks no stream yet. In a file there is nothing to lock: the transaction has the only writer.
pub fn begin(conn: &mut Connection) -> Result<Locked, Error> {
    Ok(match conn {
        Connection::Sqlite(_) => Locked::All { last: store::last_seq(conn)? },
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => Locked::Each { streams: BTreeMap::new(), issued: 0 },
    })
}

/// Locks these streams, too. Those of rooms must be locked before those of users, and each kind in
/// one call.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn lock(conn: &mut Connection, locked: &mut Locked, topics: &BTreeSet<Topic>) -> Result<(), Error> {
    match (conn, locked) {
        #[cfg(feature = "postgres")]
        (Connection::Postgres(conn), Locked::Each { streams, .. }) => server::lock(conn, streams, topics),
        _ => Ok(()),
    }
}

/// Locks those of these streams, of rooms, that have a row already, before any other. A stranger
/// can name any room, and must not have rows stored for it.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn lock_stored(conn: &mut Connection, locked: &mut Locked, rooms: &BTreeSet<Topic>) -> Result<(), Error> {
    match (conn, locked) {
        #[cfg(feature = "postgres")]
        (Connection::Postgres(conn), Locked::Each { streams, .. }) => {
            server::lock_stored(conn, streams, rooms)
        }
        _ => Ok(()),
    }
}

/// Stores the seqs that were issued.
///
/// Errors: [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) at the end of numbers, where
/// seqs would not grow.
pub fn store(conn: &mut Connection, locked: &Locked) -> Result<(), Error> {
    if locked.are_exhausted() {
        return Err(Error::corrupt("a stream's last seq is the largest number"));
    }
    match (conn, locked) {
        #[cfg(feature = "postgres")]
        (Connection::Postgres(conn), Locked::Each { streams, .. }) => server::store(conn, streams),
        (conn, Locked::All { last }) => store::set_last_seq(conn, *last),
        (Connection::Sqlite(_), Locked::Each { .. }) => Ok(()),
    }
}

/// The last seq of a stream, 0 if there is none.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn last(conn: &mut Connection, topic: &Topic) -> Result<i64, Error> {
    match conn {
        Connection::Sqlite(_) => store::last_seq(conn),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::last(conn, topic),
    }
}

/// What PostgreSQL says of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Committed,
    /// Nothing of it is stored.
    Aborted,
    /// It still runs, on a connection whose end the server has not noticed.
    Running,
    /// It ran so long ago, or on another server, that nobody knows.
    Unknown,
}

/// The number of this transaction, to ask for its [`outcome`] later; `None` in a file.
pub fn transaction_number(conn: &mut Connection) -> Result<Option<i64>, Error> {
    match conn {
        Connection::Sqlite(_) => Ok(None),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::transaction_number(conn).map(Some),
    }
}

/// What became of a transaction, on any connection to the same server.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub fn outcome(conn: &mut Connection, number: i64) -> Result<Outcome, Error> {
    match conn {
        Connection::Sqlite(_) => Ok(Outcome::Unknown),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::outcome(conn, number),
    }
}

#[cfg(feature = "postgres")]
mod server {
    use std::collections::{BTreeMap, BTreeSet};

    use diesel::dsl::sql;
    use diesel::prelude::*;
    use diesel::sql_types::{BigInt, Nullable, Text};

    use super::{Outcome, Topic};
    use crate::connection::prepared::{Prepared, Value};
    use crate::error::Error;
    use crate::tables::streams;

    pub(super) fn lock(
        conn: &mut PgConnection,
        known: &mut BTreeMap<Topic, i64>,
        topics: &BTreeSet<Topic>,
    ) -> Result<(), Error> {
        if topics.is_empty() {
            return Ok(());
        }
        // Rows that exist are locked by the conflict, and not changed.
        Prepared::<_>::new(
            "INSERT INTO streams (topic, last_seq)
             SELECT topic, 0 FROM unnest(?) AS topic ORDER BY topic
             ON CONFLICT (topic) DO UPDATE SET last_seq = 0 WHERE false",
            [Value::Bytes(names(topics))],
        )
        .execute(conn)?;
        // A statement of its own: it sees what was committed while the first one waited.
        let rows: Vec<(Vec<u8>, i64)> =
            streams::table.filter(streams::topic.eq_any(names(topics))).load(conn)?;
        known.extend(rows.into_iter().map(|(topic, last)| (Topic(topic), last)));
        Ok(())
    }

    pub(super) fn lock_stored(
        conn: &mut PgConnection,
        known: &mut BTreeMap<Topic, i64>,
        topics: &BTreeSet<Topic>,
    ) -> Result<(), Error> {
        let rows: Vec<(Vec<u8>, i64)> = streams::table
            .filter(streams::topic.eq_any(names(topics)))
            .order(streams::topic)
            .for_update()
            .load(conn)?;
        known.extend(rows.into_iter().map(|(topic, last)| (Topic(topic), last)));
        Ok(())
    }

    fn names(topics: &BTreeSet<Topic>) -> Vec<&[u8]> {
        topics.iter().map(|topic| &topic.0[..]).collect()
    }

    pub(super) fn store(conn: &mut PgConnection, locked: &BTreeMap<Topic, i64>) -> Result<(), Error> {
        let (names, lasts): (Vec<&[u8]>, Vec<i64>) =
            locked.iter().map(|(topic, last)| (&topic.0[..], *last)).unzip();
        Prepared::<_>::new(
            "UPDATE streams SET last_seq = new.last_seq
             FROM unnest(?, ?) AS new (topic, last_seq)
             WHERE streams.topic = new.topic AND streams.last_seq < new.last_seq",
            [Value::Bytes(names), Value::Numbers(lasts)],
        )
        .execute(conn)?;
        Ok(())
    }

    pub(super) fn last(conn: &mut PgConnection, topic: &Topic) -> Result<i64, Error> {
        let last = streams::table.find(&topic.0).select(streams::last_seq).first(conn).optional()?;
        Ok(last.unwrap_or_default())
    }

    pub(super) fn transaction_number(conn: &mut PgConnection) -> Result<i64, Error> {
        Ok(diesel::select(sql::<BigInt>("pg_current_xact_id()::text::bigint")).get_result(conn)?)
    }

    pub(super) fn outcome(conn: &mut PgConnection, number: i64) -> Result<Outcome, Error> {
        #[derive(QueryableByName)]
        struct Status {
            #[diesel(sql_type = Nullable<Text>)]
            status: Option<String>,
        }
        let asked = diesel::sql_query("SELECT pg_xact_status($1::text::xid8) AS status")
            .bind::<Text, _>(number.to_string())
            .get_result::<Status>(conn);
        Ok(match asked.map(|found| found.status) {
            Ok(Some(status)) if status == "committed" => Outcome::Committed,
            Ok(Some(status)) if status == "aborted" => Outcome::Aborted,
            Ok(Some(_)) => Outcome::Running,
            // It is in the future of this server: of another timeline.
            Ok(None) | Err(diesel::result::Error::DatabaseError(_, _)) => Outcome::Unknown,
            Err(error) => return Err(error.into()),
        })
    }
}

#[cfg(test)]
mod tests;
