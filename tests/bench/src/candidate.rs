//! The servers under test.

use std::path::{Path, PathBuf};

use vestibule_tests::process::{Launch, Server};

use crate::{gauge::Gauge, wire::certificate::Certificate};

/// The name of the floor in reports.
pub const FLOOR: &str = "floor";

/// What a server has, and so which scenarios it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// Join, heartbeat, echo and shout over WebSocket: the floor, and the playground too.
    Channels,
    /// A shout to everybody in a topic, behind whatever an application has: the playground, and
    /// the product by configured channels.
    Shouts,
    /// Everything that the framework has: the playground.
    Playground,
    /// The product.
    Vestibule,
    /// The product, over TLS.
    VestibuleOverTls,
}

impl Application {
    /// Whether a server with this application can do what needs another.
    pub fn has(self, needed: Self) -> bool {
        let further = [
            (Self::Playground, Self::Channels),
            (Self::Playground, Self::Shouts),
            (Self::Vestibule, Self::Shouts),
            (Self::Vestibule, Self::VestibuleOverTls),
        ];
        self == needed || further.contains(&(self, needed))
    }
}

/// A program under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the report.
    pub name: String,
    /// Where it is.
    pub program: PathBuf,
    /// What it has.
    pub application: Application,
}

impl Candidate {
    /// A playground, as `NAME=PATH`.
    pub fn playground(text: &str) -> Result<Self, String> {
        Self::parse(text, Application::Playground)
    }

    /// The floor, as its path.
    pub fn floor(path: &str) -> Result<Self, String> {
        Self::parse(&format!("{FLOOR}={path}"), Application::Channels)
    }

    /// The product's server, as `NAME=PATH`.
    pub fn vestibule(text: &str) -> Result<Self, String> {
        Self::parse(text, Application::Vestibule)
    }

    fn parse(text: &str, application: Application) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
        // Servers run in folders of their own.
        let program = PathBuf::from(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
        Ok(Self { name: name.to_owned(), program, application })
    }

    /// Starts it, as this gauge needs it, over TLS if there is a certificate. The product reads the
    /// file of settings, if there is one. It is killed on drop.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(&self, gauge: &Gauge, certificate: Option<&Certificate>, settings: Option<&Path>) -> Server {
        let program = self.program.to_str().expect("a path in UTF-8");
        let launch = match self.application {
            Application::Channels | Application::Shouts | Application::Playground => Launch::on_port(program),
            Application::Vestibule | Application::VestibuleOverTls => {
                let launch = Launch::vestibule_at(program);
                match settings {
                    None => launch,
                    Some(file) => launch.arg("--config").arg(file.to_str().expect("a path in UTF-8")),
                }
            }
        };
        let launch = match certificate.map(Certificate::files) {
            None => launch,
            Some(files) => {
                let [certificate, key] = files.each_ref().map(|file| file.to_str().expect("a path in UTF-8"));
                launch.options(&[("--tls-cert", certificate), ("--tls-key", key)])
            }
        };
        Server::start(match gauge {
            Gauge::Time => launch,
            Gauge::Callgrind(folder) => {
                let output = format!("--callgrind-out-file={}/dump", folder.display());
                launch.under("valgrind", &["--quiet", "--tool=callgrind", &output])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Application, Candidate};

    #[test]
    fn a_name_and_a_path_are_parsed() {
        let candidate = Candidate::playground("new=/proc/self/../self/exe").expect("our own program");
        assert_eq!((&*candidate.name, candidate.program.is_absolute()), ("new", true));
        assert_eq!(Candidate::vestibule("new"), Err("expected NAME=PATH".to_owned()));
        assert!(Candidate::floor("/nowhere").is_err());
    }

    #[test]
    fn the_playground_has_more_than_the_floor() {
        use Application::{Channels, Playground, Shouts, Vestibule};
        assert!(Playground.has(Playground) && Playground.has(Channels) && Vestibule.has(Vestibule));
        assert!(!Channels.has(Playground) && !Vestibule.has(Channels));
        assert_eq!([Channels, Playground, Vestibule].map(|it| it.has(Shouts)), [false, true, true]);
    }
}
