//! Another program locks the database for ten seconds, as a backup by hand or a curious operator
//! does.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::scene::Scene;

/// How many commands wait for the writer, at most.
const QUEUE: &str = "64";
/// The writer takes at most 256 at once, so some find the queue full.
const REQUESTS: usize = 400;

/// A program that holds the lock.
struct Lock(Child);

impl Lock {
    fn take(data: &Path) -> Self {
        const HOLD: &str = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
db.execute('ROLLBACK')
";
        let mut program = Command::new("python3");
        program.args(["-c", HOLD]).arg(data.join("vestibule.db"));
        let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python");
        let mut line = String::new();
        let output = program.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "locked\n");
        Self(program)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("its end").success());
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_locked_database_refuses_until_it_is_free_again() {
    let mut admin = AdminServer::start(&[
        ("--max-store-queue", QUEUE),
        ("--max-open-per-user", "10000"),
        ("--max-requests-per-user", "10000"),
    ]);
    let mut scene = Scene::new(&admin.server);
    let first = scene.ask();
    let requests: Vec<_> = (0..REQUESTS).map(|_| scene.bob.request(&scene.room.rid())).collect();
    let memory = admin.server.anonymous();

    let lock = Lock::take(&admin.server.data());
    let began = Instant::now();
    let sent: Vec<String> = requests
        .iter()
        .map(|request| scene.guest.send(&scene.topic, "request", &json!(request)).expect("a connection"))
        .collect();
    // Members go on, are shown what is stored, and are told nothing that is not.
    let (_, mut another, pending) = scene.another_member();
    assert_eq!(pending.len(), 1, "{pending:?}");
    assert_eq!(scene.status(&first), "pending");
    assert!(admin.metric("vestibule_store_queue_length") <= 64.0);
    assert_eq!(admin.readiness(), (200, None), "what is stored can be read");
    let mut reasons: HashMap<String, usize> = HashMap::new();
    for reference in &sent {
        let reply = scene.guest.answer(reference).expect("an answer");
        assert!(reply.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", reply.text);
        *reasons.entry(reply.refused().to_owned()).or_default() += 1;
    }
    assert!(began.elapsed() >= Duration::from_secs(10), "the writer has waited twice");
    let (unavailable, overloaded) = (reasons["unavailable"], reasons["overloaded"]);
    assert!(unavailable > 64, "the queue is not used: {reasons:?}");
    assert_eq!(unavailable + overloaded, REQUESTS, "{reasons:?}");
    for member in [&mut scene.member, &mut another] {
        assert!(!member.events(&scene.topic).contains(&"request".to_owned()), "a refused one is forwarded");
    }
    assert!(admin.server.anonymous() < memory + 16 * 1024, "from {memory} KiB");

    // Nothing else has to be done, and nothing of what was refused is stored.
    lock.release();
    let stored = scene.guest.call(&scene.topic, "request", &requests[0]).ok();
    assert_eq!(stored["dup"], false);
    assert_eq!(scene.member.push(&scene.topic, "request")["request_id"], json!(requests[0].request_id));
    assert_eq!(scene.pending().len(), 2);
    let log = admin.server.log();
    // Once for each batch, of which a slow machine may have more than two.
    let lines = log.matches("another program has locked the database").count();
    assert!((2..8).contains(&lines), "{lines} lines: {log}");
    assert_eq!(admin.server.terminate().code(), Some(0));
}
