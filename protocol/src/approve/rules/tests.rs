use super::*;
use crate::base64url::Fixed;

const NOW: i64 = 1_000;
const BOB: Caller = Caller { uid: Fixed([1; 32]), is_member: false };
const ALICE: Caller = Caller { uid: Fixed([2; 32]), is_member: true };
const CAROL: Caller = Caller { uid: Fixed([3; 32]), is_member: true };
const BOX: Hash = Fixed([9; 32]);

fn room(policy: Policy) -> RoomFacts {
    RoomFacts { version: 2, policy, digest: Fixed([7; 32]) }
}

fn stored(state: RequestState) -> RequestFacts {
    RequestFacts {
        request_id: Fixed([5; 16]),
        state,
        box_hash: BOX,
        digest: Fixed([6; 32]),
        exp: NOW + 1,
        seq: 40,
    }
}

fn live(by: Caller, id: u8) -> ApproveFacts {
    ApproveFacts {
        approve_id: Fixed([id; 16]),
        by: by.uid,
        to: BOB.uid,
        digest: Fixed([id; 32]),
        is_live: true,
        seq: 50,
    }
}

fn ask(id: u8, digest: u8) -> Command {
    Command::Request { request_id: Fixed([id; 16]), box_hash: BOX, digest: Fixed([digest; 32]), exp: NOW + 1 }
}

fn approve_with(id: u8) -> Command {
    Command::Approve {
        approve_id: Fixed([id; 16]),
        to: BOB.uid,
        request_id: Fixed([5; 16]),
        box_hash: BOX,
        digest: Fixed([id; 32]),
        exp: NOW + 1,
    }
}

fn reason(result: Result<Decision, Refusal>) -> Reason {
    result.unwrap_err().reason
}

#[test]
fn a_request_needs_a_room_that_takes_requests() {
    let facts = |room| Facts { room, ..Facts::default() };
    assert!(decide(&Quotas::default(), &facts(Some(room(Policy::Open))), &BOB, &ask(5, 6), NOW).is_ok());
    let secret =
        decide(&Quotas::default(), &facts(Some(room(Policy::Secret))), &BOB, &ask(5, 6), NOW).unwrap_err();
    let unknown = decide(&Quotas::default(), &facts(None), &BOB, &ask(5, 6), NOW).unwrap_err();
    assert_eq!(secret, unknown);
}

#[test]
fn a_secret_room_hides_even_known_requests() {
    let facts = Facts {
        room: Some(room(Policy::Secret)),
        request: Some(stored(RequestState::Pending)),
        ..Facts::default()
    };
    assert_eq!(reason(decide(&Quotas::default(), &facts, &BOB, &ask(5, 6), NOW)), Reason::UnknownRoom);
}

#[test]
fn repeating_a_request_answers_it_in_every_state_and_changes_nothing() {
    use RequestState::{Approved, Done, Pending, Withdrawn};
    for state in [Pending, Approved, Done, Withdrawn] {
        let facts =
            Facts { room: Some(room(Policy::Request)), request: Some(stored(state)), ..Facts::default() };
        let decision = decide(&Quotas::default(), &facts, &BOB, &ask(5, 6), NOW).unwrap();
        let answer = Answer::Request { request_id: Fixed([5; 16]), state, seq: Some(40), dup: true };
        assert_eq!(decision, unchanged(answer));
        assert_eq!(reason(decide(&Quotas::default(), &facts, &BOB, &ask(5, 66), NOW)), Reason::IdConflict);
    }
}

#[test]
fn a_second_request_for_the_same_box_answers_the_first_while_it_is_open() {
    use RequestState::{Approved, Done, Pending};
    for (state, is_dup) in [(Pending, true), (Approved, true), (Done, false)] {
        let same_box = Some(stored(state));
        let facts = Facts { room: Some(room(Policy::Request)), same_box, ..Facts::default() };
        let decision = decide(&Quotas::default(), &facts, &BOB, &ask(55, 66), NOW).unwrap();
        assert_eq!(decision.change.is_none(), is_dup, "{state:?}");
        let Answer::Request { request_id, .. } = decision.answer else { panic!() };
        assert_eq!(request_id, if is_dup { Fixed([5; 16]) } else { Fixed([55; 16]) });
    }
}

#[test]
fn expiry_is_exclusive() {
    let facts = Facts { room: Some(room(Policy::Open)), ..Facts::default() };
    assert_eq!(reason(decide(&Quotas::default(), &facts, &BOB, &ask(5, 6), NOW + 1)), Reason::Expired);
    assert!(decide(&Quotas::default(), &facts, &BOB, &ask(5, 6), NOW).is_ok());
}

#[test]
fn an_approve_needs_a_member_an_open_request_and_its_box() {
    use RequestState::{Approved, Done, Pending, Withdrawn};
    let facts = |state| Facts { request: Some(stored(state)), ..Facts::default() };
    for (state, is_first) in [(Pending, true), (Approved, false)] {
        let decision = decide(&Quotas::default(), &facts(state), &ALICE, &approve_with(10), NOW).unwrap();
        assert_eq!(decision.change, Some(Change::AddApprove { is_first }));
    }
    for state in [Done, Withdrawn] {
        assert_eq!(
            reason(decide(&Quotas::default(), &facts(state), &ALICE, &approve_with(10), NOW)),
            Reason::Closed
        );
    }
    assert_eq!(
        reason(decide(&Quotas::default(), &facts(Pending), &BOB, &approve_with(10), NOW)),
        Reason::NotMember
    );
    assert_eq!(
        reason(decide(&Quotas::default(), &Facts::default(), &ALICE, &approve_with(10), NOW)),
        Reason::NoRequest
    );
    let mut other_box = stored(Pending);
    other_box.box_hash = Fixed([8; 32]);
    let facts = Facts { request: Some(other_box), ..Facts::default() };
    assert_eq!(
        reason(decide(&Quotas::default(), &facts, &ALICE, &approve_with(10), NOW)),
        Reason::BoxMismatch
    );
}

#[test]
fn an_approve_of_an_expired_request_is_closed() {
    let mut request = stored(RequestState::Pending);
    request.exp = NOW;
    let facts = Facts { request: Some(request), ..Facts::default() };
    assert_eq!(reason(decide(&Quotas::default(), &facts, &ALICE, &approve_with(10), NOW)), Reason::Closed);
}

#[test]
fn one_live_approve_per_approver_and_eight_in_all() {
    let request = Some(stored(RequestState::Approved));
    let with = |live: Vec<ApproveFacts>| Facts { request, live, ..Facts::default() };
    let own = with(vec![live(ALICE, 10)]);
    assert_eq!(reason(decide(&Quotas::default(), &own, &ALICE, &approve_with(11), NOW)), Reason::SlotsFull);
    let others = |count| with((0..count).map(|id| live(CAROL, id)).collect());
    assert!(decide(&Quotas::default(), &others(7), &ALICE, &approve_with(10), NOW).is_ok());
    assert_eq!(
        reason(decide(&Quotas::default(), &others(8), &ALICE, &approve_with(10), NOW)),
        Reason::SlotsFull
    );
}

#[test]
fn repeating_an_approve_answers_it_even_when_the_request_is_done() {
    let mut known = live(ALICE, 10);
    known.is_live = false;
    let facts = Facts { request: Some(stored(RequestState::Done)), approve: Some(known), ..Facts::default() };
    let decision = decide(&Quotas::default(), &facts, &ALICE, &approve_with(10), NOW).unwrap();
    let answer = Answer::Approve { state: RequestState::Done, seq: Some(50), dup: true, others: 0 };
    assert_eq!(decision, unchanged(answer));
    assert_eq!(
        reason(decide(&Quotas::default(), &facts, &CAROL, &approve_with(10), NOW)),
        Reason::IdConflict
    );
}

#[test]
fn ack_is_for_the_newcomer_and_once() {
    let facts = Facts {
        request: Some(stored(RequestState::Approved)),
        approve: Some(live(ALICE, 10)),
        ..Facts::default()
    };
    let command = Command::Ack { approve_id: Fixed([10; 16]) };
    let close = Change::Close { request_id: Fixed([5; 16]), state: RequestState::Done };
    assert_eq!(decide(&Quotas::default(), &facts, &BOB, &command, NOW).unwrap().change, Some(close));
    let nothing = unchanged(Answer::Ack { dup: true, deleted: false });
    assert_eq!(decide(&Quotas::default(), &facts, &CAROL, &command, NOW).unwrap(), nothing);
    let mut saved = facts.clone();
    saved.approve.as_mut().unwrap().is_live = false;
    assert_eq!(decide(&Quotas::default(), &saved, &BOB, &command, NOW).unwrap(), nothing);
    assert_eq!(decide(&Quotas::default(), &Facts::default(), &BOB, &command, NOW).unwrap(), nothing);
}

#[test]
fn withdraw_closes_an_open_request_once() {
    let command = Command::Withdraw { request_id: Fixed([5; 16]) };
    let close = Change::Close { request_id: Fixed([5; 16]), state: RequestState::Withdrawn };
    for state in [RequestState::Pending, RequestState::Approved] {
        let facts = Facts { request: Some(stored(state)), ..Facts::default() };
        assert_eq!(decide(&Quotas::default(), &facts, &BOB, &command, NOW).unwrap().change, Some(close));
    }
    let facts = Facts { request: Some(stored(RequestState::Done)), ..Facts::default() };
    assert_eq!(
        decide(&Quotas::default(), &facts, &BOB, &command, NOW).unwrap(),
        unchanged(Answer::Withdraw { dup: true })
    );
}

#[test]
fn a_card_must_be_newer_or_the_same() {
    let publish =
        |version, digest| Command::Publish { version, policy: Policy::Open, digest: Fixed([digest; 32]) };
    let facts = Facts { room: Some(room(Policy::Open)), ..Facts::default() };
    assert_eq!(
        decide(&Quotas::default(), &facts, &ALICE, &publish(3, 1), NOW).unwrap().change,
        Some(Change::PutCard)
    );
    assert_eq!(decide(&Quotas::default(), &facts, &ALICE, &publish(2, 7), NOW).unwrap().change, None);
    assert_eq!(
        reason(decide(&Quotas::default(), &facts, &ALICE, &publish(2, 1), NOW)),
        Reason::VersionConflict
    );
    assert_eq!(reason(decide(&Quotas::default(), &facts, &BOB, &publish(3, 1), NOW)), Reason::NotMember);
    let first = decide(&Quotas::default(), &Facts::default(), &ALICE, &publish(1, 1), NOW).unwrap();
    assert_eq!(first.change, Some(Change::PutCard));
}
