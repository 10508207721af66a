//! Copies all rows of a file into an empty database on a server.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::backup::is_whole;
use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::migrate;
use crate::repository::store;
use crate::repository::transaction::transaction;
use crate::tables::{approves, audit, denials, devices, notices, requests, rooms};

/// How many rows go at once.
const BATCH: i64 = 500;

/// The tables, in an order in which each row comes after those that it refers to.
const TABLES: [&str; 7] = ["rooms", "requests", "approves", "devices", "denials", "notices", "audit"];

/// The streams of all rooms and of all users that anything is stored of: whatever is stored later
/// gets a larger seq than what they have seen.
const STREAMS: &str = "INSERT INTO streams (topic, last_seq)
    SELECT topic, $1 FROM (
        SELECT 'r'::bytea || rid AS topic FROM rooms
        UNION SELECT 'u'::bytea || uid FROM requests
        UNION SELECT 'u'::bytea || to_uid FROM approves
        UNION SELECT 'u'::bytea || by_uid FROM approves
        UNION SELECT 'u'::bytea || uid FROM denials
        UNION SELECT 'u'::bytea || by_uid FROM denials
        UNION SELECT 'u'::bytea || uid FROM notices
        UNION SELECT 'u'::bytea || creator FROM rooms WHERE creator IS NOT NULL
        UNION SELECT 'u'::bytea || founder FROM rooms WHERE founder IS NOT NULL
    ) AS topics";

/// How many rooms have counters that are not those of their requests.
const MISCOUNTED: &str = "(SELECT count(*) FROM rooms WHERE (rooms.open, rooms.denied) <>
    (SELECT count(*) FILTER (WHERE state IN (0, 1)),
            count(*) FILTER (WHERE state = 3 AND frame IS NOT NULL)
     FROM requests WHERE requests.rid = rooms.rid))";

/// How many rows of a table have been copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// How many of its rows are in the copy.
    pub rows: i64,
    /// How many there are.
    pub of: i64,
}

/// Copies all rows, with their ids, and the database's epoch, starts and seq, in one transaction:
/// after an error the server's database is as empty as before. Both are migrated first.
///
/// `from` is a file that nobody else uses, `to` a server's database that has no rows, and that no
/// server was started on. `progress` is called after each batch. Returns the counts of all tables,
/// which were compared.
///
/// Errors: [`ErrorKind::Config`] if `to` is not empty, [`ErrorKind::Corrupt`] if the file is
/// damaged, or if what was stored is not what was read.
pub fn copy(
    from: &mut Connection,
    to: &mut Connection,
    mut progress: impl FnMut(Copied),
) -> Result<Vec<Copied>, Error> {
    is_whole(from)?;
    migrate::run(from)?;
    migrate::run(to)?;
    let own = store::own(from)?;
    let Connection::Sqlite(from) = from else {
        return Err(Error::new(ErrorKind::Config, "only a file can be copied"));
    };
    transaction(to, |to| {
        let Connection::Postgres(to) = to else {
            return Err(Error::new(ErrorKind::Config, "a file can only be copied to a server"));
        };
        // No server starts meanwhile: each writes to this table first.
        to.batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
             LOCK TABLE store IN ACCESS EXCLUSIVE MODE",
        )?;
        must_be_empty(to)?;
        let mut copied = Vec::new();
        for table in TABLES {
            let of = count_of_file(from, table)?;
            copy_table(from, to, table, &mut |rows| progress(Copied { table, rows, of }))?;
            copied.push(Copied { table, rows: count(to, table)?, of });
        }
        finish(to, &own)?;
        if let Some(Copied { table, rows, of }) = copied.iter().find(|copied| copied.rows != copied.of) {
            let message = format!("{rows} rows of {table} were copied, of {of}");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        compare_counters(from, to)?;
        Ok(copied)
    })
}

/// Refuses a database that is anybody's.
fn must_be_empty(to: &mut PgConnection) -> Result<(), Error> {
    let tables = TABLES.iter().chain(&["streams"]).map(|table| format!("EXISTS (SELECT FROM {table})"));
    let is_used = tables.chain(["EXISTS (SELECT FROM store WHERE starts > 0)".to_owned()]);
    let is_used = is_used.collect::<Vec<_>>().join(" OR ");
    if diesel::select(sql::<Bool>(&is_used)).get_result(to)? {
        let message = "the server's database is not empty, or a server was started on it: nothing was copied";
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(())
}

/// Sets what belongs to the database as a whole.
fn finish(to: &mut PgConnection, own: &store::Own) -> Result<(), Error> {
    use crate::tables::store;
    diesel::update(store::table)
        .set((store::epoch.eq(&own.epoch[..]), store::seq.eq(own.seq), store::starts.eq(own.starts)))
        .execute(to)?;
    diesel::sql_query(STREAMS).bind::<BigInt, _>(own.seq).execute(to)?;
    for table in TABLES.iter().filter(|table| !matches!(**table, "rooms" | "devices")) {
        to.batch_execute(&format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} HAVING max(id) > 0"
        ))?;
    }
    to.batch_execute(&format!("ANALYZE {}, streams, store", TABLES.join(", ")))?;
    Ok(())
}

/// Compares the counters, which the server's triggers have counted anew.
fn compare_counters(from: &mut SqliteConnection, to: &mut PgConnection) -> Result<(), Error> {
    let sums = "(SELECT coalesce(sum(open) * 1000003 + sum(denied), 0) FROM rooms)";
    let before: i64 = diesel::select(sql::<BigInt>(sums)).get_result(from)?;
    let after: i64 = diesel::select(sql::<BigInt>(&format!("{sums}::bigint"))).get_result(to)?;
    let miscounted: i64 = diesel::select(sql::<BigInt>(MISCOUNTED)).get_result(to)?;
    if before != after || miscounted > 0 {
        let message = "the rooms' counts of requests are not those of the file";
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    Ok(())
}

fn count(conn: &mut PgConnection, table: &str) -> Result<i64, Error> {
    Ok(diesel::select(sql::<BigInt>(&format!("(SELECT count(*) FROM {table})"))).get_result(conn)?)
}

fn count_of_file(conn: &mut SqliteConnection, table: &str) -> Result<i64, Error> {
    Ok(diesel::select(sql::<BigInt>(&format!("(SELECT count(*) FROM {table})"))).get_result(conn)?)
}

/// Copies one table.
fn copy_table(
    from: &mut SqliteConnection,
    to: &mut PgConnection,
    table: &str,
    progress: &mut dyn FnMut(i64),
) -> Result<(), Error> {
    match table {
        "rooms" => RoomRow::copy(from, to, progress),
        "requests" => RequestRow::copy(from, to, progress),
        "approves" => ApproveRow::copy(from, to, progress),
        "devices" => DeviceRow::copy(from, to, progress),
        "denials" => DenialRow::copy(from, to, progress),
        "notices" => NoticeRow::copy(from, to, progress),
        _ => AuditRow::copy(from, to, progress),
    }
}

/// A row of a table as it is stored, and how to copy all of them.
macro_rules! row {
    (
        $row:ident of $table:ident after |$last:ident| $after:expr,
        by $order:expr,
        $($column:ident: $kind:ty),+
    ) => {
        #[derive(Queryable, Insertable)]
        #[diesel(table_name = $table)]
        struct $row {
            $($column: $kind,)+
        }

        impl $row {
            fn copy(
                from: &mut SqliteConnection,
                to: &mut PgConnection,
                progress: &mut dyn FnMut(i64),
            ) -> Result<(), Error> {
                let mut last: Option<Self> = None;
                let mut done = 0;
                loop {
                    let mut next = $table::table
                        .select(($($table::$column,)+))
                        .order_by($order)
                        .limit(BATCH)
                        .into_boxed::<Sqlite>();
                    if let Some($last) = &last {
                        next = next.filter($after);
                    }
                    let mut rows: Vec<Self> = next.load(from)?;
                    if rows.is_empty() {
                        return Ok(());
                    }
                    diesel::insert_into($table::table).values(&rows).execute(to)?;
                    done += i64::try_from(rows.len()).unwrap_or(i64::MAX);
                    progress(done);
                    last = rows.pop();
                }
            }
        }
    };
}

// Without the counters, which the server's triggers count.
row!(RoomRow of rooms after |last| rooms::rid.gt(&last.rid), by rooms::rid,
    rid: Vec<u8>, policy: String, version: i64, seq: i64, created: i64, frame: Vec<u8>,
    creator: Option<Vec<u8>>, digest: Option<Vec<u8>>, founder: Option<Vec<u8>>, listed: bool);

// Without `is_open`, which the server computes.
row!(RequestRow of requests after |last| requests::id.gt(last.id), by requests::id,
    id: i64, rid: Vec<u8>, uid: Vec<u8>, request_id: Vec<u8>, box_hash: Vec<u8>, digest: Vec<u8>,
    state: i16, created: i64, exp: i64, seq: i64, frame: Option<Vec<u8>>, first_ack: Option<i64>,
    closed: Option<i64>, account: Option<String>);

row!(ApproveRow of approves after |last| approves::id.gt(last.id), by approves::id,
    id: i64, rid: Vec<u8>, to_uid: Vec<u8>, request_id: Vec<u8>, approve_id: Vec<u8>, by_uid: Vec<u8>,
    digest: Vec<u8>, state: i16, acked: bool, at: i64, exp: i64, seq: i64, frame: Option<Vec<u8>>);

row!(DeviceRow of devices after |last|
        devices::request.gt(last.request)
            .or(devices::request.eq(last.request).and(devices::device.gt(&last.device))),
    by (devices::request, devices::device),
    request: i64, device: Vec<u8>, acked: bool);

row!(DenialRow of denials after |last| denials::id.gt(last.id), by denials::id,
    id: i64, rid: Vec<u8>, uid: Vec<u8>, request_id: Vec<u8>, by_uid: Vec<u8>, code: String, at: i64,
    until: i64, blocked: bool, seq: i64);

row!(NoticeRow of notices after |last| notices::id.gt(last.id), by notices::id,
    id: i64, uid: Vec<u8>, rid: Vec<u8>, seq: i64, at: i64, frame: Vec<u8>);

row!(AuditRow of audit after |last| audit::id.gt(last.id), by audit::id,
    id: i64, at: i64, operator: String, act: String, target: String, result: Option<i32>);
