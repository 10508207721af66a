//! What every query of the repository reads on a server with many rows. The queries are run, and
//! the server counts: PostgreSQL 15 cannot explain the plan that it keeps for any values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::queries::{QUERIES, Query};
use crate::connection::Connection;
use crate::testing::Store;
use crate::testing::server::store;

/// Rows up to which a query reads a table through an index.
const FEW: i64 = 600;

/// Queries that read a whole table or many rows of one, each with the reason why that is harmless.
const LONG: [(&str, &str); 12] = [
    ("audit::forget", "reads the oldest lines, as many as it deletes"),
    ("census::approves", "counts for metrics, now and then, beside the writers"),
    ("census::open_requests", "sums up what the rooms count, now and then, beside the writers"),
    ("census::pending", "counts for metrics, now and then, beside the writers"),
    ("census::rooms", "counts for metrics, now and then, beside the writers"),
    ("erasure::naming", "reads for an operator, beside the writers"),
    ("erasure::run", "searches what was stored since `naming` was read, and no further"),
    ("notices::delete_of_room", "steps over the room's newer notices, for an operator"),
    ("requests::delete_finished_in_room", "steps over the room's other requests, for an operator"),
    ("requests::kept_in_room", "reads a list for an operator, beside the writers"),
    ("rooms::delete", "deletes all that is in the room"),
    ("store::own", "reads the last seqs of all streams, once a start"),
];

/// It has a transaction of its own, with the statements of `own` and `renew_epoch`.
const APART: &str = "store::begin";

/// Room 1 and user 2 are those of the queries.
const ROWS: &str = include_str!("rows.sql");

/// What was read of a table: how often all of it, and how many rows.
#[derive(QueryableByName)]
struct Read {
    #[diesel(sql_type = Text)]
    relname: String,
    #[diesel(sql_type = BigInt)]
    scans: i64,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

fn reads(conn: &mut Connection) -> BTreeMap<String, (i64, i64)> {
    let query = "SELECT relname::text, coalesce(seq_scan, 0) AS scans,
                        coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS rows
                 FROM pg_stat_xact_user_tables";
    let found: Vec<Read> = diesel::sql_query(query).load(conn).unwrap();
    found.into_iter().map(|read| (read.relname, (read.scans, read.rows))).collect()
}

/// What a query read of each table, in a transaction that changes nothing.
fn read_by(conn: &mut Connection, run: fn(&mut Connection)) -> Vec<(String, i64, i64)> {
    let before = reads(conn);
    conn.batch_execute("SAVEPOINT query").unwrap();
    run(conn);
    conn.batch_execute("ROLLBACK TO query").unwrap();
    let after = reads(conn).into_iter();
    after
        .map(|(table, (scans, rows))| {
            let (scans_before, rows_before) = before.get(&table).copied().unwrap_or_default();
            (table, scans - scans_before, rows - rows_before)
        })
        .collect()
}

/// A database with this many rooms, in which some 50,000 have asked.
fn with(rooms: u32) -> Store {
    let mut store = store();
    store.conn.batch_execute(&ROWS.replace(":rooms", &rooms.to_string())).unwrap();
    store
}

/// The queries that read many rows, or a whole table of many, with what they read. PostgreSQL plans
/// anew for each value a few times, and then may keep a plan for any: so both are tried.
fn long_queries(conn: &mut Connection) -> BTreeMap<&'static str, BTreeSet<String>> {
    let large: Vec<String> =
        sql::<Text>(&format!("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples > {FEW}"))
            .load(conn)
            .unwrap();
    let mut long: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    conn.batch_execute("BEGIN").unwrap();
    for mode in ["auto", "force_custom_plan", "force_generic_plan"] {
        conn.batch_execute(&format!("SET LOCAL plan_cache_mode = {mode}")).unwrap();
        for &Query { name, run, .. } in QUERIES.iter().filter(|query| query.name != APART) {
            for _ in 0..if mode == "auto" { 8 } else { 1 } {
                for (table, scans, rows) in read_by(conn, run) {
                    if rows > FEW || (scans > 0 && large.contains(&table)) {
                        let found = format!("{table} with {mode}: {scans} scans, {rows} rows");
                        long.entry(name).or_default().insert(found);
                    }
                }
            }
        }
    }
    conn.batch_execute("ROLLBACK").unwrap();
    long
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn no_query_reads_a_large_table_on_a_server() {
    let mut found = BTreeSet::new();
    let said: BTreeSet<&str> = LONG.iter().map(|(name, _)| *name).collect();
    for (kind, rooms) in [("wide", 10_000), ("deep", 3)] {
        let mut store = with(rooms);
        let conn = &mut store.conn;
        let failed = Arc::new(Mutex::new(Vec::new()));
        let errors = Arc::clone(&failed);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery { query, error: Some(error), .. } = event {
                errors.lock().unwrap().push(format!("{query}: {error}"));
            }
        });
        let long = long_queries(conn);
        conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        assert_eq!(*failed.lock().unwrap(), [""; 0]);
        for (name, reads) in &long {
            assert!(said.contains(name), "{name} on a {kind} database: {reads:#?}");
        }
        found.extend(long.into_keys());

        // It would be noticed.
        conn.batch_execute("DROP INDEX requests_of_user").unwrap();
        assert!(long_queries(conn).contains_key("requests::count_of_user"));
    }
    assert_eq!(found, said);
}
