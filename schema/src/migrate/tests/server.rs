//! Migrations on a server, and that its tables are those of a file.

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::testing::server::{TestDatabase, store, wait_for_waiting};

fn of_server(conn: &mut Connection) -> &mut PgConnection {
    match conn {
        Connection::Sqlite(_) => panic!("not on a server"),
        Connection::Postgres(conn) => conn,
    }
}

fn tables_on_server(conn: &mut Connection) -> Vec<String> {
    let query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
    sql::<Text>(query).load(conn).unwrap()
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn migrations_run_once_on_a_server() {
    let database = TestDatabase::create();
    let mut conn = database.open().writer().unwrap();
    assert_eq!(pending(&mut conn).unwrap(), 1);
    assert_eq!(run(&mut conn).unwrap(), 1);
    assert_eq!(run(&mut conn).unwrap(), 0);
    assert_eq!(pending(&mut conn).unwrap(), 0);
    assert!(is_complete(&mut conn).unwrap());
    is_known(&mut conn).unwrap();
    let mut reader = database.open().readers(1).unwrap().get().unwrap();
    assert!(is_complete(&mut reader).unwrap());
    is_known(&mut reader).unwrap();
    let timeout: String = sql::<Text>("SHOW lock_timeout").get_result(&mut conn).unwrap();
    assert_eq!(timeout, "5s", "as before the migrations");
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn two_programs_that_migrate_wait_for_each_other() {
    let database = TestDatabase::create();
    let mut first = database.open().writer().unwrap();
    let mut other = database.open().writer().unwrap();
    thread::scope(|scope| {
        // In here, so that it is dropped if the test fails.
        let (free, wait) = mpsc::channel::<()>();
        // A program whose migration takes long.
        scope.spawn(move || {
            exclusively(of_server(&mut first), |_| {
                wait.recv().unwrap();
                Ok(())
            })
            .unwrap();
        });
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        crate::testing::server::wait_until(|| {
            sql::<BigInt>(held).get_result::<i64>(&mut other).unwrap() == 1
        });
        let migrate = || {
            let mut conn = database.open().writer().unwrap();
            scope.spawn(move || run(&mut conn).unwrap())
        };
        let both = [migrate(), migrate()];
        wait_for_waiting(&mut other, 2);
        assert_eq!(tables_on_server(&mut other), [""; 0]);
        free.send(()).unwrap();
        let mut done = both.map(|thread| thread.join().unwrap());
        done.sort_unstable();
        assert_eq!(done, [0, 1]);
    });
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_server_goes_back_to_nothing() {
    let mut store = store();
    let conn = &mut store.conn;
    let before = tables_on_server(conn);
    assert_eq!(before.len(), 10, "{before:?}");
    of_server(conn).revert_all_migrations(OF_POSTGRES).unwrap();
    assert_eq!(tables_on_server(conn), ["__diesel_schema_migrations"]);
    let left = "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                UNION ALL SELECT typname::text FROM pg_type
                WHERE typnamespace = 'public'::regnamespace AND typname NOT LIKE '%diesel%'";
    assert_eq!(texts(conn, left), [""; 0]);
    assert_eq!(run(conn).unwrap(), 1);
    assert_eq!(tables_on_server(conn), before);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_newer_database_on_a_server_is_refused() {
    let mut store = store();
    let conn = &mut store.conn;
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").unwrap();
    for error in [run(conn).unwrap_err(), is_known(conn).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Newer, "{error}");
        assert!(error.to_string().contains("migration 9999"), "{error}");
    }
    // The lock is free again.
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '9999'").unwrap();
    assert_eq!(run(&mut store.database.writer().unwrap()).unwrap(), 0);
}

/// `table.column`, and whether it must have a value. `is_open` follows from the state.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_server_has_the_columns_of_a_file() {
    let in_file = "SELECT format('%s.%s %s', m.name, c.name, iif(c.\"notnull\", 'must', 'may'))
                   FROM sqlite_schema m, pragma_table_xinfo(m.name) c
                   WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY 1";
    let on_server = "SELECT format('%s.%s %s', table_name, column_name,
                            CASE is_nullable WHEN 'NO' THEN 'must' ELSE 'may' END) COLLATE \"C\"
                     FROM information_schema.columns
                     WHERE table_schema = 'public' AND table_name <> 'streams'
                       AND table_name NOT LIKE '\\_\\_%' ORDER BY 1";
    assert_eq!(texts(&mut store().conn, on_server), texts(&mut file().conn, in_file));
}

/// Its name, table and columns, and whether it is partial.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_server_has_the_indexes_of_a_file() {
    let in_file = "SELECT format('%s %s %s (%s)', m.name, l.name, iif(l.partial, 'some', 'all'),
                          (SELECT group_concat(name, ' ') FROM pragma_index_info(l.name)))
                   FROM sqlite_schema m, pragma_index_list(m.name) l
                   WHERE m.type = 'table' AND l.origin = 'c' ORDER BY 1";
    let on_server = "SELECT format('%s %s %s (%s)', t.relname, i.relname,
                            CASE WHEN x.indpred IS NULL THEN 'all' ELSE 'some' END,
                            (SELECT string_agg(a.attname, ' ' ORDER BY k.n)
                             FROM unnest(x.indkey) WITH ORDINALITY k (attnum, n)
                             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum))
                            COLLATE \"C\"
                     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                     JOIN pg_class t ON t.oid = x.indrelid
                     WHERE i.relnamespace = 'public'::regnamespace AND NOT x.indisunique ORDER BY 1";
    let found = texts(&mut store().conn, on_server);
    assert!(found.len() > 20, "{found:?}");
    assert_eq!(found, texts(&mut file().conn, in_file));
}
