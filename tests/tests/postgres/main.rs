//! The server on PostgreSQL, as operators run it: the approve flow, settings that are refused,
//! `doctor`, `copy` and a restored dump; and while PostgreSQL is killed, stopped, paused, cut off,
//! slow to answer, or succeeded by a standby.

use std::process::Output;

use vestibule_tests::postgres::Database;
use vestibule_tests::process::{Launch, Server};

mod copy;
mod crash;
mod doctor;
mod failover;
mod flow;
mod lost_commit;
mod outage;
mod restore;
mod settings;
mod setup;
mod start;
mod two_servers;

/// A server that stores in this database.
fn serve(database: &Database<'_>) -> Server {
    Server::start(on(&database.url()))
}

fn on(url: &str) -> Launch {
    Launch::vestibule().options(&[("--database", url)])
}

/// Runs the program with these arguments.
fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary directory");
    arguments.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument)).run(folder.path())
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The one line that the program says against it.
#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}
