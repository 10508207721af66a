use vestibule_approve::{
    base64url::Fixed,
    ids::{Hash, Rid, Uid},
    items::ReceiptResult,
    refusal::Reason,
    rules::{Answer, ApproveState, Policy, RequestState},
};

use super::*;

const ROOM: Rid = Rid([50; 32]);
const OTHER_ROOM: Rid = Rid([51; 32]);
const ALICE: Caller = Caller { uid: Uid([1; 32]), is_member: true };
const CAROL: Caller = Caller { uid: Uid([3; 32]), is_member: true };
const BOB: Caller = Caller { uid: Uid([2; 32]), is_member: false };
const PHONE: Id = Fixed([21; 16]);
const LAPTOP: Id = Fixed([22; 16]);
const NOW: i64 = 1_000;
const END: i64 = 1_000_000;

/// A store with one room, at one time.
struct Scene {
    store: Reference,
    quotas: Quotas,
    now: i64,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self { store: Reference::default(), quotas: Quotas::default(), now: NOW };
        let card =
            Command::Publish { version: 1, policy: Policy::Request, digest: Hash([1; 32]), listed: None };
        scene.ok(ALICE, &card);
        scene
    }

    fn run(&mut self, caller: Caller, command: &Command) -> Result<Decision, Refusal> {
        self.store.carry_out(&self.quotas, &ROOM, &caller, command, self.now)
    }

    fn ok(&mut self, caller: Caller, command: &Command) -> Answer {
        self.run(caller, command).expect("a decision").answer
    }

    fn asked(mut self, number: u8, device: Id) -> Self {
        self.ok(BOB, &ask(number, device));
        self
    }

    fn approved(mut self, by: Caller, number: u8) -> Self {
        self.ok(by, &approve(number));
        self
    }

    fn status(&self) -> Option<RequestState> {
        self.store.status(&BOB.uid, &ROOM, &id(1))
    }

    fn approve_state(&self, number: u8) -> ApproveState {
        self.store.approve(&ROOM, &id(number)).expect("an approve").facts.state
    }

    fn news(&self, caller: Caller) -> Vec<News> {
        self.store.notices(&caller.uid).map(|notice| notice.news.clone()).collect()
    }
}

fn id(number: u8) -> Id {
    Fixed([number; 16])
}

fn ask(number: u8, device: Id) -> Command {
    let (box_hash, digest) = (Hash([9; 32]), Hash([number; 32]));
    Command::Request { request_id: id(number), device, box_hash, digest, exp: END }
}

/// An approve of the first request.
fn approve(number: u8) -> Command {
    Command::Approve {
        approve_id: id(number),
        to: BOB.uid,
        request_id: id(1),
        box_hash: Hash([9; 32]),
        digest: Hash([number; 32]),
        exp: END,
    }
}

fn ack(number: u8, device: Id) -> Command {
    Command::Ack { approve_id: id(number), device }
}

fn deny(is_block: bool) -> Command {
    Command::Deny { to: BOB.uid, request_id: id(1), is_block }
}

fn receipt(number: u8, result: ReceiptResult) -> News {
    News::Receipt { approve_id: id(number), request_id: id(1), to: BOB.uid, result }
}

#[test]
fn a_request_is_shown_until_it_is_done() {
    let mut scene = Scene::new().asked(1, PHONE);
    assert_eq!(scene.store.pending(&ROOM, NOW).len(), 1);
    assert_eq!(scene.store.mine(&BOB.uid, Some(&ROOM), NOW).len(), 1);
    assert!(scene.store.mine(&BOB.uid, Some(&OTHER_ROOM), NOW).is_empty());
    scene.ok(ALICE, &approve(10));
    assert_eq!(scene.store.pending(&ROOM, NOW)[0].approvals, 1);
    assert_eq!(scene.store.approved(&BOB.uid, None, NOW).len(), 1);
    assert_eq!(scene.ok(BOB, &ack(10, PHONE)), Answer::Ack { dup: false, deleted: true });
    assert_eq!(scene.status(), Some(RequestState::Done));
    assert!(scene.store.pending(&ROOM, NOW).is_empty());
    assert!(scene.store.approved(&BOB.uid, None, NOW).is_empty());
    assert_eq!(scene.approve_state(10), ApproveState::Saved);
    assert_eq!(scene.news(ALICE), [receipt(10, ReceiptResult::Saved)]);
    assert!(scene.news(BOB).is_empty());
}

#[test]
fn a_request_waits_for_all_its_devices() {
    let mut scene = Scene::new().asked(1, PHONE).asked(2, LAPTOP).approved(ALICE, 10).approved(CAROL, 11);
    assert_eq!(scene.ok(BOB, &ack(10, PHONE)), Answer::Ack { dup: false, deleted: false });
    assert_eq!(scene.approve_state(10), ApproveState::Live);
    assert_eq!(scene.approve_state(11), ApproveState::Dropped);
    let first_ack =
        |scene: &Scene| scene.store.request(&BOB.uid, &ROOM, &id(1)).expect("a request").facts.first_ack;
    assert_eq!(first_ack(&scene), Some(NOW));
    scene.now += 1;
    assert_eq!(scene.ok(BOB, &ack(10, LAPTOP)), Answer::Ack { dup: false, deleted: true });
    assert_eq!(first_ack(&scene), Some(NOW));
    assert_eq!(scene.news(ALICE).len(), 1, "one receipt, not one for each device");
}

#[test]
fn a_bad_approve_is_told_and_reopens() {
    let mut scene = Scene::new().asked(1, PHONE).approved(CAROL, 11);
    let nack = Command::Nack { approve_id: id(11) };
    assert_eq!(scene.ok(BOB, &nack), Answer::Nack { state: Some(RequestState::Pending), dup: false });
    assert_eq!(scene.approve_state(11), ApproveState::Nacked);
    assert_eq!(scene.news(CAROL), [receipt(11, ReceiptResult::Nacked)]);
    assert_eq!(scene.status(), Some(RequestState::Pending));
}

#[test]
fn a_denial_is_shown_until_it_is_overruled() {
    let mut scene = Scene::new().asked(1, PHONE);
    scene.ok(CAROL, &deny(true));
    assert_eq!(scene.run(BOB, &ask(2, PHONE)).expect_err("a block").reason, Reason::Blocked);
    assert_eq!(scene.news(BOB), [News::Denied { request_id: id(1), by: CAROL.uid, is_block: true }]);
    let denied = |scene: &Scene| {
        scene.store.denials(&ROOM, NOW).iter().map(|(_, _, requests)| requests.len()).collect::<Vec<_>>()
    };
    assert_eq!(denied(&scene), [1]);
    assert!(scene.store.pending(&ROOM, NOW).is_empty());
    scene.ok(ALICE, &approve(10));
    assert_eq!(denied(&scene), [0; 0]);
    assert_eq!(scene.status(), Some(RequestState::Approved));
}

#[test]
fn a_denial_lists_no_expired_request() {
    let mut scene = Scene::new().asked(1, PHONE);
    scene.ok(CAROL, &deny(true));
    assert!(scene.store.denials(&ROOM, END)[0].2.is_empty());
    scene.now = END;
    scene.ok(BOB, &Command::Expire { request_id: id(1) });
    assert_eq!(scene.status(), Some(RequestState::Denied));
    assert_eq!(scene.news(BOB).len(), 1, "it was told with the denial");
}

#[test]
fn a_milder_denial_keeps_the_block() {
    let mut scene = Scene::new().asked(1, PHONE);
    let (box_hash, digest) = (Hash([8; 32]), Hash([2; 32]));
    let other_box = Command::Request { request_id: id(2), device: LAPTOP, box_hash, digest, exp: END };
    scene.ok(BOB, &other_box);
    scene.ok(ALICE, &deny(true));
    scene.ok(CAROL, &Command::Deny { to: BOB.uid, request_id: id(2), is_block: false });
    assert_eq!(scene.run(BOB, &ask(3, PHONE)).expect_err("a block").reason, Reason::Blocked);
    scene.ok(ALICE, &Command::Unblock { uid: BOB.uid });
    assert!(scene.run(BOB, &ask(3, PHONE)).is_ok());
}

#[test]
fn withdrawing_and_expiring_end_a_request_and_its_approves() {
    for (command, now, state, news) in [
        (
            Command::Withdraw { request_id: id(1) },
            NOW,
            RequestState::Withdrawn,
            News::Withdrawn { request_id: id(1) },
        ),
        (
            Command::Expire { request_id: id(1) },
            END,
            RequestState::Expired,
            News::Expired { request_id: id(1) },
        ),
        (Command::End { request_id: id(1) }, NOW, RequestState::Expired, News::Expired { request_id: id(1) }),
    ] {
        let mut scene = Scene::new().asked(1, PHONE).approved(ALICE, 10);
        scene.now = now;
        scene.ok(BOB, &command);
        assert_eq!(scene.status(), Some(state));
        assert_eq!(scene.approve_state(10), ApproveState::Dropped);
        assert_eq!(scene.news(BOB), [news]);
        assert!(scene.news(ALICE).is_empty());
    }
}

#[test]
fn a_lapsed_approve_reopens_silently() {
    let mut scene = Scene::new().asked(1, PHONE);
    let Command::Approve { approve_id, to, request_id, box_hash, digest, .. } = approve(10) else { panic!() };
    scene.ok(ALICE, &Command::Approve { approve_id, to, request_id, box_hash, digest, exp: NOW + 1 });
    scene.now = NOW + 1;
    scene.ok(BOB, &Command::Lapse { approve_id });
    assert_eq!(scene.approve_state(10), ApproveState::Dropped);
    assert_eq!(scene.status(), Some(RequestState::Pending));
    assert!(scene.news(ALICE).is_empty());
}

#[test]
fn a_reopened_request_goes_to_the_end_of_the_list() {
    let mut scene = Scene::new().asked(1, PHONE);
    let (box_hash, digest) = (Hash([8; 32]), Hash([2; 32]));
    scene.ok(BOB, &Command::Request { request_id: id(2), device: PHONE, box_hash, digest, exp: END });
    let order = |scene: &Scene| {
        let pending = scene.store.pending(&ROOM, NOW);
        pending.iter().map(|pending| pending.request.facts.request_id).collect::<Vec<_>>()
    };
    scene.ok(ALICE, &approve(10));
    assert_eq!(order(&scene), [id(1), id(2)]);
    scene.ok(BOB, &Command::Nack { approve_id: id(10) });
    assert_eq!(order(&scene), [id(2), id(1)]);
}

#[test]
fn expired_frames_count_as_expired_before_the_sweep() {
    let mut scene = Scene::new().asked(1, PHONE);
    let Command::Approve { approve_id, to, request_id, box_hash, digest, .. } = approve(10) else { panic!() };
    scene.ok(ALICE, &Command::Approve { approve_id, to, request_id, box_hash, digest, exp: END + 1 });
    assert_eq!(scene.store.approved(&BOB.uid, None, END - 1).len(), 1);
    assert!(scene.store.approved(&BOB.uid, None, END).is_empty());
    scene.quotas.open_per_user_in_room = 1;
    let (box_hash, digest) = (Hash([8; 32]), Hash([2; 32]));
    let other = Command::Request { request_id: id(2), device: PHONE, box_hash, digest, exp: END + 1 };
    assert_eq!(scene.run(BOB, &other).expect_err("one is open").reason, Reason::Quota);
    scene.now = END;
    assert!(scene.run(BOB, &other).is_ok());
}

#[test]
fn an_unchanged_store_takes_no_seq() {
    let mut scene = Scene::new().asked(1, PHONE);
    let seq = scene.store.seq();
    let before = scene.store.clone();
    scene.ok(BOB, &ask(1, PHONE));
    assert!(scene.run(BOB, &deny(false)).is_err());
    assert_eq!(scene.store, before);
    scene.ok(BOB, &Command::Withdraw { request_id: id(1) });
    assert_eq!(scene.store.seq(), Seq(seq.0 + 1));
}

#[test]
fn an_ended_request_is_remembered_for_a_while() {
    let mut scene = Scene::new().asked(1, PHONE).approved(ALICE, 10);
    scene.ok(BOB, &ack(10, PHONE));
    let quotas = Quotas { memory_ms: 500, ..scene.quotas };
    scene.store.forget(&quotas, NOW + 499);
    assert_eq!(scene.status(), Some(RequestState::Done));
    scene.store.forget(&quotas, NOW + 500);
    assert_eq!(scene.status(), None);
    assert!(scene.store.approve(&ROOM, &id(10)).is_none());
}

#[test]
fn the_order_can_be_forgotten() {
    let first_alice = Scene::new().asked(1, PHONE).approved(ALICE, 10).approved(CAROL, 11);
    let first_carol = Scene::new().asked(1, PHONE).approved(CAROL, 11).approved(ALICE, 10);
    let (mut one, mut other) = (first_alice.store, first_carol.store);
    assert_ne!(one, other);
    one.forget_order();
    other.forget_order();
    assert_eq!(one, other);
}
