//! Transactions on a server whose connections are lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::connection::Database;
use crate::repository::streams::{Outcome, outcome, transaction_number};
use crate::testing::Place;
use crate::testing::server::{kill, process, split, store};

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_connection_lost_in_a_transaction_is_disconnected() {
    let mut store = store();
    let mut other = store.database.writer().unwrap();
    let mut id_of_lost = None;
    let error = transaction(&mut store.conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        id_of_lost = transaction_number(conn)?;
        kill(&mut other, process(conn));
        rooms::put(conn, &room(2, "open"))
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(outcome(&mut other, id_of_lost.unwrap()).unwrap(), Outcome::Aborted);
    assert_eq!([1, 2].map(|rid| exists(&mut other, rid)), [false; 2]);
    // The connection is of no use any more, and says so.
    let error = transaction(&mut store.conn, |conn| rooms::put(conn, &room(3, "open"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_connection_lost_between_transactions_is_disconnected() {
    let mut store = store();
    let mut other = store.database.writer().unwrap();
    kill(&mut other, process(&mut store.conn));
    let error = transaction(&mut store.conn, |conn| rooms::put(conn, &room(1, "open"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(!exists(&mut other, 1));
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_connection_lost_before_the_commit_leaves_doubt() {
    let mut store = store();
    let mut other = store.database.writer().unwrap();
    let mut id_of_lost = None;
    let error = transaction(&mut store.conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        id_of_lost = transaction_number(conn)?;
        assert_eq!(outcome(&mut other, id_of_lost.unwrap())?, Outcome::Running);
        kill(&mut other, process(conn));
        Ok::<_, Error>(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert_eq!(outcome(&mut other, id_of_lost.unwrap()).unwrap(), Outcome::Aborted);
    assert!(!exists(&mut other, 1));
    assert_eq!(outcome(&mut other, id_of_lost.unwrap() + 1000).unwrap(), Outcome::Unknown);
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_commit_whose_answer_is_lost_leaves_doubt() {
    let mut store = store();
    let Place::Server(place) = &store.place else { panic!("not on a server") };
    let proxy = Proxy::before(&place.url().reveal());
    let mut conn = Database::on_server(&proxy.url.parse().unwrap()).unwrap().writer().unwrap();
    let mut id_of_lost = None;
    let error = transaction(&mut conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        id_of_lost = transaction_number(conn)?;
        proxy.cuts.store(true, Ordering::SeqCst);
        Ok::<_, Error>(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert_eq!(outcome(&mut store.conn, id_of_lost.unwrap()).unwrap(), Outcome::Committed);
    assert!(exists(&mut store.conn, 1));
}

/// Takes one connection to a server, and cuts it instead of handing on an answer once it is told.
struct Proxy {
    url: String,
    cuts: Arc<AtomicBool>,
}

impl Proxy {
    fn before(url: &str) -> Self {
        let (address, query) = split(url);
        let (scheme, rest) = address.split_once("://").unwrap();
        let (authority, name) = rest.split_once('/').unwrap();
        let (user, host) = authority.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{user}@{}/{name}{query}", listener.local_addr().unwrap());
        let cuts = Arc::new(AtomicBool::new(false));
        let (cut, host) = (Arc::clone(&cuts), host.to_owned());
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(host).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass_on(from, to, &AtomicBool::new(false)));
            pass_on(server, client, &cut);
        });
        Self { url, cuts }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if cut.load(Ordering::SeqCst) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}

/// PostgreSQL answers such a COMMIT with a ROLLBACK and no error.
#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_batch_that_went_on_after_an_error_is_not_stored() {
    let mut store = store();
    let conn = &mut store.conn;
    transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        rooms::put(conn, &room(2, "no such policy")).unwrap_err();
        Ok::<_, Error>(())
    })
    .unwrap_err();
    assert!(!exists(conn, 1));
    transaction(conn, |conn| rooms::put(conn, &room(3, "open"))).unwrap();
    assert!(exists(conn, 3));
}

#[test]
#[ignore = "needs a PostgreSQL in VESTIBULE_TEST_POSTGRES"]
fn a_snapshot_of_a_server_writes_nothing() {
    let mut store = store();
    let conn = &mut store.conn;
    let error = snapshot(conn, |conn| rooms::put(conn, &room(1, "open"))).unwrap_err();
    assert!(error.to_string().contains("in a read-only transaction"), "{error}");
    assert!(!exists(conn, 1));
    transaction(conn, |conn| rooms::put(conn, &room(1, "open"))).unwrap();
}
