use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;

use super::*;
use crate::connection::Database;
use crate::testing::file;

fn of_file(conn: &mut Connection) -> &mut SqliteConnection {
    match conn {
        Connection::Sqlite(conn) => conn,
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => panic!("not a file"),
    }
}

fn tables(conn: &mut Connection) -> Vec<String> {
    sql::<Text>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").load(conn).unwrap()
}

#[test]
fn runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("test.db")).unwrap();
    let mut conn = database.writer().unwrap();
    assert_eq!(run(&mut conn).unwrap(), 6);
    assert_eq!(run(&mut conn).unwrap(), 0);
    assert_eq!(
        tables(&mut conn),
        [
            "__diesel_schema_migrations",
            "approves",
            "audit",
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
    let mut store = file();
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
    let mut store = file();
    of_file(&mut store.conn).revert_all_migrations(OF_SQLITE).unwrap();
    assert_eq!(tables(&mut store.conn), ["__diesel_schema_migrations"]);
    assert_eq!(run(&mut store.conn).unwrap(), 6);
}

#[test]
fn a_migration_that_fails_says_why() {
    let mut store = file();
    store.conn.batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();
    let error = run(&mut store.conn).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("table store already exists"), "{error}");
}

/// A database of version 1 with two rooms and rows of every state, and what is in it as text.
fn version_1() -> (tempfile::TempDir, Database, Connection, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("test.db")).unwrap();
    let mut conn = database.writer().unwrap();
    of_file(&mut conn).run_next_migration(OF_SQLITE).unwrap();
    conn.batch_execute(
        "INSERT INTO rooms (rid, policy, version, seq, created, frame) VALUES
             (x'01', 'open', 1, 2, 3, x'04'), (x'02', 'secret', 5, 6, 7, x'08'), (x'03', 'request', 5, 6, 7, x'08');
         INSERT INTO requests (id, rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame) VALUES
             (10, x'01', x'0a', x'10', x'20', zeroblob(32), 0, 100, 900, 1001000, x'f0'),
             (11, x'01', x'0a', x'11', x'21', zeroblob(32), 1, 101, 901, 1002000, x'f1'),
             (12, x'01', x'0a', x'12', x'22', zeroblob(32), 2, 102, 902, 1003000, NULL),
             (13, x'01', x'0a', x'13', x'23', zeroblob(32), 3, 103, 903, 1004000, NULL),
             (14, x'02', x'0b', x'14', x'24', zeroblob(32), 4, 104, 904, 1005000, NULL),
             (15, x'02', x'0b', x'15', x'25', zeroblob(32), 5, 105, 905, 1006999, NULL),
             (77, x'02', x'0b', x'16', x'26', zeroblob(32), 1, 106, 906, 1007000, x'f6');
         INSERT INTO approves
             (id, rid, to_uid, request_id, approve_id, by_uid, digest, state, at, exp, seq, frame) VALUES
             (20, x'01', x'0a', x'11', x'30', x'0c', zeroblob(32), 0, 200, 800, 2001, x'e0'),
             (21, x'01', x'0a', x'12', x'31', x'0c', zeroblob(32), 1, 201, 801, 2002, NULL),
             (22, x'01', x'0a', x'12', x'32', x'0c', zeroblob(32), 2, 202, 802, 2003, NULL),
             (88, x'02', x'0b', x'16', x'33', x'0c', zeroblob(32), 3, 203, 803, 2004, NULL);
         UPDATE store SET seq = 1007000",
    )
    .unwrap();
    let rows = rows_of_version_1(&mut conn);
    assert_eq!(rows.len(), 3 + 7 + 4 + 1);
    (folder, database, conn, rows)
}

fn rows_of_version_1(conn: &mut Connection) -> Vec<String> {
    texts(
        conn,
        "SELECT format('room %s', quote(rid) || policy || version || ' ' || seq || ' ' || created || quote(frame))
         FROM rooms
         UNION ALL SELECT format('request %d %d %d %d %d ', id, state, created, exp, seq) || quote(rid)
             || quote(uid) || quote(request_id) || quote(box_hash) || quote(digest) || quote(frame) FROM requests
         UNION ALL SELECT format('approve %d %d %d %d %d ', id, state, at, exp, seq) || quote(rid)
             || quote(to_uid) || quote(request_id) || quote(approve_id) || quote(by_uid) || quote(digest)
             || quote(frame) FROM approves
         UNION ALL SELECT format('store %d ', seq) || quote(epoch) FROM store
         ORDER BY 1",
    )
}

fn texts(conn: &mut Connection, query: &str) -> Vec<String> {
    sql::<Text>(query).load(conn).unwrap()
}

/// What `PRAGMA`s and the schema have to say about a database that is as it should be.
fn assert_sound(conn: &mut Connection) {
    assert_eq!(texts(conn, "PRAGMA integrity_check"), ["ok"]);
    assert_eq!(texts(conn, "SELECT \"table\" FROM pragma_foreign_key_check"), [""; 0]);
    assert_eq!(texts(conn, "SELECT name FROM sqlite_schema WHERE sql LIKE '%new\\_%' ESCAPE '\\'"), [""; 0]);
    let parents = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('approves')";
    assert_eq!(texts(conn, parents), ["requests"]);
}

#[test]
fn migrating_to_version_2_keeps_all_rows() {
    let (_folder, _database, mut conn, rows) = version_1();
    let conn = &mut conn;
    assert_eq!(run(conn).unwrap(), 5);
    assert_eq!(rows_of_version_1(conn), rows);
    assert_sound(conn);

    let counts = "SELECT format('%s %d', quote(rid), open) FROM rooms ORDER BY rid";
    assert_eq!(texts(conn, counts), ["X'01' 2", "X'02' 1", "X'03' 0"]);
    assert_eq!(texts(conn, "SELECT format('%d %d', open, starts) FROM store"), ["3 0"]);
    let closed = "SELECT format('%d %d', id, closed) FROM requests WHERE closed IS NOT NULL ORDER BY id";
    assert_eq!(texts(conn, closed), ["12 1003", "13 1004", "14 1005", "15 1006"]);
    assert_eq!(texts(conn, "SELECT quote(id) FROM requests WHERE is_open IS NOT NULL"), ["10", "11", "77"]);
    assert_eq!(texts(conn, "SELECT quote(id) FROM approves WHERE acked"), ["21"]);
    let unknown = "SELECT quote(rid) FROM rooms WHERE creator IS NULL AND digest IS NULL";
    assert_eq!(texts(conn, unknown).len(), 3);
    for table in ["devices", "denials", "notices"] {
        assert_eq!(texts(conn, &format!("SELECT quote(count(*)) FROM {table}")), ["0"]);
    }

    conn.batch_execute("DELETE FROM requests WHERE id = 12").unwrap();
    assert_eq!(texts(conn, "SELECT quote(id) FROM approves ORDER BY id"), ["20", "88"]);
    conn.batch_execute("DELETE FROM rooms WHERE rid = x'01'").unwrap();
    assert_eq!(texts(conn, "SELECT quote(id) FROM requests ORDER BY id"), ["14", "15", "77"]);
    assert_eq!(texts(conn, "SELECT quote(id) FROM approves"), ["88"]);
    assert_eq!(texts(conn, "SELECT quote(open) FROM store"), ["1"]);
}

/// A database of version 3 with requests of every kind, and the counts of before.
#[test]
fn version_4_counts_anew_and_keeps_rooms_listed() {
    let (_folder, _database, mut conn, _) = version_1();
    let conn = &mut conn;
    for _ in 0..2 {
        of_file(conn).run_next_migration(OF_SQLITE).unwrap();
    }
    conn.batch_execute(
        "INSERT INTO denials (rid, uid, request_id, by_uid, code, at, until, blocked, seq)
             VALUES (x'01', x'0a', x'10', x'0c', 'no', 1, 2, 0, 3);
         UPDATE requests SET state = 3 WHERE id = 10;
         UPDATE rooms SET creator = zeroblob(32) WHERE rid = x'01'",
    )
    .unwrap();
    let counts = "SELECT format('%s %d', quote(rid), open) FROM rooms ORDER BY rid";
    assert_eq!(texts(conn, counts), ["X'01' 2", "X'02' 1", "X'03' 0"]);

    assert_eq!(run(conn).unwrap(), 3);
    assert_sound(conn);
    let rooms =
        "SELECT format('%s %d %d %d %d', quote(rid), open, denied, listed, founder = creator) FROM rooms
                 ORDER BY rid";
    assert_eq!(texts(conn, rooms), ["X'01' 1 1 1 1", "X'02' 1 0 1 0", "X'03' 0 0 1 0"]);
    assert_eq!(texts(conn, "SELECT quote(open) FROM store"), ["2"]);

    // Every way in which a request comes, changes and goes.
    conn.batch_execute("UPDATE requests SET state = 0 WHERE id = 10").unwrap();
    assert_eq!(texts(conn, rooms)[0], "X'01' 2 0 1 1");
    conn.batch_execute("UPDATE requests SET state = 3 WHERE id IN (10, 11)").unwrap();
    assert_eq!(texts(conn, rooms)[0], "X'01' 0 2 1 1");
    conn.batch_execute("UPDATE requests SET frame = NULL, closed = 1 WHERE id = 10").unwrap();
    assert_eq!(texts(conn, rooms)[0], "X'01' 0 1 1 1");
    conn.batch_execute("DELETE FROM requests WHERE id = 11").unwrap();
    assert_eq!(texts(conn, rooms)[0], "X'01' 0 0 1 1");
    conn.batch_execute("UPDATE requests SET state = 2, frame = NULL, closed = 1 WHERE id = 77").unwrap();
    assert_eq!(
        texts(conn, "SELECT format('%d %s', open, (SELECT sum(open) FROM rooms)) FROM store"),
        ["0 0"]
    );
}

fn revert_to_version_1(conn: &mut Connection) {
    for _ in 0..5 {
        of_file(conn).revert_last_migration(OF_SQLITE).unwrap();
    }
}

#[test]
fn reverting_to_version_1_keeps_its_columns() {
    let schema =
        "SELECT name || ' ' || coalesce(replace(sql, '\"', ''), '') FROM sqlite_schema ORDER BY name";
    let columns = "SELECT format('%s.%s %s %d', m.name, c.name, c.type, c.\"notnull\")
                   FROM sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' ORDER BY 1";
    let (_folder, _database, mut conn, rows) = version_1();
    let conn = &mut conn;
    let squeezed = |conn: &mut Connection| -> Vec<String> {
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        texts(conn, schema).into_iter().map(words).collect()
    };
    let before = (squeezed(conn), texts(conn, columns));
    run(conn).unwrap();
    revert_to_version_1(conn);
    assert_eq!(rows_of_version_1(conn), rows);
    assert_eq!((squeezed(conn), texts(conn, columns)), before);
    assert_sound(conn);

    // What came in between stays as far as version 1 knows it.
    run(conn).unwrap();
    conn.batch_execute(
        "UPDATE requests SET state = 3 WHERE id = 10;
         INSERT INTO denials (rid, uid, request_id, by_uid, code, at, until, blocked, seq)
             VALUES (x'01', x'0a', x'10', x'0c', 'no', 1, 2, 0, 3);
         INSERT INTO devices (request, device) VALUES (11, zeroblob(16));
         INSERT INTO notices (uid, rid, seq, at, frame) VALUES (x'0a', x'01', 1, 2, x'03')",
    )
    .unwrap();
    revert_to_version_1(conn);
    assert_eq!((squeezed(conn), texts(conn, columns)), before);
    let denied = "SELECT format('%d %s', state, quote(frame)) FROM requests WHERE id = 10";
    assert_eq!(texts(conn, denied), ["3 NULL"]);
    assert_sound(conn);
}

#[test]
fn all_tables_are_strict() {
    let mut store = file();
    let strict: i64 = sql::<BigInt>("SELECT count(*) FROM pragma_table_list WHERE strict")
        .get_result(&mut store.conn)
        .unwrap();
    assert_eq!(strict, 8);
}

#[test]
fn a_reader_sees_whether_it_is_complete() {
    let store = file();
    let readers = store.database.readers(1).unwrap();
    assert!(is_complete(&mut readers.get().unwrap()).unwrap());
    let mut conn = store.database.writer().unwrap();
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version LIKE '%2'").unwrap();
    assert!(!is_complete(&mut readers.get().unwrap()).unwrap());
}

#[cfg(feature = "postgres")]
mod server;
