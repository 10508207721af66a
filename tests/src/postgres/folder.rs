//! The folder of a cluster, and the processes in it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::programs::give;

/// A temporary folder. When it is dropped, or this process ends in any way, a guard ends all
/// processes in it and removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    guard: Child,
}

impl Folder {
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("vestibule-postgres-").tempdir();
        // The guard removes it.
        let path = folder.expect("a temporary folder").keep();
        let path = path.canonicalize().expect("a path without links");
        let guard = Command::new("sh")
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            // Whoever kills the test's whole process group does not kill the guard.
            .process_group(0)
            .spawn()
            .expect("a shell");
        give(&path);
        Self { path, guard }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The processes of the server: each works in the data folder.
    pub(super) fn processes(&self) -> Vec<String> {
        let data = self.data();
        let entries = fs::read_dir("/proc").expect("Linux").flatten();
        let ours =
            entries.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data));
        ours.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Sends a signal, named without `SIG`, to all processes of the server that are still there.
    pub(super) fn signal_all(&self, name: &str) {
        for process in self.processes() {
            // An error means that it has just ended.
            let _ = signal(name, &process);
        }
    }
}

/// Sends a signal, named without `SIG`. The standard library can only send SIGKILL.
pub(super) fn signal(name: &str, process: &str) -> Result<(), String> {
    let mut command = Command::new("sh");
    let output = command.args(["-c", "kill -s \"$0\" \"$1\"", name, process]).output().expect("a shell");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error means that somebody has killed the guard.
        let _ = self.guard.wait();
    }
}
