//! Cards and the creator's role.

use super::*;

mod publish {
    use super::*;

    /// The largest version that is published at [`NOW`].
    const LAST: u64 = 1_000_000 + 86_400_000;

    fn card_of(version: u64, digest: u8, policy: Policy, listed: Option<bool>) -> Command {
        Command::Publish { version, policy, digest: Hash([digest; 32]), listed }
    }

    fn card(version: u64, digest: u8) -> Command {
        card_of(version, digest, Policy::Request, None)
    }

    fn decided(version: u64, change: Change) -> Decision {
        Decision::change(Answer::Publish { version, dup: false }, change)
    }

    fn published(version: u64) -> Decision {
        decided(version, Change::PutCard { is_listed: false })
    }

    #[test]
    fn is_for_members() {
        assert_eq!(Scene::new().refusal(BOB, &card(3, 1)), Reason::NotMember.into());
        assert_eq!(Scene::new().without_room().refusal(BOB, &card(1, 1)), Reason::NotMember.into());
    }

    #[test]
    fn of_the_first_card_takes_any_version_in_reach() {
        let scene = Scene::new().without_room();
        for version in [1, 5_000, LAST] {
            assert_eq!(scene.does(ALICE, &card(version, 1)), published(version));
        }
        assert_eq!(scene.reason(ALICE, &card(LAST + 1, 1)), Reason::BadPayload);
    }

    #[test]
    fn of_the_published_card_is_a_duplicate() {
        let answer = Answer::Publish { version: 2, dup: true };
        assert_eq!(Scene::new().does(ALICE, &card(2, 7)), Decision::nothing(answer));
    }

    #[test]
    fn takes_later_versions_up_to_a_day_ahead_of_the_clock() {
        for version in [3, 1_002, 1_003, LAST] {
            assert_eq!(Scene::new().does(ALICE, &card(version, 1)), published(version));
        }
        for version in [0, 1, 2] {
            let conflict = Reason::VersionConflict.because("Version 2 is published.");
            assert_eq!(Scene::new().refusal(ALICE, &card(version, 1)), conflict, "{version}");
        }
        for version in [LAST + 1, (1 << 53) - 1, i64::MAX as u64, u64::MAX] {
            assert_eq!(Scene::new().reason(ALICE, &card(version, 1)), Reason::BadPayload, "{version}");
        }
    }

    #[test]
    fn of_the_largest_version_pins_nothing() {
        let mut scene = Scene::new();
        scene.facts.room.as_mut().expect("a room").version = LAST;
        assert_eq!(scene.reason(ALICE, &card(LAST + 1, 1)), Reason::BadPayload);
        assert_eq!(scene.at(NOW + 1).does(ALICE, &card(LAST + 1, 1)), published(LAST + 1));
    }

    #[test]
    fn replaces_a_version_out_of_reach() {
        for stored in [LAST + 1, (1 << 53) - 1] {
            let mut scene = Scene::new().created_by(ALICE);
            scene.facts.room.as_mut().expect("a room").version = stored;
            for version in [1, LAST] {
                assert_eq!(scene.does(member(3), &card(version, 1)), published(version));
            }
            assert_eq!(scene.reason(ALICE, &card(stored + 1, 1)), Reason::BadPayload);
            let other = card_of(1, 1, Policy::Secret, None);
            assert_eq!(scene.reason(member(3), &other), Reason::NotCreator);
        }
    }

    #[test]
    fn of_another_policy_is_for_the_creator() {
        for policy in [Policy::Open, Policy::Secret] {
            let other = card_of(3, 1, policy, None);
            assert_eq!(Scene::new().created_by(ALICE).does(ALICE, &other), published(3));
            assert_eq!(Scene::new().created_by(ALICE).reason(member(3), &other), Reason::NotCreator);
            assert_eq!(Scene::new().reason(ALICE, &other), Reason::NotCreator, "nobody knows who it is");
        }
        // Any member may change the name only.
        assert_eq!(Scene::new().created_by(ALICE).does(member(3), &card(3, 1)), published(3));
    }

    #[test]
    fn of_an_old_version_is_a_conflict_before_it_is_the_creators() {
        let late = card_of(2, 1, Policy::Secret, None);
        assert_eq!(Scene::new().created_by(ALICE).reason(member(3), &late), Reason::VersionConflict);
    }

    #[test]
    fn lists_a_new_room_only_if_asked() {
        for (listed, is_listed) in [(None, false), (Some(false), false), (Some(true), true)] {
            let first = card_of(1, 1, Policy::Open, listed);
            let expected = decided(1, Change::PutCard { is_listed });
            assert_eq!(Scene::new().without_room().does(ALICE, &first), expected);
        }
    }

    #[test]
    fn lists_a_room_for_its_creator_alone() {
        for (was, listed) in [(false, true), (true, false)] {
            let mut scene = Scene::new().created_by(ALICE);
            scene.facts.room.as_mut().expect("a room").is_listed = was;
            let same = card_of(2, 7, Policy::Request, Some(listed));
            let next = card_of(3, 1, Policy::Request, Some(listed));
            assert_eq!(scene.does(ALICE, &same), decided(2, Change::List { is_listed: listed }));
            assert_eq!(scene.does(ALICE, &next), decided(3, Change::PutCard { is_listed: listed }));
            for card in [&same, &next] {
                assert_eq!(scene.reason(member(3), card), Reason::NotCreator);
            }
            // Any member may repeat the present listing, or leave it out.
            let dup = Decision::nothing(Answer::Publish { version: 2, dup: true });
            assert_eq!(scene.does(member(3), &card_of(2, 7, Policy::Request, Some(was))), dup);
            assert_eq!(scene.does(member(3), &card(3, 1)), decided(3, Change::PutCard { is_listed: was }));
        }
    }

    #[test]
    fn counts_new_rooms_and_only_those() {
        let many = |used| Scene::new().with_usage(|usage| usage.rooms_of_user = used);
        assert_eq!(many(99).without_room().does(ALICE, &card(1, 1)), published(1));
        let full = Reason::Quota.because("You have created as many rooms as one user may.");
        assert_eq!(many(100).without_room().refusal(ALICE, &card(1, 1)), full);
        assert_eq!(many(100).does(ALICE, &card(3, 1)), published(3));
    }
}

mod creator {
    use super::*;

    const HAND_OVER: Command = Command::HandOver { to: member(3).uid };
    const APPOINT: Command = Command::Appoint { to: member(3).uid };

    fn is_member_3(dup: bool) -> Answer {
        Answer::Creator { creator: member(3).uid, dup }
    }

    fn set() -> Decision {
        Decision::change(is_member_3(false), Change::SetCreator { creator: member(3).uid })
    }

    #[test]
    fn hands_the_role_over() {
        assert_eq!(Scene::new().created_by(ALICE).does(ALICE, &HAND_OVER), set());
    }

    #[test]
    fn is_the_only_one_who_does() {
        assert_eq!(Scene::new().created_by(ALICE).reason(member(5), &HAND_OVER), Reason::NotCreator);
        assert_eq!(Scene::new().created_by(ALICE).reason(member(3), &HAND_OVER), Reason::NotCreator);
        assert_eq!(Scene::new().reason(ALICE, &HAND_OVER), Reason::NotCreator);
        let former = Caller { is_member: false, ..ALICE };
        assert_eq!(Scene::new().created_by(ALICE).reason(former, &HAND_OVER), Reason::NotMember);
        assert_eq!(Scene::new().without_room().reason(ALICE, &HAND_OVER), Reason::UnknownRoom);
    }

    #[test]
    fn may_hear_again_that_the_role_is_handed_over() {
        let dup = Decision::nothing(is_member_3(true));
        assert_eq!(Scene::new().created_by(member(3)).does(ALICE, &HAND_OVER), dup);
        assert_eq!(Scene::new().created_by(member(3)).does(EVE, &APPOINT), dup);
    }

    #[test]
    fn is_set_by_an_operator_in_any_case() {
        assert_eq!(Scene::new().does(EVE, &APPOINT), set());
        assert_eq!(Scene::new().created_by(ALICE).does(EVE, &APPOINT), set());
        assert_eq!(Scene::new().without_room().reason(EVE, &APPOINT), Reason::UnknownRoom);
    }
}
