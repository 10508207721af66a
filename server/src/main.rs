//! The program: carries out the command line.

use std::{
    fmt::Display,
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

use actix_web::rt::System;
use clap::error::ErrorKind;
use tokio::runtime::{Builder, Runtime};
use vestibule::{
    admin::{Listen, NewToken, Operator, TokenName, Tokens},
    backup,
    config::{
        Config, Difference, MakeToken, Settings, Sources, Task, complaint, completions, default_config, man,
        server_address,
    },
    doctor::{self, Health},
    secret_file::Modes,
    serve::serve,
    startup::Startup,
    telemetry,
};
use vestibule_store::{ServerUrl, backup::BackupError};

/// The most threads for blocking work on the main thread's runtime: reads of the sweep and of the
/// health check.
const MAX_BLOCKING: usize = 4;

/// Exit code for an invalid command line or configuration.
const EXIT_CONFIG: u8 = 2;

/// Exit code if the server cannot use what it needs, such as a file or a port.
const EXIT_UNUSABLE: u8 = 1;

fn main() -> ExitCode {
    System::with_tokio_rt(runtime).block_on(carry_out())
}

/// The main thread's runtime. By default it would have up to 512 threads for blocking work.
fn runtime() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(MAX_BLOCKING);
    runtime.build().expect("a system that gives no descriptors cannot run a server")
}

/// Carries out the command line.
async fn carry_out() -> ExitCode {
    match Task::read() {
        Ok(Task::Serve(sources)) => match sources.read() {
            Ok(settings) => run(settings, sources).await,
            Err(problems) => fail(&in_one_line(&problems), EXIT_CONFIG),
        },
        Ok(Task::CheckConfig(sources)) => check(&sources),
        Ok(Task::Examine(sources)) => examine(&sources),
        Ok(Task::BackUp(sources, to)) => maintain(&sources, |config, now| backup::make(config, &to, now)),
        Ok(Task::Restore(sources, copy)) => {
            maintain(&sources, |config, now| backup::restore(config, &copy, now))
        }
        Ok(Task::Copy(from, to)) => copy(&from, &to),
        Ok(Task::MakeToken(token)) => make_token(token),
        Ok(Task::CheckTokens(file)) => check_tokens(&file),
        Ok(Task::DefaultConfig) => print(default_config().as_bytes()),
        Ok(Task::Man) => print(&man()),
        Ok(Task::Completions(shell)) => print(&completions(shell)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => fail(&format!("{}; see vestibule --help", complaint(&error)), EXIT_CONFIG),
    }
}

/// Runs the server.
async fn run(settings: Settings, sources: Sources) -> ExitCode {
    let config = &settings.config;
    let log = match telemetry::init(&config.log, config.admin.log_format) {
        Ok(log) => log,
        Err(error) => return fail(&error.to_string(), EXIT_CONFIG),
    };
    let Startup { files, warnings } = Startup::read(config);
    for warning in settings.warnings.iter().map(ToString::to_string).chain(warnings) {
        tracing::warn!("{warning}");
    }
    let files = match files {
        Ok(files) => files,
        Err(unusable) => return fail(&in_one_line(&unusable), EXIT_UNUSABLE),
    };
    say_how_it_is_set(&settings);
    let (database, scheme) = (config.database(), config.tls.scheme());
    let started = |address: SocketAddr, admin: Option<&Listen>| {
        let admin = admin.map(|admin| format!(", is administered at {admin}")).unwrap_or_default();
        println!("vestibule listens on {scheme}://{address}, stores in {database}{admin}");
    };
    match serve(settings, sources, files, log, started).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), EXIT_UNUSABLE),
    }
}

/// Logs the version and all settings that differ from their defaults.
fn say_how_it_is_set(settings: &Settings) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let differences = settings.differences();
    if differences.is_empty() {
        tracing::info!("all settings have their defaults");
    }
    for Difference { setting, value, source, .. } in differences {
        tracing::info!(setting, value, source, "set");
    }
}

/// Carries out `check-config`: reads what the server would read, and prints the settings that
/// differ from their defaults, or all problems. Changes nothing.
fn check(sources: &Sources) -> ExitCode {
    let settings = match sources.read() {
        Ok(settings) => settings,
        Err(problems) => return fail_all(&problems, EXIT_CONFIG),
    };
    let config = &settings.config;
    let Startup { files, warnings } = Startup::read(config);
    settings.warnings.iter().for_each(complain);
    warnings.iter().for_each(complain);
    match files {
        Ok(files) => {
            files.name_warning(config, config.listen.ip()).iter().for_each(complain);
            let lines = settings.differences().into_iter().map(|difference| format!("{difference}\n"));
            print(("ok\n".to_owned() + &lines.collect::<String>()).as_bytes())
        }
        Err(unusable) => fail_all(&unusable, EXIT_UNUSABLE),
    }
}

/// Carries out `token`: prints a new token, and its line unless that was added to a file.
fn make_token(MakeToken { name: TokenName(name), may: access, append }: MakeToken) -> ExitCode {
    let made = NewToken::make(Operator { name, access });
    let made = made.and_then(|token| {
        append.as_deref().map_or(Ok(()), |file| token.append_to(file))?;
        Ok(token)
    });
    match (made, append) {
        (Err(error), _) => fail(&error.to_string(), EXIT_UNUSABLE),
        (Ok(token), None) => print(format!("{}\n{}\n", token.secret(), token.line()).as_bytes()),
        (Ok(token), Some(file)) => {
            complain(format_args!("added to {}; send the server SIGHUP to have it read", file.display()));
            print(format!("{}\n", token.secret()).as_bytes())
        }
    }
}

/// Carries out `token check`: prints the names in a file, and what each token allows.
fn check_tokens(file: &Path) -> ExitCode {
    match Tokens::load(file, Modes::Checked) {
        Ok(tokens) => {
            let line = |Operator { name, access }: &Operator| format!("{name} {access}\n");
            print(tokens.operators().map(line).collect::<String>().as_bytes())
        }
        Err(error) => fail(&error.to_string(), EXIT_UNUSABLE),
    }
}

/// Carries out `doctor`: prints what was found, and fails if anything is bad.
fn examine(sources: &Sources) -> ExitCode {
    let findings = doctor::examine(&sources.read());
    let is_bad = findings.iter().any(|finding| finding.health == Health::Bad);
    let printed = print(doctor::render(&findings).as_bytes());
    if is_bad { ExitCode::from(EXIT_UNUSABLE) } else { printed }
}

/// Carries out `backup` or `restore`, with the settings that name the data folder.
fn maintain(
    sources: &Sources,
    work: impl FnOnce(&Config, SystemTime) -> Result<String, BackupError>,
) -> ExitCode {
    let settings = match sources.read() {
        Ok(settings) => settings,
        Err(problems) => return fail_all(&problems, EXIT_CONFIG),
    };
    match work(&settings.config, SystemTime::now()) {
        Ok(said) => print(said.as_bytes()),
        Err(error) => fail(&error.to_string(), EXIT_UNUSABLE),
    }
}

/// Carries out `copy`.
fn copy(from: &Path, to: &str) -> ExitCode {
    match server_address(to) {
        Ok(to) => copy_to(from, &to),
        Err(wrong) => fail(&wrong, EXIT_CONFIG),
    }
}

#[cfg(feature = "postgres")]
fn copy_to(from: &Path, to: &ServerUrl) -> ExitCode {
    match vestibule::copy::to_server(from, to) {
        Ok(said) => print(said.as_bytes()),
        Err(error) => fail(&error.to_string(), EXIT_UNUSABLE),
    }
}

#[cfg(not(feature = "postgres"))]
fn copy_to(_: &Path, to: &ServerUrl) -> ExitCode {
    fail(&format!("{to}: this program was built without PostgreSQL"), EXIT_UNUSABLE)
}

/// Writes to standard output. A reader that closes it has read enough.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error.to_string(), 1),
        _ => ExitCode::SUCCESS,
    }
}

/// The first of these problems, and how to see the others.
fn in_one_line(problems: &[impl Display]) -> String {
    match problems {
        [] => "invalid configuration".to_owned(),
        [one] => one.to_string(),
        [first, others @ ..] => {
            format!("{first} (and {} more problems: run vestibule check-config)", others.len())
        }
    }
}

fn complain(problem: impl Display) {
    eprintln!("vestibule: {problem}");
}

fn fail_all(problems: &[impl Display], code: u8) -> ExitCode {
    problems.iter().for_each(complain);
    ExitCode::from(code)
}

fn fail(line: &str, code: u8) -> ExitCode {
    complain(line);
    ExitCode::from(code)
}
