//! The tests' own PostgreSQL does what tests of its troubles rely on.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use vestibule_tests::postgres::{Cluster, Database, Replication, psql, shared};
use vestibule_tests::relay::Cut;

const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer is waited for that must not come.
const SHORT: Duration = Duration::from_millis(300);

/// A table with one row.
fn with_row(database: &Database<'_>) {
    database.query("CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)");
}

fn rows(cluster: &Cluster, database: &str) -> String {
    cluster.query(database, "SELECT string_agg(id::text, ',' ORDER BY id) FROM kept")
}

#[test]
fn each_test_has_a_durable_database_of_its_own() {
    let [first, second] = [(); 2].map(|()| shared().database());
    with_row(&first);
    for url in [first.url(), first.socket_url()] {
        assert_eq!(psql(&url, "SELECT id FROM kept").as_deref(), Ok("1"));
    }
    let missing = psql(&second.url(), "SELECT id FROM kept").expect_err("another database");
    assert!(missing.contains("does not exist"), "{missing}");
    for (setting, value) in [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")] {
        assert_eq!(first.query(&format!("SHOW {setting}")), value, "{setting}");
    }
    let url = first.url();
    drop(first);
    let gone = psql(&url, "SELECT 1").expect_err("a database that was dropped");
    assert!(gone.contains("does not exist"), "{gone}");
}

#[test]
fn a_lost_answer_to_commit_leaves_the_row() {
    let database = shared().database();
    with_row(&database);
    let proxy = shared().proxy();
    let url = shared().url_at(proxy.relay.address, database.name());
    let insert = |id: u32| psql(&url, &format!("BEGIN; INSERT INTO kept VALUES ({id}); COMMIT"));
    proxy.lose_commit_after(1, Cut::Finish);
    assert_eq!(insert(2), Ok(String::new()));
    let lost = insert(3).expect_err("no answer");
    assert!(lost.contains("server closed the connection unexpectedly"), "{lost}");
    assert_eq!(insert(4), Ok(String::new()));
    assert_eq!((proxy.lost_commits(), rows(shared(), database.name()).as_str()), (1, "1,2,3,4"));
}

#[test]
fn a_cut_before_commit_leaves_no_row() {
    let database = shared().database();
    with_row(&database);
    let proxy = shared().proxy();
    let url = shared().url_at(proxy.relay.address, database.name());
    let sleeper =
        thread::spawn(move || psql(&url, "BEGIN; INSERT INTO kept VALUES (2); SELECT pg_sleep(60); COMMIT"));
    wait_for_sleeper(&database);
    proxy.relay.cut_all(Cut::Reset);
    sleeper.join().expect("a client").expect_err("a cut connection");
    assert_eq!(database.cluster().terminate_backends(database.name()), 1);
    assert_eq!(rows(shared(), database.name()), "1");
}

#[test]
fn backends_are_terminated_as_an_administrator_does() {
    let database = shared().database();
    let url = database.url();
    let sleeper = thread::spawn(move || psql(&url, "SELECT pg_sleep(60)"));
    wait_for_sleeper(&database);
    assert_eq!(shared().terminate_backends(database.name()), 1);
    let error = sleeper.join().expect("a client").expect_err("a connection that was ended");
    assert!(error.contains("terminating connection due to administrator command"), "{error}");
}

/// Waits until a client sleeps in this database.
fn wait_for_sleeper(database: &Database<'_>) {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_until(|| database.query(sql) == "1");
}

#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come to be");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_committed_survives_kill_stop_and_pause() {
    let cluster = Cluster::start();
    let database = cluster.database();
    with_row(&database);
    cluster.kill9();
    assert!(TcpStream::connect(cluster.address()).is_err());
    database.cluster().start_again();
    assert!(cluster.log().contains("database system was not properly shut down"), "{}", cluster.log());
    database.query("INSERT INTO kept VALUES (2)");
    cluster.stop();
    cluster.start_again();
    assert_eq!(rows(&cluster, database.name()), "1,2");

    let (sender, answer) = mpsc::channel();
    cluster.pause();
    let url = database.url();
    let client = thread::spawn(move || sender.send(psql(&url, "SELECT 3")));
    answer.recv_timeout(SHORT).expect_err("no answer while paused");
    cluster.resume();
    assert_eq!(answer.recv(), Ok(Ok("3".to_owned())));
    client.join().expect("a client").expect("a receiver");
    tls_and_passwords_are_required(&cluster);
    settings_are_changed(&cluster);
}

fn tls_and_passwords_are_required(cluster: &Cluster) {
    let authority = cluster.with_tls();
    cluster.set_password("open sesame");
    cluster.allow("hostssl", "scram-sha-256");
    let (address, authority) = (cluster.address(), authority.display());
    let url = |password: &str, mode: &str| {
        format!("postgres://vestibule:{password}@{address}/postgres?sslmode={mode}&sslrootcert={authority}")
    };
    let version = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(psql(&url("open%20sesame", "verify-full"), version).as_deref(), Ok("TLSv1.3"));
    for (password, mode, reason) in [
        ("open%20sesame", "disable", "no encryption"),
        ("wrong", "verify-full", "password authentication failed"),
    ] {
        let refused = psql(&url(password, mode), "SELECT 1").expect_err(mode);
        assert!(refused.contains(reason), "{refused}");
    }
}

fn settings_are_changed(cluster: &Cluster) {
    cluster.set("fsync", "off");
    assert_eq!(cluster.query("postgres", "SHOW fsync"), "off");
}

#[test]
fn a_synchronous_standby_alone_has_all_that_was_confirmed() {
    let primary = Cluster::start();
    let [sync, late] = [Replication::Sync, Replication::Async].map(|kind| primary.standby(kind));
    let database = primary.database();
    with_row(&database);
    wait_until(|| late.try_query(database.name(), "SELECT id FROM kept").as_deref() == Ok("1"));
    late.stop();
    database.query("INSERT INTO kept VALUES (2)");
    let proxy = primary.proxy();
    let url = |database: &str| primary.url_at(proxy.relay.address, database);
    primary.kill9();

    proxy.relay.redirect(sync.address());
    // It has the rows on disk, and need not have repeated them yet.
    let refused = psql(&url("postgres"), "CREATE TABLE refused ()").expect_err("a standby");
    assert!(refused.contains("read-only transaction"), "{refused}");
    sync.promote();
    assert_eq!(psql(&url(database.name()), "INSERT INTO kept VALUES (3)"), Ok(String::new()));
    assert_eq!(rows(&sync, database.name()), "1,2,3");

    late.start_again();
    late.promote();
    assert_eq!(rows(&late, database.name()), "1");
}

/// Started by the test below in a process of its own.
#[test]
#[ignore = "runs until it is killed"]
fn a_cluster_until_this_process_is_killed() {
    println!("cluster {}", shared().folder().display());
    loop {
        thread::park();
    }
}

#[test]
fn a_cluster_goes_when_its_test_is_killed() {
    let test = std::env::current_exe().expect("the test's own path");
    let mut child = Command::new(test)
        .args(["a_cluster_until_this_process_is_killed", "--ignored", "--nocapture", "--exact"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test's program");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let folder = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("cluster /").map(|(_, path)| format!("/{path}")))
        .expect("a folder");
    let status = fs::read_to_string(format!("{folder}/data/postmaster.pid")).expect("a running server");
    let port: u16 = status.lines().nth(3).expect("a port").parse().expect("a number");
    child.kill().expect("a process to kill");
    child.wait().expect("its end");
    wait_until(|| !fs::exists(&folder).expect("a folder to look for"));
    TcpListener::bind(("127.0.0.1", port)).expect("a port that is free again");
}
