use super::*;
use crate::connection::{Database, not_durable};
use crate::repository::rooms;
use crate::repository::transaction::transaction;
use crate::testing::server::{base, kill, process, store};
use crate::testing::{id, room};

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn readers_of_a_server_see_commits_and_cannot_write() {
    let mut store = store();
    let pool = store.database.readers(0).unwrap();
    rooms::put(&mut store.conn, &room(1, "open")).unwrap();
    let mut reader = pool.get().unwrap();
    assert_eq!(rooms::find(&mut reader, &id(1)).unwrap(), Some(room(1, "open")));
    let error = rooms::put(&mut reader, &room(2, "open")).unwrap_err();
    assert!(error.to_string().contains("in a read-only transaction"), "{error}");
    assert_eq!(rooms::find(&mut store.conn, &id(2)).unwrap(), None);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_reader_that_was_lost_is_replaced() {
    let mut store = store();
    let pool = store.database.readers(1).unwrap();
    let lost = process(&mut pool.get().unwrap());
    kill(&mut store.conn, lost);
    pool.note_loss();
    let mut reader = pool.get().unwrap();
    assert_ne!(process(&mut reader), lost);
    assert_eq!(rooms::find(&mut reader, &id(1)).unwrap(), None);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_reader_that_noticed_its_loss_is_replaced() {
    let mut store = store();
    let pool = store.database.readers(1).unwrap();
    let mut reader = pool.get().unwrap();
    let lost = process(&mut reader);
    kill(&mut store.conn, lost);
    let error = rooms::find(&mut reader, &id(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    drop(reader);
    pool.note_loss();
    assert_eq!(rooms::find(&mut pool.get().unwrap(), &id(1)).unwrap(), None);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_server_that_does_not_wait_for_the_disk_is_named() {
    let mut store = store();
    assert_eq!(not_durable(&mut store.conn).unwrap(), None);
    let alter = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
    END $$";
    store.conn.batch_execute(alter).unwrap();
    let mut next = store.database.writer().unwrap();
    assert_eq!(not_durable(&mut next).unwrap(), Some("synchronous_commit"));
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_lock_that_is_held_too_long_is_busy() {
    let mut store = store();
    rooms::put(&mut store.conn, &room(1, "open")).unwrap();
    let mut other = store.database.writer().unwrap();
    other.batch_execute("SET lock_timeout = '50ms'").unwrap();
    transaction(&mut store.conn, |conn| {
        rooms::put(conn, &room(1, "request"))?;
        let error = transaction(&mut other, |other| rooms::put(other, &room(1, "secret"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        Ok::<_, Error>(())
    })
    .unwrap();
    transaction(&mut other, |other| rooms::put(other, &room(1, "secret"))).unwrap();
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let url = "postgres://user:s3cret@127.0.0.1:1/none".parse().unwrap();
    let database = Database::on_server(&url).unwrap();
    for error in [database.writer().map(drop).unwrap_err(), database.readers(1).map(drop).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        let message = error.to_string();
        assert!(message.starts_with("postgres://user:***@127.0.0.1:1/none: "), "{message}");
        assert!(!message.contains("s3cret") && !message.contains('\n'), "{message}");
    }
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_database_that_does_not_exist_cannot_be_reached() {
    let (address, query) = crate::testing::server::split(&base());
    let authority = address.rsplit_once('/').unwrap().0.to_owned();
    let url = format!("{authority}/vestibule_no_such_database{query}").parse().unwrap();
    let error = Database::on_server(&url).unwrap().writer().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.to_string().contains("does not exist"), "{error}");
}
