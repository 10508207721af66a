//! `vestibule doctor`: looks at everything that the server depends on, and says what is wrong.
//!
//! Each check has a line in a table. It changes nothing, and works whether or not the server runs.

mod checks;
#[cfg(feature = "postgres")]
mod server;
mod size;
mod table;

use crate::config::{Problem, Settings};

pub use self::table::render;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// The server works, but somebody should look at this.
    Doubtful,
    /// The server does not start, or does not keep its promises.
    Bad,
}

/// What one check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How good it is.
    pub health: Health,
    /// What was found, in one line.
    pub says: String,
}

impl Finding {
    fn good(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, health: Health::Good, says: says.into() }
    }

    fn doubtful(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, health: Health::Doubtful, says: says.into() }
    }

    fn bad(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, health: Health::Bad, says: says.into() }
    }
}

/// Looks at everything. With settings that cannot be read, at nothing else.
pub fn examine(settings: &Result<Settings, Vec<Problem>>) -> Vec<Finding> {
    match settings {
        Ok(settings) => checks::all(settings),
        Err(problems) => {
            problems.iter().map(|problem| Finding::bad("settings", problem.to_string())).collect()
        }
    }
}
