//! The whole server against the reference: a few people with two devices each do anything that the protocol knows, over real
//! WebSockets and in any order; they come, leave, lose their connections, and the server is killed. After each step everybody
//! has been told exactly what the reference says, and everything that a join shows is what the reference shows.
//!
//! A case is a list of steps that name people, rooms and frames by their places, so that it can be shortened and repeated; keys
//! and ids are others each time. `PROPTEST_CASES=1000 cargo test -p vestibule-tests --test conversation` tries more cases. The
//! seeds of those that failed are kept in `regressions.txt`, and are tried first.

mod cast;
mod deeds;
mod ends;
mod pushes;
mod stage;
mod steps;
mod views;

use std::cell::RefCell;
use std::env;

use proptest::collection::vec;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use vestibule_tests::process::Server;

use stage::Stage;

/// Cases where the environment does not say how many.
const CASES: u32 = 24;

#[test]
fn every_client_sees_what_the_reference_predicts() {
    let defaults = Config::default();
    // The default went by the environment already.
    let cases = if env::var_os("PROPTEST_CASES").is_some() { defaults.cases } else { CASES };
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conversation/regressions.txt");
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)) as _);
    let config = Config { cases, failure_persistence, max_shrink_iters: 256, ..defaults };

    // One server for all cases: none sees another's rooms and people.
    let server = RefCell::new(Server::start(stage::launch()));
    let played = TestRunner::new(config).run(&vec(steps::step(), 1..60), |steps| {
        let mut stage = Stage::new(&server);
        for step in steps {
            stage.play(step)?;
        }
        stage.close();
        Ok(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
}
