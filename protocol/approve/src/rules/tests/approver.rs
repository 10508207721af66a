//! Approve, deny, unblock.

use super::*;

mod approve {
    use super::*;

    /// The approve that [`live`] is, sealed to Bob's box.
    fn approve(number: u8) -> Command {
        approve_of(number, number, BOB, BOX)
    }

    fn approve_of(number: u8, digest: u8, to: Caller, box_hash: Hash) -> Command {
        Command::Approve {
            approve_id: id(number),
            to: to.uid,
            request_id: REQUEST,
            box_hash,
            digest: Hash([digest; 32]),
            exp: END,
        }
    }

    fn stored_beside(others: usize) -> Decision {
        let answer = Answer::Approve { state: RequestState::Approved, seq: None, dup: false, others };
        Decision::change(answer, Change::AddApprove { request_id: REQUEST, overrules: false })
    }

    fn pending() -> Scene {
        Scene::new().with_request(RequestState::Pending)
    }

    fn approved() -> Scene {
        Scene::new().with_request(RequestState::Approved)
    }

    /// A request with so many live approves by different members.
    fn with_others(count: u8) -> Scene {
        (0..count)
            .fold(approved(), |scene, number| scene.with_approve(live(member(100 + number), 100 + number)))
    }

    #[test]
    fn answers_an_open_request() {
        assert_eq!(pending().does(ALICE, &approve(10)), stored_beside(0));
        assert_eq!(with_others(1).does(ALICE, &approve(10)), stored_beside(1));
    }

    #[test]
    fn needs_no_card() {
        assert_eq!(pending().without_room().does(ALICE, &approve(10)), stored_beside(0));
    }

    /// Each scene has one more reason for a refusal, and the last reason wins.
    #[test]
    fn is_refused_in_this_order() {
        let full = with_others(8);
        assert_eq!(full.reason(ALICE, &approve(10)), Reason::SlotsFull);
        let boxed = approve_of(10, 10, BOB, Hash([8; 32]));
        assert_eq!(full.refusal(ALICE, &boxed), Reason::BoxMismatch.into());
        let mut closed = full.clone();
        closed.facts.request = Some(stored(RequestState::Done));
        assert_eq!(closed.refusal(ALICE, &boxed), Reason::Closed.into());
        let mut gone = closed.clone();
        gone.facts.request = None;
        assert_eq!(gone.refusal(ALICE, &boxed), Reason::NoRequest.into());
        let conflict = gone.naming(live(member(3), 10));
        assert_eq!(conflict.refusal(ALICE, &boxed), Reason::IdConflict.into());
        let late = conflict.at(END);
        assert_eq!(late.reason(ALICE, &boxed), Reason::Expired);
        assert_eq!(late.refusal(BOB, &boxed), Reason::NotMember.into());
    }

    #[test]
    fn must_end_in_the_future() {
        let scene = || {
            let mut scene = pending();
            scene.facts.request.as_mut().expect("a request").exp = END + 1;
            scene
        };
        assert_eq!(scene().at(END).reason(ALICE, &approve(10)), Reason::Expired);
        assert_eq!(scene().at(END - 1).does(ALICE, &approve(10)), stored_beside(0));
    }

    #[test]
    fn needs_a_request_that_waits() {
        for state in FINISHED_STATES {
            assert_eq!(Scene::new().with_request(state).reason(ALICE, &approve(10)), Reason::Closed);
        }
        let forgotten = Scene::new().with_request(RequestState::Denied).with_frame_forgotten();
        assert_eq!(forgotten.reason(ALICE, &approve(10)), Reason::Closed);
        let mut over = pending();
        over.facts.request.as_mut().expect("a request").exp = NOW;
        assert_eq!(over.reason(ALICE, &approve(10)), Reason::Closed);
    }

    #[test]
    fn overrules_a_denial() {
        let answer = Answer::Approve { state: RequestState::Approved, seq: None, dup: false, others: 0 };
        let overruled = Decision::change(answer, Change::AddApprove { request_id: REQUEST, overrules: true });
        for is_block in [false, true] {
            let scene = Scene::new().with_request(RequestState::Denied).with_denial(END, is_block);
            assert_eq!(scene.does(ALICE, &approve(10)), overruled);
        }
    }

    #[test]
    fn repeated_is_answered_with_where_the_request_stands() {
        for state in ALL_STATES {
            let scene = Scene::new().with_request(state).naming(live(ALICE, 10));
            let answer = Answer::Approve { state, seq: Some(Seq(50)), dup: true, others: 0 };
            assert_eq!(scene.does(ALICE, &approve(10)), Decision::nothing(answer));
        }
    }

    #[test]
    fn repeated_is_answered_in_every_state() {
        use ApproveState::{Dropped, Nacked, Saved};
        for state in [Saved, Nacked, Dropped] {
            let scene = with_others(8).naming(in_state(state, ALICE, 10));
            let answer =
                Answer::Approve { state: RequestState::Approved, seq: Some(Seq(50)), dup: true, others: 8 };
            assert_eq!(scene.does(ALICE, &approve(10)), Decision::nothing(answer));
        }
    }

    #[test]
    fn repeated_after_its_request_is_gone_says_done() {
        let answer = Answer::Approve { state: RequestState::Done, seq: Some(Seq(50)), dup: true, others: 0 };
        let scene = Scene::new().naming(in_state(ApproveState::Saved, ALICE, 10));
        assert_eq!(scene.does(ALICE, &approve(10)), Decision::nothing(answer));
    }

    #[test]
    fn under_a_known_id_is_a_conflict_when_anything_differs() {
        let scene = approved().naming(live(ALICE, 10));
        let conflict = Refusal::from(Reason::IdConflict);
        assert_eq!(scene.refusal(ALICE, &approve_of(10, 99, BOB, BOX)), conflict);
        assert_eq!(scene.refusal(member(3), &approve(10)), conflict);
        assert_eq!(scene.refusal(ALICE, &approve_of(10, 10, EVE, BOX)), conflict);
    }

    #[test]
    fn is_one_for_each_approver() {
        let own = Reason::SlotsFull.because("An approve of yours waits for this newcomer already.");
        assert_eq!(approved().with_approve(live(ALICE, 11)).refusal(ALICE, &approve(10)), own);
        assert_eq!(approved().with_approve(acked(ALICE, 11)).refusal(ALICE, &approve(10)), own);
    }

    #[test]
    fn may_follow_an_expired_one_of_the_same_member() {
        use ApproveState::{Dropped, Nacked, Saved};
        let gone = [Saved, Nacked, Dropped].map(|state| in_state(state, ALICE, 11));
        for before in gone.into_iter().chain([lapsed(ALICE, 11)]) {
            assert_eq!(
                approved().with_approve(before).does(ALICE, &approve(10)),
                stored_beside(0),
                "{before:?}"
            );
        }
    }

    #[test]
    fn may_follow_two_bad_ones_and_not_three() {
        let nacked = |scene: Scene, number| scene.with_approve(in_state(ApproveState::Nacked, ALICE, number));
        let twice = [11, 12].into_iter().fold(pending(), nacked);
        assert_eq!(twice.does(ALICE, &approve(10)), stored_beside(0));
        let thrice = nacked(twice, 13);
        let useless =
            Reason::SlotsFull.because("The newcomer could use none of your approves of this request.");
        assert_eq!(thrice.refusal(ALICE, &approve(10)), useless);
        assert_eq!(thrice.clone().created_by(ALICE).refusal(ALICE, &approve(10)), useless);
        assert_eq!(thrice.does(member(3), &approve(10)), stored_beside(0));
    }

    #[test]
    fn finds_eight_places() {
        assert_eq!(with_others(7).does(ALICE, &approve(10)), stored_beside(7));
        assert_eq!(with_others(8).refusal(ALICE, &approve(10)), Reason::SlotsFull.retry_after(2_000));
    }

    #[test]
    fn finds_the_places_that_are_configured() {
        let scene = with_others(1).with_quotas(|quotas| quotas.approves_per_request = 1);
        assert_eq!(scene.reason(ALICE, &approve(10)), Reason::SlotsFull);
    }

    #[test]
    fn of_the_creator_always_finds_a_place() {
        assert_eq!(with_others(8).created_by(ALICE).does(ALICE, &approve(10)), stored_beside(8));
        assert_eq!(with_others(8).created_by(member(3)).reason(ALICE, &approve(10)), Reason::SlotsFull);
    }

    #[test]
    fn finds_the_place_of_those_that_are_over() {
        use ApproveState::{Dropped, Nacked, Saved};
        let gone = [Saved, Nacked, Dropped].map(|state| in_state(state, member(3), 11));
        for over in gone.into_iter().chain([lapsed(member(3), 11)]) {
            assert_eq!(
                with_others(7).with_approve(over).does(ALICE, &approve(10)),
                stored_beside(7),
                "{over:?}"
            );
        }
    }
}

mod deny {
    use super::*;

    fn deny(is_block: bool) -> Command {
        Command::Deny { to: BOB.uid, request_id: REQUEST, is_block }
    }

    fn answer(dup: bool) -> Answer {
        Answer::Deny { state: RequestState::Denied, dup }
    }

    fn denied(is_block: bool) -> Decision {
        Decision::change(answer(false), Change::Deny { request_id: REQUEST, is_block, keeps: true })
    }

    #[test]
    fn is_for_members_and_of_something() {
        let pending = Scene::new().with_request(RequestState::Pending);
        assert_eq!(pending.refusal(BOB, &deny(false)), Reason::NotMember.into());
        assert_eq!(Scene::new().refusal(ALICE, &deny(false)), Reason::NoRequest.into());
    }

    #[test]
    fn ends_a_pending_request() {
        for is_block in [false, true] {
            assert_eq!(
                Scene::new().with_request(RequestState::Pending).does(ALICE, &deny(is_block)),
                denied(is_block)
            );
        }
    }

    #[test]
    fn is_refused_once_approved_or_ended() {
        for state in FINISHED_STATES.into_iter().chain([RequestState::Approved]) {
            let scene = Scene::new().with_request(state);
            assert_eq!(scene.refusal(ALICE, &deny(true)), Reason::Closed.into(), "{state:?}");
        }
        let forgotten = Scene::new().with_request(RequestState::Denied).with_frame_forgotten();
        assert_eq!(forgotten.reason(ALICE, &deny(true)), Reason::Closed);
    }

    #[test]
    fn comes_too_late_once_the_time_is_over() {
        let pending = Scene::new().with_request(RequestState::Pending);
        assert_eq!(pending.clone().at(END - 1).does(ALICE, &deny(false)), denied(false));
        assert_eq!(pending.at(END).reason(ALICE, &deny(false)), Reason::Closed);
    }

    #[test]
    fn keeps_only_so_many_denied_requests() {
        let scene =
            |state, used| Scene::new().with_request(state).with_usage(|usage| usage.denied_in_room = used);
        let ended = Change::Deny { request_id: REQUEST, is_block: false, keeps: false };
        assert_eq!(scene(RequestState::Pending, 999).does(ALICE, &deny(false)), denied(false));
        assert_eq!(scene(RequestState::Pending, 1_000).changes(ALICE, &deny(false)), Some(ended));
        // A request that is already kept takes no further place.
        assert_eq!(scene(RequestState::Denied, 1_000).does(ALICE, &deny(false)), denied(false));
        let few = scene(RequestState::Pending, 1).with_quotas(|quotas| quotas.denied_per_room = 1);
        assert_eq!(few.changes(ALICE, &deny(false)), Some(ended));
    }

    #[test]
    fn said_again_changes_nothing() {
        let again = Decision::nothing(answer(true));
        let scene = |is_block| Scene::new().with_request(RequestState::Denied).with_denial(NOW + 1, is_block);
        assert_eq!(scene(false).does(ALICE, &deny(false)), again);
        assert_eq!(scene(true).does(ALICE, &deny(true)), again);
        assert_eq!(scene(true).does(member(3), &deny(false)), again);
    }

    #[test]
    fn may_become_a_block() {
        let scene = Scene::new().with_request(RequestState::Denied).with_denial(NOW + 1, false);
        assert_eq!(scene.does(ALICE, &deny(true)), denied(true));
    }

    #[test]
    fn said_after_the_cooldown_or_an_unblock_holds_anew() {
        let scene = Scene::new().with_request(RequestState::Denied);
        assert_eq!(scene.does(ALICE, &deny(false)), denied(false));
        assert_eq!(scene.with_denial(NOW, false).does(ALICE, &deny(false)), denied(false));
    }

    #[test]
    fn of_another_request_is_stored_and_keeps_the_block() {
        let scene = |is_block| Scene::new().with_request(RequestState::Pending).with_denial(END, is_block);
        assert_eq!(scene(false).does(ALICE, &deny(false)), denied(false));
        assert_eq!(scene(true).does(ALICE, &deny(false)), denied(true));
    }
}

mod unblock {
    use super::*;

    const UNBLOCK: Command = Command::Unblock { uid: BOB.uid };

    #[test]
    fn is_for_members() {
        assert_eq!(Scene::new().with_denial(END, true).refusal(BOB, &UNBLOCK), Reason::NotMember.into());
    }

    #[test]
    fn lifts_a_denial_that_holds() {
        let lifts = Decision::change(Answer::Unblock { dup: false }, Change::Unblock);
        assert_eq!(Scene::new().with_denial(0, true).does(ALICE, &UNBLOCK), lifts);
        assert_eq!(Scene::new().with_denial(NOW + 1, false).does(ALICE, &UNBLOCK), lifts);
    }

    #[test]
    fn does_nothing_without_a_denial() {
        let nothing = Decision::nothing(Answer::Unblock { dup: true });
        assert_eq!(Scene::new().does(ALICE, &UNBLOCK), nothing);
        assert_eq!(Scene::new().with_denial(NOW, false).does(ALICE, &UNBLOCK), nothing);
    }
}
