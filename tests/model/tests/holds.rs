//! The properties hold in every order of steps.

use std::{thread, time::Instant};

use stateright::{Checker, Model};
use vestibule_model::flow::{Flow, Scope};

#[test]
fn in_a_small_world() {
    check("small", Scope::small());
}

#[test]
fn to_the_end_of_all_requests() {
    check("to the end", Scope::to_the_end());
}

#[test]
fn when_bob_asks_again() {
    check("impatient", Scope::impatient());
}

/// Deny and unblock at once: a denied request must not be lost between the two.
#[test]
fn when_a_hostile_member_lifts_denials() {
    check("denied and lifted", Scope { garbage: 0, unblocks: true, ..Scope::small() });
}

/// A denial is of a user in a room, not of one request: approving the user anyway lifts it for all
/// requests.
#[test]
fn when_one_of_two_denied_requests_is_approved() {
    let mut scope = Scope { garbage: 1, withdraws: false, ..Scope::small() };
    scope.quotas.cooldown_ms = 1;
    check("twice denied", scope);
}

/// A request that an operator ends is over, and nothing else is lost with it.
#[test]
fn when_an_operator_ends_requests() {
    let mut scope = Scope { garbage: 1, withdraws: false, operator_ends: true, ..Scope::small() };
    scope.quotas.cooldown_ms = 1;
    check("ended by an operator", scope);
}

#[test]
fn when_a_hostile_member_would_close_the_room() {
    check("closing", Scope::closing());
}

#[test]
fn when_the_room_is_full_and_members_deny() {
    check("full", Scope::full());
}

#[test]
fn when_garbage_comes_first() {
    check("garbage first", Scope::garbage_first());
}

#[test]
#[ignore = "takes minutes: `make model`"]
fn in_a_large_and_patient_world() {
    check("large and patient", Scope::large_and_patient());
}

#[test]
#[ignore = "takes minutes: `make model`"]
fn in_a_large_and_hostile_world() {
    check("large and hostile", Scope::large_and_hostile());
}

fn check(name: &str, scope: Scope) {
    let flow = Flow::new(scope);
    let (start, threads) = (Instant::now(), thread::available_parallelism().map_or(1, usize::from));
    let checker = flow.clone().checker().threads(threads).spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{name}, by stateright: {states} states; {:.1?}", start.elapsed());
    checker.assert_properties();
    drop(checker);

    let result = flow.check();
    println!("{name}: {result}");
    assert!(result.broken.is_empty(), "{result}");
    assert!(result.waiting > 0, "nobody ever waits");
    assert_eq!(result.states, states, "both have looked at the same states");
}
