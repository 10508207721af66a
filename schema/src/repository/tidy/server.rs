//! The deletions on PostgreSQL. They skip what others have locked, and so never wait for a writer
//! that waits for them. The rows are found first, in the order of an index: with `IN` and a limit
//! that it does not know, PostgreSQL reads the whole table.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::connection::prepared::{Prepared, Value};
use crate::error::Error;

/// How long a stream is kept after its last frame, in milliseconds: far longer than clocks differ,
/// because a new stream begins with what the clock says.
const STREAMS_MS: i64 = 24 * 60 * 60 * 1000;

/// How many streams are looked at.
const WINDOW: i64 = 256;

pub(super) fn finished_requests(
    conn: &mut PgConnection,
    finished_before: i64,
    limit: i64,
) -> Result<usize, Error> {
    Ok(Prepared::<_>::new(
        "DELETE FROM requests WHERE id = ANY (ARRAY(
             SELECT id FROM requests WHERE closed <= ? ORDER BY closed LIMIT ? FOR UPDATE SKIP LOCKED))",
        [Value::Number(finished_before), Value::Number(limit)],
    )
    .execute(conn)?)
}

pub(super) fn old_notices(conn: &mut PgConnection, notices_before: i64, limit: i64) -> Result<usize, Error> {
    Ok(Prepared::<_>::new(
        "DELETE FROM notices WHERE id = ANY (ARRAY(
             SELECT id FROM notices WHERE at <= ? ORDER BY at LIMIT ? FOR UPDATE SKIP LOCKED))",
        [Value::Number(notices_before), Value::Number(limit)],
    )
    .execute(conn)?)
}

pub(super) fn lapsed_denials(conn: &mut PgConnection, now: i64, limit: i64) -> Result<usize, Error> {
    Ok(Prepared::<_>::new(
        "DELETE FROM denials WHERE id = ANY (ARRAY(
             SELECT id FROM denials AS over
             WHERE NOT blocked AND until <= ? AND NOT EXISTS (
                 SELECT FROM requests
                 WHERE rid = over.rid AND uid = over.uid AND frame IS NOT NULL AND is_open IS NULL)
             ORDER BY until LIMIT ? FOR UPDATE SKIP LOCKED))",
        [Value::Number(now), Value::Number(limit)],
    )
    .execute(conn)?)
}

/// Looks at some streams from a random place on, and deletes those that had no frame for long, of
/// rooms that do not exist and of users of whom nothing is stored. Without an index of their last
/// seqs, which each frame would have to write.
///
/// The last seq of all stays, so that none is ever issued again.
pub(super) fn idle_streams(conn: &mut PgConnection, now: i64, limit: i64) -> Result<usize, Error> {
    let deleted: Vec<i64> = Prepared::<_, BigInt>::new(
        "WITH place AS MATERIALIZED (
             SELECT (CASE WHEN random() < 0.5 THEN 'r' ELSE 'u' END)::bytea
                 || uuid_send(gen_random_uuid()) AS first),
         idle AS MATERIALIZED (
             SELECT topic FROM streams
             WHERE topic = ANY (ARRAY(
                     SELECT topic FROM streams WHERE topic >= (SELECT first FROM place)
                     ORDER BY topic LIMIT ?))
                 AND last_seq < ?
                 AND CASE get_byte(topic, 0) WHEN ascii('r')
                     THEN NOT EXISTS (SELECT FROM rooms WHERE rid = substr(topic, 2))
                     ELSE NOT EXISTS (SELECT FROM requests WHERE uid = substr(topic, 2))
                         AND NOT EXISTS (SELECT FROM approves WHERE by_uid = substr(topic, 2))
                         AND NOT EXISTS (SELECT FROM notices WHERE uid = substr(topic, 2)) END
             LIMIT ? FOR UPDATE SKIP LOCKED),
         gone AS (
             DELETE FROM streams WHERE topic = ANY (ARRAY(SELECT topic FROM idle)) RETURNING last_seq),
         noted AS (
             UPDATE store SET seq = last FROM (SELECT max(last_seq) AS last FROM gone) AS most
             WHERE seq < last)
         SELECT last_seq FROM gone",
        [Value::Number(WINDOW), Value::Number((now - STREAMS_MS).saturating_mul(1000)), Value::Number(limit)],
    )
    .load(conn)?;
    Ok(deleted.len())
}
