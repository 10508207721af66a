//! How to start a server.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, build};

/// The settings that limit the rates and numbers of clients of one user or address.
const PACES: [&str; 13] = [
    "VESTIBULE_MAX_FRAMES_PER_SECOND",
    "VESTIBULE_MAX_FRAMES_AT_ONCE",
    "VESTIBULE_MAX_JOINS_PER_SECOND",
    "VESTIBULE_MAX_JOINS_AT_ONCE",
    "VESTIBULE_MAX_CALLS_PER_SECOND",
    "VESTIBULE_MAX_CALLS_AT_ONCE",
    "VESTIBULE_MAX_CONNECTS_PER_SECOND",
    "VESTIBULE_MAX_CONNECTS_AT_ONCE",
    "VESTIBULE_MAX_NEW_REQUESTS_PER_MINUTE",
    "VESTIBULE_MAX_NEW_REQUESTS_AT_ONCE",
    "VESTIBULE_MAX_SOCKETS_PER_USER",
    "VESTIBULE_MAX_SOCKETS_PER_ADDRESS",
    "VESTIBULE_MAX_CONNECTIONS_PER_ADDRESS",
];

/// A program with its arguments and environment.
#[derive(Debug, Clone)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    port: Port,
    /// A socket that is passed open, as systemd does.
    socket: Option<Arc<TcpListener>>,
    /// The limit on its open file descriptors.
    descriptors: Option<u32>,
    /// A shell script that prepares namespaces of its own.
    script: Option<String>,
    /// A program that runs this one, with its arguments.
    runner: Vec<String>,
}

/// Passes standard input on as descriptor 3, the first of those that systemd passes
/// (`sd_listen_fds(3)`).
const PASS_SOCKET: &str = r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#;

/// How the program is told where to listen.
#[derive(Debug, Clone, Copy)]
enum Port {
    /// By the arguments `--listen` and `--data`.
    Arguments,
    /// By the argument `--listen`.
    Listen,
    /// By the environment variable `PORT`.
    Environment,
    /// Not at all, except by the test's own arguments.
    Unsaid,
}

impl Launch {
    /// The server, built first. Rate limits are out of the way, since tests connect from one
    /// address as fast as they can. A test of such a limit sets it by an argument, which overrides
    /// the environment.
    pub fn vestibule() -> Self {
        Self::vestibule_at(build::vestibule())
    }

    /// Like [`Launch::vestibule`], with a program that somebody else has built.
    pub fn vestibule_at(program: impl Into<PathBuf>) -> Self {
        let launch = Self::new(program.into(), Port::Arguments);
        PACES.iter().fold(launch, |launch, name| launch.env(name, "1000000"))
    }

    /// Like [`Launch::vestibule`], with this database.
    pub fn vestibule_on(database: &str) -> Self {
        // PostgreSQL's library would read passwords in the home folder.
        Self::vestibule().env("VESTIBULE_DATABASE", database).env("HOME", "/nonexistent")
    }

    /// The server with its default settings.
    pub fn untouched() -> Self {
        Self::new(build::vestibule().to_owned(), Port::Arguments)
    }

    /// The server, which is told where to listen and nothing else.
    pub fn unconfigured() -> Self {
        Self::new(build::vestibule().to_owned(), Port::Listen)
    }

    /// The server's program with only the arguments that the test adds. For [`Launch::run`].
    pub fn bare() -> Self {
        Self::new(build::vestibule().to_owned(), Port::Unsaid)
    }

    /// The example `playground`, which offers the channels of the golden transcripts; built first.
    pub fn playground() -> Self {
        Self::new(build::playground().to_owned(), Port::Environment)
    }

    /// A program that listens on the port in the environment variable `PORT`, as the playground
    /// does.
    pub fn on_port(program: impl Into<PathBuf>) -> Self {
        Self::new(program.into(), Port::Environment)
    }

    /// A program of the system.
    #[cfg(test)]
    pub(super) fn program(name: &str) -> Self {
        Self::new(PathBuf::from(name), Port::Unsaid)
    }

    /// Has another program of the system run this one: it gets its own arguments, then the program
    /// and that one's.
    #[must_use]
    pub fn under(mut self, runner: &str, arguments: &[&str]) -> Self {
        self.runner = std::iter::once(&runner).chain(arguments).map(|&part| part.to_owned()).collect();
        self
    }

    fn new(program: PathBuf, port: Port) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            port,
            socket: None,
            descriptors: None,
            script: None,
            runner: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Adds options, each a name and a value.
    #[must_use]
    pub fn options(self, options: &[(&str, &str)]) -> Self {
        options.iter().fold(self, |launch, (name, value)| launch.arg(name).arg(value))
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Passes a listening socket, which stays open here, as systemd's socket activation does.
    #[must_use]
    pub fn socket(mut self, socket: Arc<TcpListener>) -> Self {
        self.socket = Some(socket);
        self
    }

    /// Limits how many file descriptors it may have open.
    #[must_use]
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Runs a shell script before the program, as root of namespaces of its own, in which its
    /// mounts are invisible to others. Returns `None` if the system does not allow that, and says
    /// so on standard error.
    #[must_use]
    pub fn script(mut self, script: &str) -> Option<Self> {
        let is_allowed = Command::new("unshare").args(["-rm", "true"]).output();
        if !is_allowed.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: this system allows no namespaces of a user's own (unshare -rm)");
            return None;
        }
        self.script = Some(script.to_owned());
        Some(self)
    }

    /// Runs a program that exits by itself, in `directory`.
    ///
    /// # Panics
    /// If it does not exit in time.
    pub fn run(&self, directory: &Path) -> Output {
        // Files, since a pipe that is full would hold it up.
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
        let to = |file: &File| Stdio::from(file.try_clone().expect("a descriptor"));
        let mut command = self.command(directory, None);
        let mut child = command
            .stdout(to(&out))
            .stderr(to(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {self:?}: {error}"));
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a process") {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().expect("a process to kill");
                child.wait().expect("its end");
                panic!("it goes on running: {:?}", [out, err].map(|file| String::from_utf8(text(file))));
            }
            // The standard library has no wait with a deadline.
            thread::sleep(Duration::from_millis(5));
        };
        Output { status, stdout: text(out), stderr: text(err) }
    }

    /// The command that starts it in `directory`, on the given address or on any free port, with an
    /// empty standard input.
    pub(super) fn command(&self, directory: &Path, address: Option<SocketAddr>) -> Command {
        let mut command = self.program_with_input();
        match self.port {
            Port::Arguments | Port::Listen => {
                let address = address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
                command.arg("--listen").arg(address.to_string());
                if matches!(self.port, Port::Arguments) {
                    command.arg("--data").arg(data(directory));
                }
            }
            Port::Environment => {
                command.env("PORT", address.map_or_else(free_port, |address| address.port()).to_string());
            }
            Port::Unsaid => {}
        }
        command.args(&self.arguments).envs(self.environment.iter().cloned()).current_dir(directory);
        command
    }

    fn program_with_input(&self) -> Command {
        if let Some(script) = &self.script {
            let mut command = Command::new("unshare");
            let script = format!("set -e\n{script}\nexec \"$0\" \"$@\"");
            command.args(["-rm", "sh", "-c", &script]).arg(&self.program).stdin(Stdio::null());
            return command;
        }
        if let Some(limit) = self.descriptors {
            let mut command = Command::new("sh");
            let limited = format!(r#"ulimit -n {limit} && exec "$0" "$@""#);
            command.arg("-c").arg(limited).arg(&self.program).stdin(Stdio::null());
            return command;
        }
        let Some(socket) = &self.socket else {
            let mut command = match self.runner.as_slice() {
                [] => Command::new(&self.program),
                [runner, arguments @ ..] => {
                    let mut command = Command::new(runner);
                    command.args(arguments).arg(&self.program);
                    command
                }
            };
            command.stdin(Stdio::null());
            return command;
        };
        let mut command = Command::new("sh");
        let socket = socket.try_clone().expect("a descriptor");
        command.arg("-c").arg(PASS_SOCKET).arg(&self.program).stdin(OwnedFd::from(socket));
        command
    }
}

/// The data directory of a server that runs in `directory`.
pub(super) fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// A port at which nobody listens right now. Another process may take it before the server does,
/// but the system hands out ports in an order that makes this rare.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// What was written to a file.
fn text(mut file: File) -> Vec<u8> {
    let mut text = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut text)).expect("a file to read");
    text
}
