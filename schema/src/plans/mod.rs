//! How SQLite runs every query of the repository: the same on a new database and on large ones with
//! statistics.
//!
//! A query that is not listed fails a test here. So does one that reads a whole table or sorts
//! without bound, except for the few that are named with their reasons; and one whose plan changes:
//! look at the new plan before you write it down.

mod queries;
#[cfg(feature = "postgres")]
mod server;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;

use self::queries::{QUERIES, Query};
use self::statistics::{DEEP, WIDE};
use crate::testing::{file, steps};

/// Queries that may read a whole table or index, or sort rows, each with the reason why that is
/// harmless.
const LONG: [(&str, &str); 15] = [
    ("approves::of_request", "sorts the approves of one request"),
    ("audit::forget", "reads the last line"),
    ("census::open_requests", "sums up what the rooms count, now and then, beside the writer"),
    ("census::rooms", "counts for metrics, now and then, beside the writer"),
    ("census::pending", "counts for metrics, now and then, beside the writer"),
    ("erasure::approves_by", "reads a list for an operator, beside the writer"),
    ("erasure::naming", "reads for an operator, beside the writer"),
    ("erasure::waiting_of", "reads a list for an operator, beside the writer"),
    ("gather::approves_of", "sorts the approves of each request"),
    ("gather::denied_requests", "sorts the denied requests of each user in a room, which a quota bounds"),
    ("requests::denied_of_user", "sorts the denied requests of one user in one room, which a quota bounds"),
    ("requests::kept_in_room", "reads a list for an operator, beside the writer"),
    ("requests::search for all that is open", "reads a page for an operator, beside the writer"),
    ("requests::search in a room", "reads a page for an operator, beside the writer"),
    ("requests::search for a state", "reads a page for an operator, beside the writer"),
];

/// Plans that differ with some statistics and are as good.
const OTHERWISE: [(&str, &str, &str, &str); 6] = [
    ("census::pending", "deep", "SCAN requests", "most of them are open"),
    ("census::pending", "deep", "SEARCH requests", "it is the minimum of all of them"),
    (
        "requests::open_of_user in one room",
        "deep",
        "SEARCH requests USING INDEX requests_open_of_user (uid=? AND seq>?)",
        "there, users ask in one room",
    ),
    (
        "requests::count_open_of_user",
        "wide",
        "SEARCH requests USING INDEX requests_open_of_user (uid=?)",
        "it is one user's, open or finished",
    ),
    (
        "gather::request_counts",
        "wide",
        "SEARCH requests USING INDEX requests_open_of_user (uid=?)",
        "it is one user's, open or finished",
    ),
    (
        "requests::search in a room",
        "deep",
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)",
        "most of them are in that room",
    ),
];

/// An empty database with these statistics.
fn with(statistics: &[(&str, &str, &str)]) -> crate::testing::Store {
    let mut store = file();
    if statistics.is_empty() {
        return store;
    }
    store.conn.batch_execute("ANALYZE sqlite_schema").unwrap();
    for (table, index, numbers) in statistics {
        let index = if index.is_empty() { "NULL".to_owned() } else { format!("'{index}'") };
        let row =
            format!("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', {index}, '{numbers}')");
        store.conn.batch_execute(&row).unwrap();
    }
    store.conn.batch_execute("ANALYZE sqlite_schema").unwrap();
    store
}

#[test]
fn every_query_goes_the_same_way_on_every_database() {
    let mut others = Vec::new();
    for (kind, statistics) in [("new", &[][..]), ("wide", &WIDE), ("deep", &DEEP)] {
        let mut store = with(statistics);
        for &Query { name, run, plan } in QUERIES {
            let mut steps = steps(&mut store.conn, run);
            let otherwise = |step: &String| {
                OTHERWISE.iter().any(|(of, on, other, _)| (*of, *on, *other) == (name, kind, step))
            };
            if steps.iter().any(otherwise) {
                steps.retain(|step| !otherwise(step) && !plan.contains(&step.as_str()));
                if !steps.is_empty() {
                    others.push(format!("{name} on a {kind} database: {steps:#?}"));
                }
            } else if steps != plan {
                others.push(format!("{name} on a {kind} database: {steps:#?} instead of {plan:#?}"));
            }
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn no_query_reads_or_sorts_without_bound() {
    // `store` has one row. A range of row ids is a part of the table only if it has an end.
    let is_long = |step: &&str| {
        (step.starts_with("SCAN ") && *step != "SCAN store")
            || ["TEMP B-TREE", "AUTOMATIC", "KEY (rowid>?)"].iter().any(|part| step.contains(part))
    };
    let long = QUERIES.iter().filter(|query| query.plan.iter().any(is_long));
    let found: BTreeSet<&str> = long.map(|query| query.name).collect();
    let said: BTreeSet<&str> = LONG.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, said);
}

#[test]
fn every_function_of_the_repository_is_here() {
    // These run a closure, or read no table.
    const OTHERS: [&str; 4] = [
        "transaction::transaction",
        "transaction::snapshot",
        "streams::transaction_number",
        "streams::outcome",
    ];
    let listed: BTreeSet<String> =
        QUERIES.iter().map(|query| query.name.split(' ').next().unwrap().to_owned()).collect();
    let mut found = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/repository");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        for function in source.split("\npub fn ").skip(1) {
            let head = &function[..function.find('{').unwrap()];
            let name = &head[..head.find(['(', '<']).unwrap()];
            if head.contains("&mut Connection") {
                found.insert(format!("{module}::{name}"));
            }
        }
    }
    assert!(OTHERS.iter().all(|name| found.remove(*name)), "{found:?}");
    assert_eq!(listed, found);
}

#[test]
fn foreign_keys_have_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    let keys = "SELECT format('%s %s %s', child.name, key.id, key.\"from\")
                FROM pragma_table_list AS child, pragma_foreign_key_list(child.name) AS key ORDER BY key.seq";
    let rows: Vec<String> = sql::<Text>(keys).load(conn).unwrap();
    let mut columns: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &rows {
        let [child, key, column] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
        columns.entry((child, key)).or_default().push(column);
    }
    assert_eq!(columns.len(), 4, "{columns:?}");
    for ((child, _), columns) in columns {
        let equal: Vec<String> = columns.iter().map(|column| format!("{column} = x'00'")).collect();
        let steps = steps(conn, |conn| {
            let query = format!("SELECT rowid FROM {child} WHERE {}", equal.join(" AND "));
            let query = query.replace("rowid", columns[0]);
            drop(diesel::sql_query(query).execute(conn));
        });
        assert!(steps.iter().all(|step| step.starts_with("SEARCH ")), "{child}: {steps:?}");
    }
}
