//! Acks and nacks.

use super::*;

mod ack {
    use super::*;

    const ACK: Command = Command::Ack { approve_id: id(10), device: PHONE };

    fn nothing() -> Decision {
        Decision::nothing(Answer::Ack { dup: true, deleted: false })
    }

    fn saves(is_first: bool, closes: bool) -> Decision {
        let change = Change::Save { request_id: REQUEST, is_first, closes };
        Decision::change(Answer::Ack { dup: false, deleted: closes }, change)
    }

    fn approved() -> Scene {
        Scene::new().with_request(RequestState::Approved)
    }

    #[test]
    fn of_the_only_device_closes() {
        let scene = approved().with_device(PHONE, false).naming(live(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(true, true));
    }

    #[test]
    fn of_the_first_device_keeps_the_approve_for_the_others() {
        let scene = approved().with_device(PHONE, false).with_device(LAPTOP, false).naming(live(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(true, false));
    }

    #[test]
    fn of_the_last_device_closes() {
        let scene = approved().with_device(PHONE, false).with_device(LAPTOP, true).naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(false, true));
    }

    #[test]
    fn of_a_device_in_between_is_noted() {
        let scene = approved().with_device(PHONE, false).with_device(LAPTOP, false).naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(false, false));
    }

    #[test]
    fn of_a_second_good_approve_makes_that_one_good_too() {
        let scene = approved().with_device(PHONE, true).with_device(LAPTOP, false).naming(live(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(true, false));
    }

    #[test]
    fn repeated_by_a_device_does_nothing() {
        let scene = approved().with_device(PHONE, true).with_device(LAPTOP, false).naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), nothing());
    }

    #[test]
    fn of_an_unregistered_device_counts_but_closes_nothing() {
        let scene = approved().with_device(LAPTOP, false).naming(live(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(true, false));
        let scene = approved().with_device(LAPTOP, false).naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), nothing());
    }

    #[test]
    fn closes_when_no_device_waits() {
        let scene = approved().with_device(LAPTOP, true).naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(false, true));
        assert_eq!(approved().naming(live(ALICE, 10)).does(BOB, &ACK), saves(true, true));
    }

    #[test]
    fn of_a_dropped_approve_counts_while_the_request_is_open() {
        use ApproveState::{Dropped, Nacked, Saved};
        for (request, approve) in
            OPEN_STATES.iter().flat_map(|request| [Saved, Nacked, Dropped].map(|approve| (*request, approve)))
        {
            let scene = Scene::new().with_request(request).naming(in_state(approve, ALICE, 10));
            let scene = scene.with_device(PHONE, false);
            assert_eq!(scene.does(BOB, &ACK), saves(false, true));
            assert_eq!(scene.with_device(LAPTOP, false).does(BOB, &ACK), saves(false, false));
        }
    }

    #[test]
    fn counts_after_the_time_of_the_request() {
        let longer = ApproveFacts { exp: END + 1, ..live(ALICE, 10) };
        let scene = approved().with_device(PHONE, false).naming(longer).at(END);
        assert_eq!(scene.does(BOB, &ACK), saves(true, true));
    }

    #[test]
    fn of_an_expired_approve_keeps_the_others_live() {
        let scene = approved().with_device(PHONE, false).naming(lapsed(ALICE, 10));
        assert_eq!(scene.does(BOB, &ACK), saves(false, true));
        let scene = scene.with_device(LAPTOP, false).with_approve(live(ALICE, 11));
        assert_eq!(scene.does(BOB, &ACK), saves(false, false));
    }

    #[test]
    fn comes_too_late_for_a_request_that_has_ended() {
        use RequestState::{Denied, Done, Expired, Withdrawn};
        for state in [Done, Denied, Withdrawn, Expired] {
            let scene = Scene::new().with_request(state).with_device(PHONE, false);
            assert_eq!(scene.naming(live(ALICE, 10)).does(BOB, &ACK), nothing());
        }
    }

    #[test]
    fn of_a_foreign_or_unknown_approve_does_nothing() {
        let scene = approved().with_device(PHONE, false);
        assert_eq!(scene.does(BOB, &ACK), nothing());
        let scene = scene.naming(live(ALICE, 10));
        assert_eq!(scene.does(EVE, &ACK), nothing());
        assert_eq!(scene.does(ALICE, &ACK), nothing());
        let mut orphan = Scene::new().naming(live(ALICE, 10));
        orphan.facts.request = None;
        assert_eq!(orphan.does(BOB, &ACK), nothing());
    }
}

mod nack {
    use super::*;

    const NACK: Command = Command::Nack { approve_id: id(10) };

    fn nothing(state: Option<RequestState>) -> Decision {
        Decision::nothing(Answer::Nack { state, dup: true })
    }

    fn nacks(state: RequestState, reopens: bool) -> Decision {
        Decision::change(Answer::Nack { state: Some(state), dup: false }, Change::Nack { reopens })
    }

    fn approved() -> Scene {
        Scene::new().with_request(RequestState::Approved)
    }

    #[test]
    fn of_the_last_approve_reopens_the_request() {
        assert_eq!(approved().naming(live(ALICE, 10)).does(BOB, &NACK), nacks(RequestState::Pending, true));
    }

    #[test]
    fn does_not_reopen_an_expired_request() {
        let scene = approved().naming(live(ALICE, 10));
        assert_eq!(scene.clone().at(END - 1).does(BOB, &NACK), nacks(RequestState::Pending, true));
        assert_eq!(scene.at(END).does(BOB, &NACK), nacks(RequestState::Approved, false));
    }

    #[test]
    fn of_one_among_several_does_not() {
        let scene = approved().naming(live(ALICE, 10)).with_approve(live(member(3), 11));
        assert_eq!(scene.does(BOB, &NACK), nacks(RequestState::Approved, false));
    }

    #[test]
    fn reopens_when_only_expired_approves_are_left() {
        use ApproveState::{Dropped, Nacked, Saved};
        let gone = [Saved, Nacked, Dropped].map(|state| in_state(state, member(3), 11));
        for other in gone.into_iter().chain([lapsed(member(3), 11)]) {
            let scene = approved().naming(live(ALICE, 10)).with_approve(other);
            assert_eq!(scene.does(BOB, &NACK), nacks(RequestState::Pending, true), "{other:?}");
        }
    }

    #[test]
    fn of_an_expired_approve_counts_until_it_lapses() {
        assert_eq!(approved().naming(lapsed(ALICE, 10)).does(BOB, &NACK), nacks(RequestState::Pending, true));
    }

    #[test]
    fn leaves_a_pending_request_pending() {
        let scene = Scene::new().with_request(RequestState::Pending).naming(lapsed(ALICE, 10));
        assert_eq!(scene.does(BOB, &NACK), nacks(RequestState::Pending, false));
    }

    #[test]
    fn does_not_end_an_approve_that_a_device_has_acked() {
        let scene = approved().naming(acked(ALICE, 10));
        assert_eq!(scene.does(BOB, &NACK), nothing(Some(RequestState::Approved)));
    }

    #[test]
    fn repeated_does_nothing() {
        use ApproveState::{Dropped, Nacked, Saved};
        for state in [Saved, Nacked, Dropped] {
            let scene = Scene::new().with_request(RequestState::Pending).naming(in_state(state, ALICE, 10));
            assert_eq!(scene.does(BOB, &NACK), nothing(Some(RequestState::Pending)));
        }
    }

    #[test]
    fn comes_too_late_for_a_request_that_has_ended() {
        use RequestState::{Denied, Done, Expired, Withdrawn};
        for state in [Done, Denied, Withdrawn, Expired] {
            let scene = Scene::new().with_request(state).naming(live(ALICE, 10));
            assert_eq!(scene.does(BOB, &NACK), nothing(Some(state)));
        }
    }

    #[test]
    fn of_a_foreign_approve_is_answered_as_of_an_unknown_one() {
        let scene = approved().naming(live(ALICE, 10));
        for stranger in [EVE, ALICE] {
            assert_eq!(scene.does(stranger, &NACK), nothing(None));
        }
        assert_eq!(Scene::new().does(BOB, &NACK), nothing(None));
        let mut orphan = Scene::new().naming(live(ALICE, 10));
        orphan.facts.request = None;
        assert_eq!(orphan.does(BOB, &NACK), nothing(None));
    }
}
