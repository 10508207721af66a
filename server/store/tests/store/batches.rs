//! Commands of one transaction that depend on each other: the rare cases, each as a story that the
//! store and the reference are told.

use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest as _};
use vestibule_approve::{
    frames::{Deny, Policy, Request},
    limits::Quotas,
    rules::{Caller, Command},
    signed::Rid,
};

use crate::{
    actions::{Act, DENIAL_CODE, Deed, SIGNATURE, approve, card, request},
    pools::{APPROVES, DEVICES, REQUESTS, ROOMS, USERS},
    store_under_test::Comparison,
    testing,
    world::{Step, World},
};

const ROOM: Rid = ROOMS[0];
const ALICE: Caller = Caller { uid: USERS[0], is_member: true };
const BOB: Caller = Caller { uid: USERS[1], is_member: false };
const CAROL: Caller = Caller { uid: USERS[2], is_member: true };
/// In the far future.
const LATE: i64 = 4_000_000_000_000;

fn deed(caller: Caller, act: Act) -> Deed {
    Deed { rid: ROOM, caller, act }
}

/// Bob's request with this number, for a box key of its own unless another is given.
fn wanted(number: usize, box_key: usize) -> Request {
    request(BOB.uid, REQUESTS[number], u8::try_from(box_key).expect("a few"), LATE)
}

fn ask(number: usize, box_key: usize, device: usize) -> Deed {
    deed(BOB, Act::Ask { request: wanted(number, box_key), device: DEVICES[device] })
}

fn deny(number: usize, block: bool) -> Deed {
    let (request_id, to, code) = (REQUESTS[number], BOB.uid, DENIAL_CODE.to_owned());
    deed(ALICE, Act::Deny(Deny { to, request_id, code, block, room_sig: SIGNATURE }))
}

fn answer(by: Caller, approve_id: usize, number: usize) -> Deed {
    let box_hash = wanted(number, number).box_hash();
    deed(by, Act::Approve(approve(BOB.uid, REQUESTS[number], APPROVES[approve_id], box_hash, LATE)))
}

fn ack(approve_id: usize, device: usize) -> Deed {
    plain(BOB, Command::Ack { approve_id: APPROVES[approve_id], device: DEVICES[device] })
}

fn plain(by: Caller, command: Command) -> Deed {
    deed(by, Act::Plain(command))
}

fn unblock() -> Deed {
    plain(ALICE, Command::Unblock { uid: BOB.uid })
}

fn one(deed: Deed) -> Step {
    Step::Do(Box::new(deed))
}

fn tell(quotas: Quotas, story: impl IntoIterator<Item = Step>) {
    let mut world = World::new(quotas);
    let mut subject = Comparison::init_test(&world);
    for step in story {
        world = World::apply(world, &step);
        subject = Comparison::apply(subject, &world, step);
        Comparison::check_invariants(&subject, &world);
    }
    Comparison::teardown(subject, world);
}

#[test]
fn what_is_denied_twice_is_pending_once() {
    let again = vec![deny(1, true), deny(0, true), unblock()];
    let story = [ask(0, 0, 0), ask(1, 1, 0), deny(0, false), deny(1, false)].map(one);
    tell(Quotas::default(), story.into_iter().chain([Step::Together(again)]));
}

#[test]
fn what_is_pending_again_knows_its_devices() {
    let quotas = Quotas { devices_per_request: 2, ..Quotas::default() };
    let again = vec![unblock(), ask(1, 0, 0), ask(2, 0, 1), ask(3, 0, 2)];
    tell(quotas, [one(ask(0, 0, 0)), one(deny(0, false)), Step::Together(again)]);
}

#[test]
fn what_is_approved_after_all_is_open_again() {
    let again = vec![answer(ALICE, 0, 0), ask(1, 0, 0), ask(2, 0, 1)];
    tell(Quotas::default(), [one(ask(0, 0, 0)), one(deny(0, false)), Step::Together(again)]);
}

#[test]
fn who_has_more_than_the_quota_may_not_ask() {
    // A user's share of these is 2.
    let quotas = Quotas { open_in_all: 200, cooldown_ms: 0, open_per_room: 100, ..Quotas::default() };
    let before = [ask(0, 0, 0), ask(1, 1, 0), deny(0, false), ask(2, 2, 0), answer(ALICE, 0, 0)];
    let ends = plain(BOB, Command::Withdraw { request_id: REQUESTS[1] });
    let together = Step::Together(vec![ends, ask(3, 3, 0)]);
    tell(quotas, before.map(one).into_iter().chain([together]));
}

#[test]
fn each_command_counts_for_the_next() {
    let quotas = Quotas { requests_per_user: 2, denied_per_room: 1, ..Quotas::default() };
    let asked = vec![ask(0, 0, 0), ask(1, 1, 0), ask(2, 2, 0)];
    let denied = vec![deny(0, false), deny(1, false), answer(ALICE, 0, 1), answer(ALICE, 1, 0)];
    tell(quotas, [Step::Together(asked), Step::Together(denied)]);
}

#[test]
fn a_room_that_was_just_made_counts_for_its_founder() {
    // On a server the rooms have different writers, and the quota may be exceeded by their number.
    if testing::is_on_server() {
        return;
    }
    let quotas = Quotas { rooms_per_user: 1, ..Quotas::default() };
    let publish = |rid| Deed { rid, caller: CAROL, act: Act::Publish(card(rid, 1, Policy::Open), None) };
    tell(quotas, [Step::Together([ROOMS[1], Rid([103; 32])].map(publish).into())]);
}

#[test]
fn a_new_card_keeps_the_creator_of_a_moment_ago() {
    let hand_over = plain(ALICE, Command::HandOver { to: BOB.uid });
    let publish = deed(CAROL, Act::Publish(card(ROOM, 2, Policy::Request), Some(false)));
    tell(Quotas::default(), [Step::Together(vec![hand_over, publish]), Step::Restart]);
}

#[test]
fn devices_that_have_the_key_are_remembered() {
    let first = vec![ask(0, 0, 0), ask(0, 0, 1), answer(ALICE, 0, 0), ack(0, 0)];
    tell(Quotas::default(), [Step::Together(first), Step::Restart, one(ack(0, 0)), one(ack(0, 1))]);
}

#[test]
fn of_two_approves_with_one_id_the_first_is_acked() {
    let both = vec![ask(0, 0, 0), ask(1, 1, 1), answer(ALICE, 0, 0), answer(CAROL, 0, 1), ack(0, 0)];
    tell(Quotas::default(), [Step::Together(both)]);
}

#[test]
fn the_last_approve_of_several_lets_a_request_wait_again() {
    let nack = |id| plain(BOB, Command::Nack { approve_id: APPROVES[id] });
    let all = vec![ask(0, 0, 0), answer(ALICE, 0, 0), answer(CAROL, 1, 0), nack(1), nack(0)];
    tell(Quotas::default(), [Step::Together(all), one(ask(1, 0, 1))]);
}
