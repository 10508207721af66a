//! Requests and withdrawals.

use super::*;

fn ask_as(number: u8, digest: u8, device: Id) -> Command {
    let digest = Hash([digest; 32]);
    Command::Request { request_id: id(number), device, box_hash: BOX, digest, exp: END }
}

/// The request that [`stored`] is.
fn ask() -> Command {
    ask_as(5, 6, PHONE)
}

/// The same request with another id.
fn ask_anew() -> Command {
    ask_as(55, 66, PHONE)
}

fn known(state: RequestState) -> Answer {
    Answer::Request { request_id: REQUEST, state, seq: Some(Seq(40)), dup: true }
}

mod request {
    use super::*;

    #[test]
    fn is_stored_as_pending() {
        for policy in [Policy::Open, Policy::Request] {
            let decision = Scene::new().with_policy(policy).does(BOB, &ask());
            let state = RequestState::Pending;
            let answer = Answer::Request { request_id: REQUEST, state, seq: None, dup: false };
            assert_eq!(decision, Decision::change(answer, Change::AddRequest));
        }
    }

    #[test]
    fn must_end_in_the_future() {
        assert_eq!(Scene::new().at(END).reason(BOB, &ask()), Reason::Expired);
        assert!(Scene::new().at(END - 1).run(BOB, &ask()).is_ok());
    }

    #[test]
    fn to_a_secret_room_looks_as_to_no_room() {
        let unknown = Scene::new().without_room().refusal(BOB, &ask());
        assert_eq!(unknown, Reason::UnknownRoom.into());
        assert_eq!(Scene::new().with_policy(Policy::Secret).refusal(BOB, &ask()), unknown);
    }

    #[test]
    fn to_a_secret_room_is_unknown_in_every_case() {
        let full = Usage {
            open_of_user_in_room: 9999,
            open_of_user: 9999,
            requests_of_user: 9999,
            open_in_room: 9999,
            denied_in_room: 9999,
            open_in_all: 999_999,
            rooms_of_user: 9999,
        };
        let secret = Scene::new().with_policy(Policy::Secret).with_denial(END, true);
        let secret = secret.with_usage(|usage| *usage = full);
        for state in ALL_STATES {
            for scene in [secret.clone().with_request(state), secret.clone().with_same_box(state)] {
                assert_eq!(scene.refusal(BOB, &ask()), Reason::UnknownRoom.into());
                assert_eq!(scene.refusal(BOB, &ask_anew()), Reason::UnknownRoom.into());
            }
        }
    }

    #[test]
    fn of_a_member_is_taken_like_any_other() {
        assert_eq!(Scene::new().changes(ALICE, &ask()), Some(Change::AddRequest));
    }
}

mod repeated_request {
    use super::*;

    #[test]
    fn returns_the_state_and_changes_nothing() {
        for state in ALL_STATES {
            let scene = Scene::new().with_request(state).with_device(PHONE, false);
            assert_eq!(scene.does(BOB, &ask()), Decision::nothing(known(state)));
        }
    }

    #[test]
    fn is_answered_despite_quotas_and_denials() {
        let full = |usage: &mut Usage| usage.requests_of_user = 9999;
        for state in ALL_STATES {
            let scene = Scene::new().with_request(state).with_device(PHONE, false).with_denial(END, true);
            assert_eq!(scene.with_usage(full).does(BOB, &ask()).answer, known(state));
        }
    }

    #[test]
    fn with_other_fields_is_a_conflict_in_every_state() {
        for state in ALL_STATES {
            let scene = Scene::new().with_request(state);
            assert_eq!(scene.refusal(BOB, &ask_as(5, 66, PHONE)), Reason::IdConflict.into());
        }
    }

    #[test]
    fn is_a_conflict_even_where_the_same_box_is_asked_for() {
        let scene = Scene::new().with_request(RequestState::Done).with_same_box(RequestState::Pending);
        assert_eq!(scene.reason(BOB, &ask_as(5, 66, PHONE)), Reason::IdConflict);
    }

    #[test]
    fn registers_another_device_while_it_is_open() {
        for state in OPEN_STATES {
            let decision = Scene::new().with_request(state).with_device(LAPTOP, true).does(BOB, &ask());
            let change = Change::AddDevice { request_id: REQUEST };
            assert_eq!(decision, Decision::change(known(state), change));
        }
    }

    #[test]
    fn registers_no_device_once_it_is_closed() {
        use RequestState::{Denied, Done, Expired, Withdrawn};
        for state in [Done, Denied, Withdrawn, Expired] {
            let decision = Scene::new().with_request(state).with_device(LAPTOP, false).does(BOB, &ask());
            assert_eq!(decision, Decision::nothing(known(state)));
        }
    }

    #[test]
    fn registers_a_device_once_even_when_it_has_the_key() {
        let scene = Scene::new().with_request(RequestState::Approved).with_device(PHONE, true);
        assert_eq!(scene.changes(BOB, &ask()), None);
    }

    #[test]
    fn registers_only_so_many_devices() {
        let scene = |count| {
            let scene = Scene::new().with_request(RequestState::Pending);
            (0..count).fold(scene, |scene, number| scene.with_device(id(100 + number), false))
        };
        assert_eq!(scene(15).changes(BOB, &ask()), Some(Change::AddDevice { request_id: REQUEST }));
        assert_eq!(
            scene(16).refusal(BOB, &ask()),
            Reason::Quota.because("This request has as many devices as one may have.")
        );
        assert_eq!(
            scene(15).with_device(PHONE, false).does(BOB, &ask()).answer,
            known(RequestState::Pending)
        );
    }
}

mod request_for_the_same_box {
    use super::*;

    #[test]
    fn is_answered_as_the_first_while_that_is_open() {
        for state in OPEN_STATES {
            let scene = Scene::new().with_same_box(state).with_device(PHONE, false);
            assert_eq!(scene.does(BOB, &ask_anew()), Decision::nothing(known(state)));
        }
    }

    #[test]
    fn registers_its_device_with_the_first() {
        for state in OPEN_STATES {
            let scene = Scene::new().with_same_box(state).with_device(LAPTOP, false);
            let change = Change::AddDevice { request_id: REQUEST };
            assert_eq!(scene.does(BOB, &ask_anew()), Decision::change(known(state), change));
        }
    }

    #[test]
    fn is_answered_as_the_first_despite_quotas_and_denials() {
        let scene = Scene::new().with_same_box(RequestState::Pending).with_denial(END, true);
        let scene = scene.with_usage(|usage| usage.open_of_user_in_room = 8);
        assert_eq!(scene.does(BOB, &ask_anew()).answer, known(RequestState::Pending));
    }

    #[test]
    fn is_a_new_one_after_the_first_has_ended() {
        use RequestState::{Denied, Done, Expired, Withdrawn};
        for state in [Done, Denied, Withdrawn, Expired] {
            let scene = Scene::new().with_same_box(state);
            assert_eq!(scene.changes(BOB, &ask_anew()), Some(Change::AddRequest), "{state:?}");
        }
    }

    #[test]
    fn is_a_new_one_once_the_time_of_the_first_is_over() {
        let mut scene = Scene::new().with_same_box(RequestState::Pending);
        scene.facts.same_box.as_mut().expect("a request").exp = NOW;
        assert_eq!(scene.changes(BOB, &ask_anew()), Some(Change::AddRequest));
        scene.facts.same_box.as_mut().expect("a request").exp = NOW + 1;
        assert_eq!(scene.does(BOB, &ask_anew()).answer, known(RequestState::Pending));
    }
}

mod request_after_a_denial {
    use super::*;

    #[test]
    fn has_to_wait_for_the_end_of_the_cooldown() {
        let scene = Scene::new().with_denial(NOW + 400, false);
        assert_eq!(scene.refusal(BOB, &ask()), Reason::Cooldown.retry_after(400));
        assert_eq!(scene.clone().at(NOW + 399).refusal(BOB, &ask()), Reason::Cooldown.retry_after(1));
        assert_eq!(scene.at(NOW + 400).changes(BOB, &ask()), Some(Change::AddRequest));
    }

    #[test]
    fn is_told_at_most_the_longest_wait() {
        let scene = Scene::new().with_denial(NOW + (1 << 40), false);
        assert_eq!(scene.refusal(BOB, &ask()), Reason::Cooldown.retry_after(u32::MAX));
    }

    #[test]
    fn waits_for_a_block_without_an_end() {
        assert_eq!(Scene::new().with_denial(0, true).refusal(BOB, &ask()), Reason::Blocked.into());
    }

    #[test]
    fn is_told_of_the_denial_before_any_quota() {
        let scene = Scene::new().with_denial(0, true).with_usage(|usage| usage.requests_of_user = 256);
        assert_eq!(scene.reason(BOB, &ask()), Reason::Blocked);
    }

    #[test]
    fn for_a_denied_box_waits_like_any_other() {
        let scene = Scene::new().with_same_box(RequestState::Denied).with_denial(NOW + 1, false);
        assert_eq!(scene.reason(BOB, &ask_anew()), Reason::Cooldown);
    }
}

mod quota {
    use super::*;

    #[test]
    fn each_is_reached_exactly() {
        /// The counter, its quota and the message.
        type Edge = (fn(&mut Usage) -> &mut usize, usize, &'static str);
        let edges: [Edge; 5] = [
            (
                |usage| &mut usage.open_of_user_in_room,
                8,
                "You have as many open requests in this room as one user may.",
            ),
            (|usage| &mut usage.open_of_user, 256, "You have as many open requests as one user may."),
            (
                |usage| &mut usage.requests_of_user,
                256,
                "You have as many requests, open or ended a short while ago, as one user may.",
            ),
            (|usage| &mut usage.open_in_room, 1_000, "This room has as many open requests as one may have."),
            (
                |usage| &mut usage.open_in_all,
                100_000,
                "This server has as many open requests as it may have.",
            ),
        ];
        for (counter, quota, what) in edges {
            let scene = |used| Scene::new().with_usage(|usage| *counter(usage) = used);
            assert_eq!(scene(quota - 1).changes(BOB, &ask()), Some(Change::AddRequest), "{what}");
            let full = Reason::Quota.because(what).and_retry_after(60_000);
            assert_eq!(scene(quota).refusal(BOB, &ask()), full);
            assert_eq!(scene(quota + 1).refusal(BOB, &ask()), full);
        }
    }

    #[test]
    fn is_the_configured_one() {
        let scene = Scene::new().with_quotas(|quotas| quotas.open_per_room = 1);
        let scene = scene.with_usage(|usage| usage.open_in_room = 1);
        assert_eq!(scene.reason(BOB, &ask()), Reason::Quota);
    }

    #[test]
    fn of_all_is_never_one_rooms_or_one_users() {
        let scene = |change: fn(&mut Usage)| {
            Scene::new().with_quotas(|quotas| quotas.open_in_all = 1_000).with_usage(change)
        };
        assert_eq!(scene(|usage| usage.open_in_room = 99).changes(BOB, &ask()), Some(Change::AddRequest));
        assert_eq!(scene(|usage| usage.open_in_room = 100).reason(BOB, &ask()), Reason::Quota);
        assert_eq!(scene(|usage| usage.open_of_user = 9).changes(BOB, &ask()), Some(Change::AddRequest));
        assert_eq!(scene(|usage| usage.open_of_user = 10).reason(BOB, &ask()), Reason::Quota);
        // A room and a user get at least one.
        let few = Scene::new().with_quotas(|quotas| quotas.open_in_all = 2);
        assert_eq!(few.changes(BOB, &ask()), Some(Change::AddRequest));
        assert_eq!(few.with_usage(|usage| usage.open_in_room = 1).reason(BOB, &ask()), Reason::Quota);
    }

    #[test]
    fn of_denied_requests_does_not_count_for_new_ones() {
        let scene = Scene::new().with_usage(|usage| usage.denied_in_room = 9999);
        assert_eq!(scene.changes(BOB, &ask()), Some(Change::AddRequest));
    }

    #[test]
    fn of_rooms_does_not_count_for_requests() {
        let scene = Scene::new().with_usage(|usage| usage.rooms_of_user = 9999);
        assert_eq!(scene.changes(BOB, &ask()), Some(Change::AddRequest));
    }
}

mod withdraw {
    use super::*;

    const WITHDRAW: Command = Command::Withdraw { request_id: REQUEST };

    fn nothing() -> Decision {
        Decision::nothing(Answer::Withdraw { dup: true })
    }

    #[test]
    fn closes_a_request_that_can_be_approved() {
        use RequestState::{Approved, Denied, Pending};
        for state in [Pending, Approved, Denied] {
            let change = Change::Close { request_id: REQUEST, state: RequestState::Withdrawn };
            let decision = Decision::change(Answer::Withdraw { dup: false }, change);
            assert_eq!(Scene::new().with_request(state).does(BOB, &WITHDRAW), decision);
        }
    }

    #[test]
    fn closes_nothing_twice() {
        for state in FINISHED_STATES {
            assert_eq!(Scene::new().with_request(state).does(BOB, &WITHDRAW), nothing());
        }
        let denied = Scene::new().with_request(RequestState::Denied).with_frame_forgotten();
        assert_eq!(denied.does(BOB, &WITHDRAW), nothing());
    }

    #[test]
    fn is_too_late_once_the_time_is_over() {
        let scene = Scene::new().with_request(RequestState::Pending);
        assert_eq!(scene.clone().at(END).does(BOB, &WITHDRAW), nothing());
        assert_ne!(scene.at(END - 1).does(BOB, &WITHDRAW), nothing());
    }

    #[test]
    fn of_an_unknown_request_does_nothing() {
        assert_eq!(Scene::new().does(BOB, &WITHDRAW), nothing());
    }
}
