//! What the comparison has found, step by step: a kept seed means something else once the steps are
//! drawn otherwise.

use tokio::runtime::{Builder, Runtime};
use vestibule_approve::{
    frames::{Deny, Policy, Request},
    items::Cursor,
    limits::PAGE,
    rules::{Answer, Caller, Command},
    signed::Rid,
};
use vestibule_store::{CommandError, Store, StoreConfig, Writer};

use crate::{
    actions::{Act, DENIAL_CODE, Deed, SIGNATURE, approve, card, request},
    pools::{APPROVES, DEVICES, REQUESTS, ROOMS, USERS},
    testing::Place,
};

const ROOM: Rid = ROOMS[0];
const ALICE: Caller = Caller { uid: USERS[0], is_member: true };
const BOB: Caller = Caller { uid: USERS[1], is_member: false };
/// In the far future.
const LATE: i64 = 4_000_000_000_000;

/// A store with a room in it.
struct Scene {
    runtime: Runtime,
    store: Store,
    _writer: Writer,
    _place: Place,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let opened = Store::open(place.location(), &StoreConfig::default());
        let (store, writer) = opened.expect("a store that opens");
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let scene = Self { runtime, store, _writer: writer, _place: place };
        scene.ok(ALICE, Act::Publish(card(ROOM, 1, Policy::Request), None));
        scene
    }

    fn run(&self, caller: Caller, act: Act) -> Result<Answer, CommandError> {
        let deed = Deed { rid: ROOM, caller, act };
        let committed = self.runtime.block_on(self.store.carry_out(deed.submission()));
        committed.map(|committed| committed.decision.answer)
    }

    #[track_caller]
    fn ok(&self, caller: Caller, act: Act) -> Answer {
        self.run(caller, act).expect("an answer")
    }
}

fn ask(place: usize, box_key: u8, exp: i64) -> Request {
    request(BOB.uid, REQUESTS[place], box_key, exp)
}

fn asked(request: &Request) -> Act {
    Act::Ask { request: request.clone(), device: DEVICES[0] }
}

fn deny(request: &Request, block: bool) -> Act {
    let (request_id, to, code) = (request.request_id, BOB.uid, DENIAL_CODE.to_owned());
    Act::Deny(Deny { request_id, to, code, block, room_sig: SIGNATURE })
}

fn approved(request: &Request) -> Act {
    Act::Approve(approve(BOB.uid, request.request_id, APPROVES[0], request.box_hash(), LATE))
}

#[test]
fn a_milder_denial_does_not_end_a_block() {
    let scene = Scene::new();
    let (first, second) = (ask(0, 0, LATE), ask(1, 1, LATE));
    scene.ok(BOB, asked(&first));
    scene.ok(BOB, asked(&second));
    scene.ok(ALICE, deny(&first, true));
    scene.ok(ALICE, deny(&second, false));
    let denials = scene.runtime.block_on(scene.store.denials(ROOM, Cursor::START, PAGE)).expect("a list");
    let shown: Vec<_> = denials.items.iter().map(|item| (item.block, item.until)).collect();
    assert_eq!(shown, [(true, None)]);
}

#[test]
fn the_oldest_request_for_a_box_key_answers() {
    let scene = Scene::new();
    let (first, second) = (ask(0, 0, LATE), ask(1, 0, LATE - 1));
    scene.ok(BOB, asked(&first));
    scene.ok(ALICE, deny(&first, false));
    scene.ok(ALICE, Act::Plain(Command::Unblock { uid: BOB.uid }));
    scene.ok(BOB, asked(&second));
    // The denial is overruled: now two wait for the same box key.
    scene.ok(ALICE, approved(&first));
    let Answer::Request { request_id, dup: true, .. } = scene.ok(BOB, asked(&ask(2, 0, LATE))) else {
        panic!("a box key is asked for once")
    };
    assert_eq!(request_id, first.request_id);
}
