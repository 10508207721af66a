//! How a server is started.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build;

/// A program with what it is started with.
#[derive(Debug, Clone)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    port: Port,
}

/// How the program learns where to listen.
#[derive(Debug, Clone, Copy)]
enum Port {
    /// Through the arguments `--listen` and `--data`.
    Arguments,
    /// Through the environment variable `PORT`.
    Environment,
    /// Not at all.
    #[cfg(test)]
    Fixed,
}

impl Launch {
    /// The main server, built first.
    pub fn vestibule() -> Self {
        Self::new(build::vestibule().to_owned(), Port::Arguments)
    }

    /// The example `playground`, which offers the channels of the golden transcripts; built first.
    pub fn playground() -> Self {
        Self::new(build::playground().to_owned(), Port::Environment)
    }

    /// Any program of the system.
    #[cfg(test)]
    pub(super) fn program(name: &str) -> Self {
        Self::new(PathBuf::from(name), Port::Fixed)
    }

    fn new(program: PathBuf, port: Port) -> Self {
        Self { program, arguments: Vec::new(), environment: Vec::new(), port }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command that starts it in `directory`: on the given address, or on any free port.
    pub(super) fn command(&self, directory: &Path, address: Option<SocketAddr>) -> Command {
        let mut command = Command::new(&self.program);
        match self.port {
            Port::Arguments => {
                let address = address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
                command.arg("--listen").arg(address.to_string()).arg("--data").arg(data(directory));
            }
            Port::Environment => {
                command.env("PORT", address.map_or_else(free_port, |address| address.port()).to_string());
            }
            #[cfg(test)]
            Port::Fixed => {}
        }
        command.args(&self.arguments).envs(self.environment.iter().cloned()).current_dir(directory);
        command
    }
}

/// The data directory of a server that runs in `directory`.
pub(super) fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// A port nobody listens on right now. Another process may take it before the server does; the system hands out ports
/// in an order that makes this rare.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
