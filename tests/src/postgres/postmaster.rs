//! The server's first process, which starts all others.

use std::fs::{self, OpenOptions};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::{Folder, signal};
use super::programs::Programs;

/// How long the server may take to start, to stop, or to do as it was told.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Waits until this is so.
///
/// # Panics
/// If it does not come to be in a minute.
#[track_caller]
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "PostgreSQL is not {what} in time");
        thread::sleep(LOOK);
    }
}

/// Starts the server and waits until it accepts connections.
pub(super) fn start(programs: &Programs, folder: &Folder) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(folder.log()).expect("a file for the log");
    let mut command = programs.command_in(folder.path(), "postgres");
    command.arg("-D").arg(folder.data()).stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let id = child.id().to_string();
    wait_until("ready", || {
        let end = child.try_wait().expect("a process");
        assert!(end.is_none(), "PostgreSQL does not start: {}", read_log(folder));
        is_ready(folder, &id)
    });
    child
}

/// Whether the process with this id says that it accepts connections.
fn is_ready(folder: &Folder, id: &str) -> bool {
    // The first line is the id, the eighth the state; a server that was killed leaves its own.
    let text = fs::read_to_string(folder.data().join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first() == Some(&id) && lines.get(7) == Some(&"ready")
}

/// Has it roll back what is under way and stop.
pub(super) fn stop(mut child: Child) {
    signal("INT", &child.id().to_string()).expect("a running server");
    wait_until("stopped", || child.try_wait().expect("a process").is_some());
}

/// Kills all its processes (SIGKILL), the first one first, so that it cannot tell the others.
pub(super) fn kill(mut child: Child, folder: &Folder) {
    child.kill().expect("a running server");
    child.wait().expect("its end");
    wait_until("gone", || {
        folder.signal_all("KILL");
        folder.processes().is_empty()
    });
}

pub(super) fn read_log(folder: &Folder) -> String {
    fs::read(folder.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
