//! Whatever is deleted is gone from the database's files once the log is copied into the database,
//! and is in no backup: frames, notes and sealed keys.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use serde_json::json;
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::{Approve, Request};
use vestibule_tests::admin::AdminServer;
use vestibule_tests::people::{now_ms, random};
use vestibule_tests::process::Launch;
use vestibule_tests::scene::Scene;

use crate::canaries::canary;
use crate::search::{files, is_stored};

/// Time enough to look for a request before it expires, in milliseconds.
const BRIEF: i64 = 4000;

/// A request, an approve of it, and all of what only they have.
struct Pair {
    scene: Scene,
    request: Request,
    approve: Approve,
    traces: Vec<(&'static str, Vec<u8>)>,
}

impl Pair {
    /// A pair that ends after so many milliseconds, or not during a test.
    fn new(admin: &AdminServer, ends_after: Option<i64>) -> Self {
        let mut scene = Scene::of_creator(&admin.server);
        let exp = ends_after.map(|ms| now_ms() + ms);
        let rid = scene.room.rid();
        let note = canary("note");
        let mut request = scene.bob.request(&rid);
        request.note = Some(note.clone());
        request.exp = exp.unwrap_or(request.exp);
        scene.bob.sign_request(&rid, &mut request);
        scene.guest.call(&scene.topic, "request", &request).ok();
        // So long that it has pages of its own.
        let sealed = random::<8192>().0;
        let mut approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        approve.ct = Blob(sealed.to_vec());
        approve.exp = exp.unwrap_or(approve.exp);
        scene.room.sign_approve(&scene.alice, &mut approve);
        scene.member.call(&scene.topic, "approve", &approve).ok();
        scene.guest.push(&scene.topic, "approve");
        let traces = vec![
            ("note", note.into_bytes()),
            ("box key", request.box_pub.0.clone()),
            ("request's signature", request.sig.as_bytes().to_vec()),
            ("begin of a sealed key", sealed[..32].to_vec()),
            ("middle of a sealed key", sealed[5000..5032].to_vec()),
            ("end of a sealed key", sealed[8160..].to_vec()),
            ("room's signature", approve.room_sig.as_bytes().to_vec()),
            ("approver's signature", approve.user_sig.as_bytes().to_vec()),
        ];
        Self { scene, request, approve, traces }
    }

    fn ack(&mut self) {
        let acked = self.scene.guest.ack(&self.scene.topic, &self.approve.approve_id).ok();
        assert_eq!(acked["deleted"], true);
    }

    fn withdraw(&mut self) {
        let withdraw = json!({ "request_id": self.request.request_id });
        self.scene.guest.call(&self.scene.topic, "withdraw", withdraw).ok();
    }

    #[track_caller]
    fn assert_there(&self, how: &str, files: &[(String, Vec<u8>)]) {
        for (what, bytes) in &self.traces {
            assert!(is_stored(files, bytes), "{how}: the {what} is not found");
        }
    }

    #[track_caller]
    fn assert_gone(&self, how: &str, files: &[(String, Vec<u8>)]) {
        for (what, bytes) in &self.traces {
            let found = files.iter().find(|file| is_stored(std::slice::from_ref(file), bytes));
            assert!(found.is_none(), "{how}: {} still has the {what}", found.map_or("", |(name, _)| name));
        }
    }
}

fn open(data: &Path) -> SqliteConnection {
    let path = data.join("vestibule.db");
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    connection.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON").expect("settings");
    connection
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Copies the log into the database and empties it.
fn checkpoint(data: &Path) {
    let mut connection = open(data);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let done: Checkpoint =
            diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut connection).expect("a log");
        if done.busy == 0 {
            return;
        }
        // Somebody reads just now.
        assert!(Instant::now() < deadline, "the log stays");
    }
}

/// Each way in which frames end, and a pair that stays.
fn all_ways(admin: &AdminServer, is_copied_before: bool) -> (Vec<(&'static str, Pair)>, Pair) {
    let data = admin.server.data();
    let [mut acked, mut withdrawn, erased, removed, kept] = [(); 5].map(|()| Pair::new(admin, None));
    let mut expired = Pair::new(admin, Some(BRIEF));
    if is_copied_before {
        checkpoint(&data);
    }
    let before = files(&data);
    for (how, pair) in [
        ("ack", &acked),
        ("withdraw", &withdrawn),
        ("erasure", &erased),
        ("room", &removed),
        ("expiry", &expired),
    ] {
        pair.assert_there(how, &before);
    }
    acked.ack();
    withdrawn.withdraw();
    assert_eq!(admin.act("DELETE", &format!("users/{}", erased.scene.bob.uid())).status, 200);
    assert_eq!(admin.act("DELETE", &format!("rooms/{}", removed.scene.room.rid())).status, 200);
    expired.scene.guest.push(&expired.scene.topic, "expired");
    let gone = vec![
        ("ack", acked),
        ("withdraw", withdrawn),
        ("erasure", erased),
        ("room", removed),
        ("expiry", expired),
    ];
    (gone, kept)
}

/// The copy that `vestibule backup` makes.
fn backup(data: &Path) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copies");
    std::fs::create_dir(&copy).expect("a folder");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let launch = Launch::bare().arg("backup").arg(&text(&copy)).arg("--data").arg(&text(data));
    let output = launch.run(folder.path());
    assert!(output.status.success(), "{output:?}");
    let copies = files(&copy);
    assert_eq!(copies.len(), 1);
    copies
}

#[test]
fn deleted_frames_are_gone_from_the_database_and_its_log() {
    for is_copied_before in [true, false] {
        let mut admin = AdminServer::start(&[("--sweep", "100ms")]);
        let data = admin.server.data();
        let (gone, kept) = all_ways(&admin, is_copied_before);
        // A copy has nothing of the log's past, whether or not the log was copied.
        let copy = backup(&data);
        checkpoint(&data);
        let after = files(&data);
        assert_eq!(admin.server.terminate().code(), Some(0));
        let at_rest = files(&data);
        for (place, files) in [("backup", &copy), ("running", &after), ("stopped", &at_rest)] {
            for (how, pair) in &gone {
                pair.assert_gone(&format!("{how}, {place}, copied before: {is_copied_before}"), files);
            }
            kept.assert_there(place, files);
        }
    }
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = BigInt)]
    page_count: i64,
}

/// Shrinking moves pages from the end of the file to free places.
#[test]
fn moved_pages_leave_no_copy_when_the_database_shrinks() {
    let admin = AdminServer::start(&[("--sweep", "100ms")]);
    let data = admin.server.data();
    let mut connection = open(&data);
    let pages = |connection: &mut SqliteConnection| {
        let pages: Pages = diesel::sql_query("PRAGMA page_count").get_result(connection).expect("a number");
        pages.page_count
    };
    connection
        .batch_execute("CREATE TABLE filler (x); INSERT INTO filler VALUES (zeroblob(20000000))")
        .expect("space");
    let [mut acked, kept] = [(); 2].map(|()| Pair::new(&admin, None));
    let before = pages(&mut connection);
    checkpoint(&data);
    acked.assert_there("shrinking", &files(&data));
    connection.batch_execute("DROP TABLE filler").expect("a statement");
    let deadline = Instant::now() + Duration::from_secs(30);
    while pages(&mut connection) > before - 2000 {
        assert!(Instant::now() < deadline, "{} of {before} pages", pages(&mut connection));
        std::thread::sleep(Duration::from_millis(20));
    }
    checkpoint(&data);
    acked.assert_there("moved", &files(&data));
    acked.ack();
    checkpoint(&data);
    let after = files(&data);
    acked.assert_gone("shrinking", &after);
    kept.assert_there("shrinking", &after);
}
