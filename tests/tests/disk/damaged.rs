//! A page of the database that is damaged while the server runs.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::scene::Scene;

const PAGE: u64 = 4096;

#[derive(QueryableByName)]
struct Root {
    #[diesel(sql_type = BigInt)]
    rootpage: i64,
}

/// Overwrites the first page of a table, and has the server read the file again.
fn damage(data: &Path, table: &str) {
    let path = data.join("vestibule.db");
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    connection.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)").expect("a log");
    let root = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
    let Root { rootpage } = diesel::sql_query(root).get_result(&mut connection).expect("a table");
    let at = (u64::try_from(rootpage).expect("a page") - 1) * PAGE;
    let file = OpenOptions::new().write(true).open(path).expect("the database");
    file.write_all_at(&[0xaa; 4096], at).expect("a disk with room");
    // A commit of another program: what the server has in memory no longer counts.
    connection.batch_execute("PRAGMA user_version = 7").expect("a commit");
}

#[test]
fn a_damaged_page_refuses_what_needs_it_and_nothing_else() {
    let mut admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let request = scene.ask();
    assert_eq!(admin.readiness(), (200, None));
    damage(&admin.server.data(), "approves");
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let refused = scene.member.call(&scene.topic, "approve", &approve);
    assert_eq!(refused.refused(), "unavailable");
    assert!(refused.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", refused.text);
    admin.wait_for_readiness(503, Some("database"));
    let told = scene.guest.events(&scene.topic);
    assert!(!told.contains(&"approve".to_owned()), "a refused one is forwarded");
    assert_eq!(scene.status(&request), json!("pending"));
    scene.ask();
    let log = admin.server.log();
    assert!(log.contains("the database cannot be used as it is"), "{log}");
    assert_eq!(admin.server.terminate().code(), Some(0));
}
