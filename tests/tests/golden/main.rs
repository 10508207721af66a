//! The golden transcripts against the playground, the example that offers the channels they were
//! recorded from.

mod differences;

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;
use vestibule_tests::golden::{Runner, load, name};
use vestibule_tests::process::{Launch, Server};

use differences::Differences;

/// How many servers there are. Transcripts mostly wait, so more of them than processors run at
/// once; each server replays one at a time, so they do not disturb each other.
const SERVERS: usize = 12;

#[test]
fn golden_transcripts_pass() {
    let differences = Differences::read();
    let transcripts = transcripts();
    differences.assert_known(transcripts.iter().map(|(name, _)| name.as_str()));
    let results: Mutex<Vec<(String, Result<(), String>)>> = Mutex::default();
    let waiting = Mutex::new(transcripts.into_iter());
    thread::scope(|scope| {
        for _ in 0..SERVERS {
            scope.spawn(|| {
                // Crashes are part of some transcripts, and printing a backtrace takes longer than
                // those wait.
                let server = Launch::playground().env("RUST_BACKTRACE", "0");
                let server = RefCell::new(Server::start(server));
                // A `while let` loop would hold the lock while the transcript runs.
                loop {
                    let next = waiting.lock().expect("the list").next();
                    let Some((name, transcript)) = next else { break };
                    let result = run(&server, &transcript);
                    results.lock().expect("the results").push((name, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("the results");
    results.sort();
    let failed = results.iter().filter_map(|(name, result)| report(name, result, &differences));
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{} transcripts failed:\n\n{}\n", failed.len(), failed.join("\n\n"));
}

/// Runs a transcript. A server that it stops is restarted, within the transcript or after it.
fn run(server: &RefCell<Server>, transcript: &Value) -> Result<(), String> {
    let address = server.borrow().address();
    let restart = || {
        let mut server = server.borrow_mut();
        server.wait();
        server.restart();
    };
    let result = Runner::new(address).restart_by(&restart).run(transcript);
    if transcript["steps"].as_array().is_some_and(|steps| steps.iter().any(stops_the_server)) {
        server.borrow_mut().restart();
    }
    result
}

fn stops_the_server(step: &Value) -> bool {
    step["server_action"] == "stop"
}

/// Prints a transcript's line; returns what is wrong with its result, if anything.
fn report(name: &str, result: &Result<(), String>, differences: &Differences) -> Option<String> {
    let (verdict, complaint) = match (result, differences.contains(name)) {
        (Ok(()), false) => ("ok", None),
        (Err(_), true) => ("differs on purpose", None),
        (Ok(()), true) => {
            ("FAILED", Some(format!("it passes, though {} says that it differs", differences::DOCUMENT)))
        }
        (Err(error), false) => ("FAILED", Some(error.clone())),
    };
    // Not println, whose output is shown only if the test fails. If nobody reads it, that is no
    // failure.
    let _ = writeln!(io::stdout().lock(), "golden {name} … {verdict}");
    complaint.map(|complaint| format!("golden {name}\n  {complaint}"))
}

/// All transcripts with their names, `file/name`.
fn transcripts() -> Vec<(String, Value)> {
    let mut transcripts = Vec::new();
    for file in files() {
        let loaded = load(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!loaded.is_empty(), "{} is empty", file.display());
        let group = file.file_stem().and_then(|stem| stem.to_str()).expect("a file's name");
        for transcript in loaded {
            transcripts.push((format!("{group}/{}", name(&transcript)), transcript));
        }
    }
    assert!(!transcripts.is_empty(), "there are no transcripts");
    transcripts
}

/// The files of transcripts, sorted by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries =
        folder.read_dir().expect("the transcripts' folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}
