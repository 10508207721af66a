//! Servers as child processes: the real binaries, started, killed and restarted.

mod build;
mod launch;
mod shared;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub use launch::Launch;
pub use shared::Shared;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server in a directory of its own, killed and removed on drop. If the test fails, its
/// log is printed.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    directory: TempDir,
    address: SocketAddr,
    child: Child,
    /// The lines of standard output; disconnected when the process has ended. The lock is for
    /// shared servers.
    output: Mutex<Receiver<String>>,
}

impl Server {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    /// If it cannot be built or does not come up.
    pub fn start(launch: Launch) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (child, output) = spawn(&launch, directory.path(), None);
        // The address is known once the server has announced it.
        let mut server = Self { launch, directory, address: ([127, 0, 0, 1], 0).into(), child, output };
        server.address = server.announced();
        server
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory that holds its data.
    pub fn data(&self) -> PathBuf {
        launch::data(self.directory.path())
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory in KiB (proc(5)).
    ///
    /// # Panics
    /// If the process is gone.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// What of its resident memory no file has, in KiB: heap and stacks.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn anonymous(&self) -> u64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, field: &str) -> u64 {
        let status = read(&PathBuf::from(format!("/proc/{}/status", self.id())));
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a running process");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
    }

    /// Everything it has written to standard error, over all its starts.
    pub fn log(&self) -> String {
        read(&stderr_file(self.directory.path()))
    }

    /// Everything it has written to standard output, over all its starts.
    pub fn output(&self) -> String {
        read(&stdout_file(self.directory.path()))
    }

    /// The address of the admin listener, as announced at the last start.
    ///
    /// # Panics
    /// If the server has not announced one.
    #[track_caller]
    pub fn operators(&self) -> SocketAddr {
        let output = self.output();
        let (_, address) = output.rsplit_once("is administered at http://").expect("an announcement");
        address.trim().parse().expect("an address")
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Panics
    /// If the system does not allow it.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("an exit status");
    }

    /// Asks it to stop (SIGTERM) and waits for its exit.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends a signal, named without `SIG`.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn signal(&self, name: &str) {
        // The shell's kill exists on every system; the standard library can only send SIGKILL.
        let id = self.child.id().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status().expect("a shell");
        assert!(status.success(), "SIG{name} could not be sent to process {id}");
    }

    /// Waits for its exit.
    ///
    /// # Panics
    /// If it does not exit in time.
    pub fn wait(&mut self) -> ExitStatus {
        loop {
            match self.next_line() {
                Ok(_) => {}
                // Standard output is closed, so the process exits soon.
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().expect("an exit status"),
                Err(RecvTimeoutError::Timeout) => panic!("the server does not stop"),
            }
        }
    }

    /// Restarts it on the same port and data, after killing it if it still runs.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart(&mut self) {
        if self.child.try_wait().expect("a process").is_none() {
            self.kill();
        }
        let address = self.address;
        (self.child, self.output) = spawn(&self.launch, self.directory.path(), Some(address));
        assert_eq!(self.announced(), address, "the server came up somewhere else");
    }

    /// Like [`Server::restart`], with other arguments or another environment.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart_as(&mut self, launch: Launch) {
        self.launch = launch;
        self.restart();
    }

    /// Waits for the next line of its standard output; returns nothing once it has ended.
    ///
    /// # Panics
    /// If it writes nothing for a minute.
    pub fn line(&mut self) -> Option<String> {
        match self.next_line() {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server says nothing"),
        }
    }

    fn next_line(&mut self) -> Result<String, RecvTimeoutError> {
        self.output.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE)
    }

    fn announced(&mut self) -> SocketAddr {
        let line = match self.next_line() {
            Ok(line) => line,
            Err(error) => panic!("the server did not come up ({error})"),
        };
        parse_announcement(&line).unwrap_or_else(|| panic!("the server announced no address: {line:?}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's output\n{}--- the server's log\n{}---", self.output(), self.log());
        }
    }
}

/// Starts the process, on this address if there is one.
fn spawn(launch: &Launch, directory: &Path, address: Option<SocketAddr>) -> (Child, Mutex<Receiver<String>>) {
    let mut child = launch
        .command(directory, address)
        .stdout(Stdio::piped())
        .stderr(append(&stderr_file(directory)))
        .spawn()
        .unwrap_or_else(|error| panic!("could not start {launch:?}: {error}"));
    let stdout = child.stdout.take().expect("a piped standard output");
    let copy = append(&stdout_file(directory));
    let (sender, output) = mpsc::channel();
    thread::spawn(move || copy_output(stdout, copy, &sender));
    (child, Mutex::new(output))
}

/// Copies standard output to a file and passes the lines on, until the process closes it.
fn copy_output(stdout: ChildStdout, mut copy: fs::File, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // Errors must not stop the reading, or the server would block on a full pipe: the file is
        // only for reports, and the receiver is gone once the test is over.
        let _ = writeln!(copy, "{line}");
        let _ = lines.send(line);
    }
}

/// The address in `… listens on http://ADDRESS` (or https); more text may follow.
fn parse_announcement(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once(" listens on ")?;
    let (_, rest) = url.split_once("://")?;
    rest.split([',', ' ']).next()?.parse().ok()
}

fn stdout_file(directory: &Path) -> PathBuf {
    directory.join("stdout")
}

fn stderr_file(directory: &Path) -> PathBuf {
    directory.join("stderr")
}

fn append(path: &Path) -> fs::File {
    fs::OpenOptions::new().create(true).append(true).open(path).expect("a file in the temporary directory")
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Launch, Server, parse_announcement};

    #[test]
    fn the_announced_address_is_read() {
        let address = Some(([127, 0, 0, 1], 4100).into());
        assert_eq!(
            parse_announcement("vestibule listens on http://127.0.0.1:4100, stores in /tmp/x"),
            address
        );
        assert_eq!(parse_announcement("playground listens on http://127.0.0.1:4100"), address);
        assert_eq!(parse_announcement("something else"), None);
    }

    /// A stand-in for a server: announces an address, logs a line, and stops on SIGTERM with status
    /// 7.
    fn stand_in() -> Server {
        let script =
            "trap 'exit 7' TERM; echo 'x listens on http://127.0.0.1:9'; echo started >&2; read _ <&3";
        Server::start(Launch::program("sh").arg("-c").arg(&format!("mkfifo pipe; exec 3<>pipe; {script}")))
    }

    #[test]
    fn a_server_can_be_killed_terminated_and_restarted() {
        let mut server = stand_in();
        assert_eq!(server.address(), ([127, 0, 0, 1], 9).into());
        assert_eq!(server.terminate().code(), Some(7));
        server.restart();
        server.kill();
        server.restart();
        let first = server.id();
        server.restart();
        assert_ne!(server.id(), first);
        assert_eq!(server.output().lines().count(), 4);
    }

    #[test]
    #[should_panic(expected = "the server did not come up")]
    fn a_server_that_exits_at_start_is_reported() {
        Server::start(Launch::program("true"));
    }
}
