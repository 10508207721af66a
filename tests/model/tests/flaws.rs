//! The model notices flaws of the server and of clients.

use vestibule_model::flow::{
    ENOUGH, Flaw, Flow, POSSIBLE, Scope, UNSILENCED,
    properties::{APPROVED, DONE, KEPT, PLACES, POLICY, REPEATED},
};

#[test]
fn an_answer_before_the_commit_loses_what_was_promised() {
    breaks(Flaw::AnswersBeforeCommit, &[KEPT, POSSIBLE]);
}

#[test]
fn the_first_approve_wins_and_may_be_garbage() {
    breaks(Flaw::FirstApproveWins, &[POSSIBLE]);
}

#[test]
fn an_ack_before_the_key_is_saved_loses_the_key() {
    breaks(Flaw::AcksBeforeSaving, &[DONE, POSSIBLE]);
}

#[test]
fn one_ack_for_all_takes_the_key_from_the_other_device() {
    breaks(Flaw::OneAckClosesForAll, &[DONE, POSSIBLE]);
}

#[test]
fn a_nack_that_does_not_reopen_leaves_nobody_to_approve() {
    breaks(Flaw::NackDoesNotReopen, &[APPROVED, POSSIBLE]);
}

#[test]
fn a_final_denial_is_the_hostile_members_last_word() {
    breaks(Flaw::DenialIsFinal, &[POSSIBLE]);
}

#[test]
fn an_unopened_ack_makes_garbage_good() {
    breaks(Flaw::AcksUnopened, &[ENOUGH, POSSIBLE]);
}

#[test]
fn a_policy_of_anybodys_closes_the_room() {
    breaks_in(Scope::closing(), Flaw::AnybodyCloses, &[POLICY, REPEATED]);
}

#[test]
fn a_denial_that_keeps_its_place_leaves_the_room_full() {
    breaks_in(Scope::full(), Flaw::DenialKeepsPlace, &[PLACES]);
}

#[test]
fn a_first_approval_that_silences_may_be_garbage() {
    breaks_in(Scope::garbage_first(), Flaw::FirstApprovalSilences, &[UNSILENCED]);
}

fn breaks(flaw: Flaw, properties: &[&str]) {
    let scope = Scope { garbage: 1, withdraws: false, request_exp: 1, end: 0, ..Scope::small() };
    breaks_in(scope, flaw, properties);
}

fn breaks_in(scope: Scope, flaw: Flaw, properties: &[&str]) {
    let result = Flow::new(scope).with(flaw).check();
    println!("{flaw:?}: {result}");
    for property in properties {
        assert!(result.broken.contains_key(property), "{flaw:?} does not break: {property}");
    }
}
