//! The whole server against the reference: a few people with two devices each do anything that the
//! protocol knows, over real WebSockets and in any order; they come, leave and lose their
//! connections, and the server is killed. After each step everybody has been told exactly what the
//! reference says, and every join shows what the reference shows.
//!
//! A case is a list of steps that name people, rooms and frames by index, so that it can be shrunk
//! and repeated; keys and ids differ each time. `PROPTEST_CASES=1000 cargo test --workspace --test
//! conversation` tries more cases. The seeds of failed cases are kept in `regressions.txt`, and run
//! first.

mod actions;
mod expiry;
mod harness;
mod participants;
mod pushes;
mod steps;
mod views;

use std::cell::RefCell;
use std::env;

use proptest::collection::vec;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use vestibule_tests::process::Server;

use harness::Harness;

/// The number of cases, unless the environment sets it.
const CASES: u32 = 24;

#[test]
fn every_client_sees_what_the_reference_predicts() {
    let defaults = Config::default();
    // The default has already read the environment.
    let cases = if env::var_os("PROPTEST_CASES").is_some() { defaults.cases } else { CASES };
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conversation/regressions.txt");
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)) as _);
    let config = Config { cases, failure_persistence, max_shrink_iters: 256, ..defaults };

    // One server for all cases: none sees another's rooms and people.
    let server = RefCell::new(Server::start(harness::launch()));
    let played = TestRunner::new(config).run(&vec(steps::step(), 1..60), |steps| {
        let mut harness = Harness::new(&server);
        for step in steps {
            harness.play(step)?;
        }
        harness.close();
        Ok(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
}
