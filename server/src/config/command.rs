//! The command line: the flags, and the commands beside running the server.

use std::{env, ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgMatches, Args as _, Command, Id,
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};
use clap_complete::Shell;

use crate::admin::{Access, TokenName};

use super::{
    environment::Variables,
    guess::did_you_mean,
    options::Config,
    settings::{Sources, first_line},
};

/// The longest line of help, also in wider terminals.
const WIDTH: usize = 120;

/// The command that checks settings without starting the server.
const CHECK: &str = "check-config";

/// The command that looks at everything that the server depends on.
const DOCTOR: &str = "doctor";

/// The commands that copy the database, and put a copy in its place.
const BACKUP: &str = "backup";
const RESTORE: &str = "restore";

/// The command that moves a database from a file to a server.
const COPY: &str = "copy";

/// The commands that take the settings of the server.
const WITH_SETTINGS: [&str; 4] = [CHECK, DOCTOR, BACKUP, RESTORE];

/// Why a value is there.
const SEEN: &str = "clap has seen to it";

/// The command that makes tokens, and checks files of them.
const TOKEN: &str = "token";

/// The text below the options in `-h`.
const FORMATS: &str = "\
No option is required. Each can also be set in a file (--config) or in the environment: --max-frame is max_frame in the
file and VESTIBULE_MAX_FRAME in the environment. The environment overrides the file; an option overrides both.
Counts are at least 1 unless the text says what 0 means. Sizes look like 16KiB, times like 500ms, 30s, 12h or 7d.";

/// The text that follows in `--help` and the manual page.
const EXPLANATION: &str = "\
The file is TOML; `vestibule default-config` prints one with every setting. All keys are top-level, but channels have
tables such as [channels.\"chat:*\"], which serve the topics of your own front end. If the file or a
value is invalid, the server does not start and says what is wrong and where. `vestibule check-config`, with the same
options, reports all such problems, and problems with the certificate and the other files that the server reads, without
starting it. If there are none, it prints each setting that differs from its default, and its source.

`vestibule token --name NAME --may WHAT --append FILE` makes a token for the file of --admin-tokens, where only its hash
is; `vestibule token check FILE` prints what each token of a file allows.

On SIGHUP the server reads the file, its certificate and the operators' tokens again. The log says which changes have
taken effect and which need a restart. On SIGTERM or SIGINT the server disconnects its clients, stores what they have
submitted, and stops. A second signal ends it at once.

Exit codes: 0 after it was told to stop, 2 if the configuration is invalid, 1 if it cannot listen or use its data, 74 if
the disk fails.";

/// A task that the command line asks for.
pub enum Task {
    /// Run the server.
    Serve(Sources),
    /// Check settings and files.
    CheckConfig(Sources),
    /// Look at everything that the server depends on.
    Examine(Sources),
    /// Copy the database to this file or into this folder.
    BackUp(Sources, PathBuf),
    /// Put this copy in place of the database.
    Restore(Sources, PathBuf),
    /// Copy the database in this file to the server with this address.
    Copy(PathBuf, String),
    /// Make a token for an operator or a back end.
    MakeToken(MakeToken),
    /// Check a file of tokens.
    CheckTokens(PathBuf),
    /// Print a file of all settings with their defaults.
    DefaultConfig,
    /// Print the manual page.
    Man,
    /// Print the completions for a shell.
    Completions(Shell),
}

/// The token to make.
pub struct MakeToken {
    /// The name of its owner.
    pub name: TokenName,
    /// What it allows.
    pub may: Access,
    /// The file to add it to.
    pub append: Option<PathBuf>,
}

impl Task {
    /// Reads this process's command line. `--help` and `--version` are errors, as usual with clap.
    pub fn read() -> Result<Self, clap::Error> {
        Self::of(env::args_os(), env::vars_os().collect())
    }

    pub(super) fn of(
        arguments: impl Iterator<Item = OsString>,
        variables: Variables,
    ) -> Result<Self, clap::Error> {
        let matches = unchecked(command()).try_get_matches_from(arguments)?;
        Ok(match matches.subcommand() {
            None => Self::Serve(Sources::new(&matches, variables)),
            Some(("default-config", _)) => Self::DefaultConfig,
            Some((TOKEN, of)) => token_task(of),
            Some((DOCTOR, flags)) => Self::Examine(Sources::new(flags, variables)),
            Some((BACKUP, flags)) => Self::BackUp(Sources::new(flags, variables), file(flags)),
            Some((RESTORE, flags)) => Self::Restore(Sources::new(flags, variables), file(flags)),
            Some((COPY, of)) => Self::Copy(file(of), of.get_one::<String>("to").expect(SEEN).clone()),
            Some(("man", _)) => Self::Man,
            Some(("completions", of)) => Self::Completions(shell(of)),
            Some((_check, flags)) => Self::CheckConfig(Sources::new(flags, variables)),
        })
    }
}

/// The error in a command line, in one line, with what was probably meant.
pub fn complaint(error: &clap::Error) -> String {
    // The first line of this message does not say which.
    if error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg)
    {
        return format!("missing {}", missing.join(" and "));
    }
    let meant =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand].into_iter().find_map(
            |kind| match error.get(kind)? {
                ContextValue::String(meant) => Some(meant.clone()),
                ContextValue::Strings(several) => several.first().cloned(),
                _ => None,
            },
        );
    first_line(error) + &did_you_mean(meant)
}

/// The same command line, but without checking the values of settings. They are checked together
/// with those of the file and the environment, so that all errors are reported at once and alike.
fn unchecked(command: Command) -> Command {
    let declared = Config::augment_args(Command::new(""));
    let ids: Vec<Id> = declared.get_arguments().map(|setting| setting.get_id().clone()).collect();
    let settings = |command: Command| {
        command.mut_args(|arg| {
            if ids.contains(arg.get_id()) {
                arg.value_parser(value_parser!(OsString)).allow_negative_numbers(true)
            } else {
                arg
            }
        })
    };
    let with_settings = |command: Command, name| command.mut_subcommand(name, settings);
    WITH_SETTINGS.into_iter().fold(settings(command), with_settings)
}

/// The program's whole command line.
pub fn command() -> Command {
    server()
        .args_conflicts_with_subcommands(true)
        .subcommand(with_settings(Command::new(CHECK)).about(
            "Checks settings and files without starting the server; reports problems, or what differs from the defaults",
        ))
        .subcommand(
            Command::new("default-config")
                .about("Prints a file of all settings, with their meanings and defaults"),
        )
        .subcommand(with_settings(Command::new(DOCTOR)).about(
            "Looks at settings, files, database, disk and clock, and says in a table what is wrong; 1 if anything is",
        ))
        .subcommand(with_file(
            Command::new(BACKUP),
            "File to create, or folder in which to create one that is named by the time",
            "Copies the database while the server runs, and reads the copy again",
        ))
        .subcommand(with_file(
            Command::new(RESTORE),
            "Copy that vestibule backup has made",
            "Puts a copy in place of the database, while no server runs; the one before stays beside it",
        ))
        .subcommand(copy())
        .subcommand(token())
        .subcommand(Command::new("man").hide(true).about("Prints the manual page"))
        .subcommand(completions())
}

/// The command line of the server alone.
pub(super) fn server() -> Command {
    with_settings(Command::new("vestibule"))
        .max_term_width(WIDTH)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Phoenix-compatible channel server for rooms whose keys only the members hold")
        .after_help(FORMATS)
        .after_long_help(format!("{FORMATS}\n\n{EXPLANATION}"))
}

/// Makes a token, or checks a file of them.
fn token() -> Command {
    let name = Arg::new("name")
        .long("name")
        .value_name("NAME")
        .required(true)
        .value_parser(str::parse::<TokenName>)
        .help("Name of the token's owner, in the audit log");
    let may = Arg::new("may")
        .long("may")
        .value_name("WHAT")
        .required(true)
        .value_parser(str::parse::<Access>)
        .help("What the token allows: full, read, or a list of publish, presence, unsubscribe and disconnect")
        .long_help(
            "What the token allows: full, read, or a list of publish, presence, unsubscribe and disconnect, of \
             which all but disconnect can be limited to topics, as in publish=chat:*,publish=news,presence",
        );
    let append =
        Arg::new("append").long("append").value_name("FILE").value_parser(value_parser!(PathBuf)).help(
            "File of tokens to add its hash to; created if it does not exist. Only the token is printed then",
        );
    let check = Command::new("check")
        .about("Prints what a file of tokens allows, or what is wrong with it")
        .arg(file_argument("FILE"));
    Command::new(TOKEN)
        .about("Makes a token for an operator or a back end: prints it, and its line for the file of --admin-tokens")
        .max_term_width(WIDTH)
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .args([name, may, append])
        .subcommand(check)
}

fn token_task(matches: &ArgMatches) -> Task {
    if let Some((_check, of)) = matches.subcommand() {
        return Task::CheckTokens(file(of));
    }
    let name = matches.get_one::<TokenName>("name").expect(SEEN).clone();
    let may = matches.get_one::<Access>("may").expect(SEEN).clone();
    Task::MakeToken(MakeToken { name, may, append: matches.get_one("append").cloned() })
}

/// Moves a database. The address is read later: clap would show it, with its password.
fn copy() -> Command {
    let from = file_argument("FROM").help("File of SQLite that no server uses, such as data/vestibule.db");
    let to = Arg::new("to").value_name("TO").required(true);
    let to =
        to.help("Address of an empty PostgreSQL database, such as postgres://vestibule@localhost/vestibule");
    Command::new(COPY).about("Copies a database from a file to a PostgreSQL server").args([from, to])
}

/// A command about one file, with the settings of the server.
fn with_file(command: Command, file: &'static str, about: &'static str) -> Command {
    with_settings(command.arg(file_argument("PATH").help(file))).about(about)
}

fn file_argument(name: &'static str) -> Arg {
    Arg::new("file").value_name(name).required(true).value_parser(value_parser!(PathBuf))
}

fn file(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("file").expect(SEEN).clone()
}

/// For packagers; hidden in `--help`.
fn completions() -> Command {
    let shell = Arg::new("shell").value_parser(value_parser!(Shell)).required(true);
    Command::new("completions").hide(true).about("Prints the completions for a shell").arg(shell)
}

fn shell(matches: &ArgMatches) -> Shell {
    *matches.get_one("shell").expect(SEEN)
}

/// Adds all settings, and the option that names the file.
fn with_settings(command: Command) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help_heading("Server")
        .help("File of settings, in TOML; without one, only the environment and the options are used");
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
