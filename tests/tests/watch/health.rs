//! Readiness: during a shutdown, and when something is wrong with the store.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::metrics;

#[test]
fn a_draining_server_is_alive_and_not_ready() {
    let mut admin = AdminServer::start(&[]);
    assert_eq!(admin.readiness(), (200, None));
    // The server waits a while for clients that do not answer the close.
    let mute = Device::connect(admin.server.address(), &Person::new(Alg::P256));
    admin.server.signal("TERM");
    admin.wait_for_readiness(503, Some("draining"));
    let live = Request::get("/health/live").send(admin.admin()).expect("a response");
    assert_eq!((live.status, live.json()), (200, json!({ "status": "live" })));
    assert_eq!(admin.server.wait().code(), Some(0));
    drop(mute);
}

#[test]
fn a_misbehaving_store_makes_the_server_unready() {
    let admin = AdminServer::start(&[]);
    let path = admin.server.data().join("vestibule.db");
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    let mut execute = |sql: &str| {
        connection.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}")).expect("a statement");
    };
    execute("ALTER TABLE __diesel_schema_migrations RENAME TO elsewhere");
    admin.wait_for_readiness(503, Some("database"));
    // Clients are told that, and no more.
    let public = Request::get("/health/ready").send(admin.server.address()).expect("a response");
    assert_eq!((public.status, public.json()), (503, json!({ "status": "unready" })));
    let failed = metrics(&admin);
    assert!(failed.value("vestibule_store_failed_reads_total") > 0.0);
    assert_eq!(failed.value("vestibule_ready").to_bits(), 0_f64.to_bits());
    execute("ALTER TABLE elsewhere RENAME TO __diesel_schema_migrations");
    admin.wait_for_readiness(200, None);
    execute("DELETE FROM __diesel_schema_migrations WHERE version LIKE '%2'");
    admin.wait_for_readiness(503, Some("migrations"));
}

#[test]
fn a_full_store_is_reported_by_health() {
    let admin = AdminServer::start(&[("--max-store", "256KiB"), ("--max-open-per-user", "1000")]);
    let mut scene = Scene::new(&admin.server);
    let mut ask = || {
        let mut request = scene.bob.request(&scene.room.rid());
        request.note = Some("x".repeat(280));
        scene.bob.sign_request(&scene.room.rid(), &mut request);
        scene.guest.call(&scene.topic, "request", &request)
    };
    let refused = (0..1000).map(|_| ask()).find(|reply| reply.status == "error").expect("a full store");
    assert_eq!(refused.refused(), "storage_full");
    admin.wait_for_readiness(503, Some("disk_full"));
    let metrics = metrics(&admin);
    for sample in [
        "refusals_total{reason=\"storage_full\"}",
        "store_commands_total{command=\"request\",result=\"failed\"}",
    ] {
        assert!(metrics.value(&format!("vestibule_{sample}")) >= 1.0, "{sample}");
    }
}
