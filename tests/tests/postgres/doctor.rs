use vestibule_tests::postgres::Cluster;

use crate::{done, run, serve};

#[test]
fn the_doctor_looks_at_a_server() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let doctor = || run(&["doctor", "--listen", "127.0.0.1:0", "--database", &database.url()]);
    let found = done(&doctor());
    for line in [
        "ok    database ",
        "ok    PostgreSQL ",
        "ok    role ",
        "ok    round trip ",
        "durable commit ",
        "ok    fsync ",
        "ok    synchronous_commit ",
        "ok    full_page_writes ",
        "none: the connection stays on this machine",
        "ok    connections ",
        "ok    database's clock ",
    ] {
        assert!(found.contains(line), "{line} in {found}");
    }
    assert!(creates_tables(&found), "{found}");
    assert_eq!(database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    drop(serve(&database));
    assert!(!creates_tables(&done(&doctor())));

    cluster.set("synchronous_commit", "off");
    let bad = doctor();
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    assert!(String::from_utf8_lossy(&bad.stdout).contains("BAD   synchronous_commit "), "{bad:?}");
    cluster.set("synchronous_commit", "on");

    cluster.stop();
    let bad = doctor();
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    assert!(String::from_utf8_lossy(&bad.stdout).contains("BAD   database "), "{bad:?}");
}

/// Whether the table says that the next start creates the tables.
fn creates_tables(found: &str) -> bool {
    let mut lines = found.lines();
    lines.any(|line| line.contains("tables") && line.contains("the first start creates them"))
}

#[test]
fn the_doctor_refuses_a_standby() {
    let cluster = Cluster::start();
    let standby = cluster.standby(vestibule_tests::postgres::Replication::Async);
    let bad = run(&["doctor", "--listen", "127.0.0.1:0", "--database", &standby.url("postgres")]);
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    assert!(String::from_utf8_lossy(&bad.stdout).contains("BAD   role "), "{bad:?}");
}
