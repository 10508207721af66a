//! Expiry, and operators' ends.

use super::*;

fn nothing() -> Decision {
    Decision::nothing(Answer::Sweep { dup: true })
}

mod expire {
    use super::*;

    const EXPIRE: Command = Command::Expire { request_id: REQUEST };
    const DEVICES_MS: i64 = 7 * 24 * 60 * 60 * 1000;

    fn ends_as(state: RequestState) -> Decision {
        Decision::change(Answer::Sweep { dup: false }, Change::Close { request_id: REQUEST, state })
    }

    #[test]
    fn ends_an_open_request_at_its_time() {
        for state in OPEN_STATES {
            let scene = Scene::new().with_request(state);
            assert_eq!(scene.clone().at(END - 1).does(BOB, &EXPIRE), nothing());
            assert_eq!(scene.at(END).does(BOB, &EXPIRE), ends_as(RequestState::Expired));
        }
    }

    #[test]
    fn ends_an_acked_request_as_done() {
        for state in OPEN_STATES {
            let scene = Scene::new().with_request(state).first_acked_at(NOW);
            assert_eq!(scene.clone().at(END - 1).does(BOB, &EXPIRE), nothing());
            assert_eq!(scene.at(END).does(BOB, &EXPIRE), ends_as(RequestState::Done));
        }
    }

    #[test]
    fn gives_the_other_devices_their_time() {
        let mut scene = Scene::new().with_request(RequestState::Approved).first_acked_at(NOW);
        scene.facts.request.as_mut().expect("a request").exp = i64::MAX;
        assert_eq!(scene.clone().at(NOW + DEVICES_MS - 1).does(BOB, &EXPIRE), nothing());
        assert_eq!(scene.at(NOW + DEVICES_MS).does(BOB, &EXPIRE), ends_as(RequestState::Done));
    }

    #[test]
    fn keeps_a_denied_request_while_the_denial_holds() {
        let denied = || Scene::new().with_request(RequestState::Denied);
        assert_eq!(denied().with_denial(NOW + 1, false).does(BOB, &EXPIRE), nothing());
        assert_eq!(denied().with_denial(0, true).does(BOB, &EXPIRE), nothing());
        assert_eq!(denied().with_denial(NOW, false).does(BOB, &EXPIRE), ends_as(RequestState::Denied));
        assert_eq!(denied().with_denial(0, true).at(END).does(BOB, &EXPIRE), ends_as(RequestState::Denied));
    }

    #[test]
    fn ends_a_denied_request_when_the_denial_is_over() {
        let scene = Scene::new().with_request(RequestState::Denied);
        assert_eq!(scene.does(BOB, &EXPIRE), ends_as(RequestState::Denied));
    }

    #[test]
    fn ends_nothing_twice() {
        for state in FINISHED_STATES {
            assert_eq!(Scene::new().with_request(state).at(END).does(BOB, &EXPIRE), nothing());
        }
        let denied = Scene::new().with_request(RequestState::Denied).with_frame_forgotten();
        assert_eq!(denied.at(END).does(BOB, &EXPIRE), nothing());
        assert_eq!(Scene::new().at(END).does(BOB, &EXPIRE), nothing());
    }
}

mod lapse {
    use super::*;

    const LAPSE: Command = Command::Lapse { approve_id: id(10) };

    fn lapses(reopens: bool) -> Decision {
        Decision::change(Answer::Sweep { dup: false }, Change::Lapse { reopens })
    }

    fn approved() -> Scene {
        Scene::new().with_request(RequestState::Approved)
    }

    #[test]
    fn ends_an_approve_at_its_time() {
        let scene = approved().naming(ApproveFacts { exp: END - 1, ..live(ALICE, 10) });
        assert_eq!(scene.clone().at(END - 2).does(BOB, &LAPSE), nothing());
        assert_eq!(scene.clone().at(END - 1).does(BOB, &LAPSE), lapses(true));
        // By then the request has expired, too.
        assert_eq!(scene.at(END).does(BOB, &LAPSE), lapses(false));
    }

    #[test]
    fn reopens_only_with_the_last() {
        let longer = ApproveFacts { exp: NOW + 1, ..live(member(3), 11) };
        assert_eq!(
            approved().naming(lapsed(ALICE, 10)).with_approve(longer).does(BOB, &LAPSE),
            lapses(false)
        );
        let both = approved().naming(lapsed(ALICE, 10)).with_approve(lapsed(member(3), 11));
        assert_eq!(both.does(BOB, &LAPSE), lapses(true));
    }

    #[test]
    fn reopens_for_devices_without_the_key() {
        let good = ApproveFacts { is_acked: true, ..lapsed(ALICE, 10) };
        assert_eq!(approved().first_acked_at(NOW - 1).naming(good).does(BOB, &LAPSE), lapses(true));
    }

    #[test]
    fn reopens_only_an_approved_request() {
        for state in ALL_STATES.into_iter().filter(|state| *state != RequestState::Approved) {
            let scene = Scene::new().with_request(state).naming(lapsed(ALICE, 10));
            assert_eq!(scene.does(BOB, &LAPSE), lapses(false), "{state:?}");
        }
    }

    #[test]
    fn ends_nothing_twice() {
        use ApproveState::{Dropped, Nacked, Saved};
        for state in [Saved, Nacked, Dropped] {
            let gone = ApproveFacts { state, ..lapsed(ALICE, 10) };
            assert_eq!(approved().naming(gone).does(BOB, &LAPSE), nothing());
        }
        assert_eq!(approved().does(BOB, &LAPSE), nothing());
        let mut orphan = Scene::new().naming(lapsed(ALICE, 10));
        orphan.facts.request = None;
        assert_eq!(orphan.does(BOB, &LAPSE), nothing());
    }
}

mod end {
    use super::*;

    const END_IT: Command = Command::End { request_id: REQUEST };

    fn ends_as(state: RequestState) -> Decision {
        Decision::change(Answer::Sweep { dup: false }, Change::Close { request_id: REQUEST, state })
    }

    #[test]
    fn ends_an_open_request_as_its_time_would() {
        for state in OPEN_STATES {
            let scene = Scene::new().with_request(state);
            assert_eq!(scene.does(BOB, &END_IT), ends_as(RequestState::Expired));
            let scene = scene.first_acked_at(NOW);
            assert_eq!(scene.does(BOB, &END_IT), ends_as(RequestState::Done));
        }
    }

    #[test]
    fn ends_a_denied_request_during_its_denial() {
        let scene = Scene::new().with_request(RequestState::Denied);
        assert_eq!(scene.clone().with_denial(0, true).does(BOB, &END_IT), ends_as(RequestState::Denied));
        assert_eq!(scene.does(BOB, &END_IT), ends_as(RequestState::Denied));
    }

    #[test]
    fn leaves_ended_and_unknown_requests_alone() {
        assert_eq!(Scene::new().does(BOB, &END_IT), nothing());
        for state in [RequestState::Done, RequestState::Withdrawn, RequestState::Expired] {
            let mut scene = Scene::new().with_request(state);
            scene.facts.request.as_mut().expect("a request").is_kept = false;
            assert_eq!(scene.does(BOB, &END_IT), nothing());
        }
    }
}

mod revoke {
    use super::*;

    const REVOKE: Command = Command::Revoke { approve_id: id(1) };

    fn revoked(reopens: bool) -> Decision {
        Decision::change(Answer::Sweep { dup: false }, Change::Lapse { reopens })
    }

    fn approved() -> Scene {
        Scene::new().with_request(RequestState::Approved)
    }

    #[test]
    fn ends_an_approve_before_its_time_as_its_time_would() {
        assert_eq!(approved().naming(live(ALICE, 1)).does(BOB, &REVOKE), revoked(true));
        let beside = approved().naming(live(ALICE, 1)).with_approve(live(member(3), 2));
        assert_eq!(beside.does(BOB, &REVOKE), revoked(false));
    }

    #[test]
    fn ends_nothing_twice_and_nothing_unknown() {
        for state in [ApproveState::Saved, ApproveState::Nacked, ApproveState::Dropped] {
            assert_eq!(approved().naming(in_state(state, ALICE, 1)).does(BOB, &REVOKE), nothing());
        }
        assert_eq!(approved().does(BOB, &REVOKE), nothing());
    }
}
