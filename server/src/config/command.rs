//! The command line: the flags, and the commands beside running the server.

use std::{env, ffi::OsString, path::PathBuf};

use clap::{Arg, Args as _, Command, value_parser};

use super::{Config, environment::Variables, settings::Sources};

/// What is below the flags in `-h`.
const FORMATS: &str = "\
No option is needed. Each can be in a file (--config) and in the environment too: --max-frame is max_frame in the file,
VESTIBULE_MAX_FRAME in the environment. The environment goes before the file, an option before both.
Counts are of at least 1 unless it says what 0 does. Sizes look like 16KiB, times like 500ms, 30s, 12h or 7d.";

/// What the program is asked to do.
pub enum Task {
    /// To run the server.
    Serve(Sources),
    /// To say what the server would be run with.
    CheckConfig(Sources),
    /// To write a file of all settings with their defaults.
    DefaultConfig,
}

impl Task {
    /// Reads this process's command line. For `--help` and `--version` too there is an error, as is clap's custom.
    pub fn read() -> Result<Self, clap::Error> {
        Self::of(env::args_os(), env::vars_os().collect())
    }

    pub(super) fn of(
        arguments: impl Iterator<Item = OsString>,
        variables: Variables,
    ) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(arguments)?;
        Ok(match matches.subcommand() {
            None => Self::Serve(Sources::new(&matches, variables)),
            Some(("default-config", _)) => Self::DefaultConfig,
            Some((_check, flags)) => Self::CheckConfig(Sources::new(flags, variables)),
        })
    }
}

/// The program's whole command line.
pub fn command() -> Command {
    with_settings(Command::new("vestibule"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Phoenix-compatible channel server for rooms whose keys only the members hold")
        .after_help(FORMATS)
        .args_conflicts_with_subcommands(true)
        .subcommand(with_settings(Command::new("check-config")).about(
            "Reads the settings as the server would, and says what is wrong or what differs from the defaults",
        ))
        .subcommand(
            Command::new("default-config").about("Prints a file of all settings, with what they mean and their defaults"),
        )
}

fn with_settings(command: Command) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help_heading("Server")
        .help("File with settings, in TOML; without one there are the environment and the options");
    Config::augment_args(command.arg(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
