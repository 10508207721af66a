use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};

use super::*;
use crate::connection::Database;
use crate::testing::store;

fn tables(conn: &mut Connection) -> Vec<String> {
    sql::<Text>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").load(conn).unwrap()
}

#[test]
fn runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("test.db")).unwrap();
    let mut conn = database.writer().unwrap();
    assert_eq!(run(&mut conn).unwrap(), 2);
    assert_eq!(run(&mut conn).unwrap(), 0);
    assert_eq!(
        tables(&mut conn),
        [
            "__diesel_schema_migrations",
            "approves",
            "denials",
            "devices",
            "notices",
            "requests",
            "rooms",
            "store"
        ]
    );
}

#[test]
fn refuses_a_newer_database_and_leaves_it_as_it_is() {
    let mut store = store();
    store
        .conn
        .batch_execute(
            "DELETE FROM __diesel_schema_migrations; DROP TABLE approves;
             INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')",
        )
        .unwrap();
    let before = tables(&mut store.conn);
    let error = run(&mut store.conn).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer);
    assert!(error.to_string().contains("9999"), "{error}");
    assert_eq!(tables(&mut store.conn), before);
}

#[test]
fn goes_back_to_nothing() {
    let mut store = store();
    store.conn.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(tables(&mut store.conn), ["__diesel_schema_migrations"]);
    assert_eq!(run(&mut store.conn).unwrap(), 2);
}

#[test]
fn a_migration_that_fails_says_why() {
    let mut store = store();
    store.conn.batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();
    let error = run(&mut store.conn).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("table store already exists"), "{error}");
}

#[test]
fn all_tables_are_strict() {
    let mut store = store();
    let strict: i64 = sql::<BigInt>("SELECT count(*) FROM pragma_table_list WHERE strict")
        .get_result(&mut store.conn)
        .unwrap();
    assert_eq!(strict, 7);
}
