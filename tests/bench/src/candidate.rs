//! The servers under test.

use std::path::PathBuf;

use vestibule_tests::process::{Launch, Server};

use crate::gauge::Gauge;

/// The name of the floor in reports.
pub const FLOOR: &str = "floor";

/// A program that listens on the port in `PORT`, and has the playground's topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the report.
    pub name: String,
    /// Where it is.
    pub program: PathBuf,
}

impl Candidate {
    /// Parses `NAME=PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
        // Servers run in folders of their own.
        let program = PathBuf::from(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
        Ok(Self { name: name.to_owned(), program })
    }

    /// Whether it is the floor, which has nothing but what messages need.
    pub fn is_floor(&self) -> bool {
        self.name == FLOOR
    }

    /// Starts it, as this gauge needs it. It is killed on drop.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(&self, gauge: &Gauge) -> Server {
        let program = self.program.to_str().expect("a path in UTF-8");
        let launch = match gauge {
            Gauge::Time => Launch::on_port(program),
            Gauge::Callgrind(folder) => Launch::on_port("valgrind")
                .arg("--quiet")
                .arg("--tool=callgrind")
                .arg(&format!("--callgrind-out-file={}/dump", folder.display()))
                .arg(program),
        };
        Server::start(launch)
    }
}

#[cfg(test)]
mod tests {
    use super::Candidate;

    #[test]
    fn a_name_and_a_path_are_parsed() {
        let candidate = Candidate::parse("floor=/proc/self/../self/exe");
        assert!(candidate.is_ok_and(|candidate| candidate.is_floor() && candidate.program.is_absolute()));
        assert_eq!(Candidate::parse("floor"), Err("expected NAME=PATH".to_owned()));
        assert!(Candidate::parse("a=/nowhere").is_err());
    }
}
