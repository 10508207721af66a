//! The server is killed at chosen places around commit, reply and push, a thousand times, while
//! people ask, approve, ack, nack, deny and withdraw. Everybody reconnects and repeats whatever was
//! not answered, under the same ids.
//!
//! Then nothing that was answered ok is lost, nothing went to the wrong person, nothing is answered
//! twice with different results, no approve is for a request that was never stored, and the
//! database is whole.

mod actions;
mod actor;
mod answers;
mod expectations;
mod final_checks;
mod harness;
mod received;
mod snapshot;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use vestibule_tests::random::{self, Random};

use harness::{Harness, Summary};

/// How often a server is killed; `VESTIBULE_ROUNDS` sets another number.
const ROUNDS: usize = 1000;
/// The number of kills on one data folder.
const ROUNDS_PER_FOLDER: usize = 50;
/// How many servers at a time: while one waits for the disk or starts, another works.
const AT_A_TIME: usize = 4;

#[test]
#[cfg_attr(not(debug_assertions), ignore = "there are no failpoints in a release")]
fn a_kill_at_any_point_loses_nothing_and_tells_no_lies() {
    let seed = random::seed("FAILPOINT_SEED");
    println!("failpoints: FAILPOINT_SEED={seed}");
    let rounds = std::env::var("VESTIBULE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let folders = rounds.unwrap_or(ROUNDS).div_ceil(ROUNDS_PER_FOLDER);
    let (next, total, began) = (AtomicUsize::new(0), Mutex::new(Summary::default()), Instant::now());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let folder = next.fetch_add(1, Ordering::Relaxed);
                    if folder >= folders {
                        break;
                    }
                    let mut random = Random::new(seed.wrapping_add(folder as u64));
                    let mut harness = Harness::new();
                    for _ in 0..ROUNDS_PER_FOLDER {
                        harness.run_until_killed(&mut random);
                    }
                    total.lock().expect("no panic").add(&harness.end());
                }
            });
        }
    });
    let total = total.into_inner().expect("no panic");
    println!("failpoints: {} s, {total:?}", began.elapsed().as_secs());
    // Otherwise the places were badly chosen, and the rounds prove nothing.
    assert_eq!(total.kills, folders * ROUNDS_PER_FOLDER);
    assert!(total.checked > total.kills / 2, "most rounds come as far as the check");
    assert!(total.repeated > total.kills, "the kills left next to nothing without an answer");
    assert!(total.found > total.kills / 10, "the kills hardly ever came between the commit and the answer");
}
