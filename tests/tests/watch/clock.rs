//! A server whose clock is wrong: nothing expires because of it, and operators are told.
#![cfg(debug_assertions)]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use vestibule_approve::frames::Request as Asking;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;
use vestibule_tests::people::now_ms;
use vestibule_tests::process::Launch;
use vestibule_tests::scene::Scene;

use crate::metrics;

const DAY_MS: i64 = 86_400_000;

/// A server, and the file that sets its clock.
struct Timed {
    admin: AdminServer,
    file: PathBuf,
    _folder: TempDir,
}

impl Timed {
    /// The file says how far the clock is ahead and since when the machine is up, in milliseconds.
    fn start(says: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("clock");
        fs::write(&file, says).expect("a file");
        let launch = Launch::vestibule().options(&[("--sweep", "50ms"), ("--keep-notices", "1d")]);
        let admin = AdminServer::launch(launch.env("VESTIBULE_CLOCK", file.to_str().expect("UTF-8")));
        Self { admin, file, _folder: folder }
    }

    fn set(&self, says: &str) {
        // Renamed, so that nobody reads half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, says).expect("a file");
        fs::rename(new, &self.file).expect("a file");
    }

    /// Waits until operators are told this.
    #[track_caller]
    fn wait_for(&self, warning: Option<&str>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let response = Request::get("/health/ready").send(self.admin.admin()).expect("a response");
            assert_eq!(response.status, 200, "it does its work all the same");
            if response.json()["warning"].as_str() == warning {
                break;
            }
            assert!(Instant::now() < deadline, "{}", response.text());
            thread::sleep(Duration::from_millis(20));
        }
        let doubted = metrics(&self.admin).value("vestibule_clock_doubted");
        assert_eq!(doubted > 0.0, warning.is_some());
    }

    /// Waits for some more rounds of the sweep.
    fn sweep(&self, result: &str) {
        let rounds = || metrics(&self.admin).value(&format!("vestibule_sweeps_total{{result=\"{result}\"}}"));
        let (before, deadline) = (rounds(), Instant::now() + Duration::from_secs(20));
        while rounds() < before + 3.0 {
            assert!(Instant::now() < deadline, "no sweeps are {result}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn says(&self, text: &str) -> usize {
        self.admin.server.log().matches(text).count()
    }
}

fn ask_briefly(scene: &mut Scene, for_ms: i64) -> Asking {
    let mut request = scene.bob.request(&scene.room.rid());
    request.exp = now_ms() + for_ms;
    scene.bob.sign_request(&scene.room.rid(), &mut request);
    scene.guest.call(&scene.topic, "request", &request).ok();
    request
}

#[test]
fn a_clock_that_jumps_ahead_expires_nothing_for_good() {
    let timed = Timed::start("0");
    let mut scene = Scene::new(&timed.admin.server);
    let [waiting, approved, nacked] = [(); 3].map(|()| scene.ask());
    let approve = scene.approve(&approved);
    let bad = scene.approve(&nacked);
    scene.guest.nack(&scene.topic, &bad.approve_id, "wrong_key").ok();
    let short = ask_briefly(&mut scene, 1500);
    timed.set(&format!("{}", 40 * DAY_MS));
    timed.wait_for(Some("clock_ahead"));
    timed.sweep("done");
    // A request that has expired by both clocks ends as ever.
    assert_eq!(scene.guest.push(&scene.topic, "expired")["request_id"], json!(short.request_id));
    timed.sweep("done");
    assert_eq!(metrics(&timed.admin).value("vestibule_swept_total").to_bits(), 1_f64.to_bits());
    timed.set("0");
    timed.wait_for(None);
    timed.sweep("done");

    assert_eq!(scene.status(&waiting), "pending");
    scene.approve(&waiting);
    let (open, waits) = scene.bobs();
    assert_eq!((open.len(), waits.len()), (3, 2), "{open:?} {waits:?}");
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
    let notices = scene.member.call(&scene.topic, "notices", json!({})).ok();
    assert!(notices["items"].as_array().is_some_and(|items| !items.is_empty()), "{notices}");
    assert_eq!(timed.says("the clock jumped ahead by 3456"), 1, "{}", timed.admin.server.log());
    assert_eq!(timed.says("the clock is trusted again"), 1);
}

#[test]
fn after_boot_nothing_expires_until_the_clock_is_credible() {
    let timed = Timed::start("0 1000");
    let mut scene = Scene::new(&timed.admin.server);
    let request = ask_briefly(&mut scene, 300);
    timed.wait_for(Some("clock_unsynchronised"));
    timed.sweep("held");
    while now_ms() < request.exp {
        thread::sleep(Duration::from_millis(10));
    }
    timed.sweep("held");
    assert_eq!(metrics(&timed.admin).value("vestibule_swept_total").to_bits(), 0_f64.to_bits());
    timed.set("0 300000");
    timed.wait_for(None);
    assert_eq!(scene.guest.push(&scene.topic, "expired")["request_id"], json!(request.request_id));
    assert_eq!(timed.says("its clock may be wrong"), 1);
}

#[test]
fn a_clock_that_jumps_keeps_stored_frames_in_order() {
    let timed = Timed::start("0");
    let mut scene = Scene::new(&timed.admin.server);
    let mut seqs = Vec::new();
    // The year 9999, and 1999.
    for says in ["0", "251000000000000", "0", "-850000000000", "0"] {
        timed.set(says);
        let mut request = scene.bob.request(&scene.room.rid());
        request.exp = now_ms() + says.parse::<i64>().expect("a number") + DAY_MS;
        scene.bob.sign_request(&scene.room.rid(), &mut request);
        let stored = scene.guest.call(&scene.topic, "request", &request).ok();
        seqs.push(stored["seq"].as_i64().expect("a seq"));
    }
    assert!(seqs.is_sorted_by(|earlier, later| earlier < later), "{seqs:?}");
    assert!(seqs.iter().all(|seq| *seq < 1 << 53), "not for JavaScript: {seqs:?}");
}
