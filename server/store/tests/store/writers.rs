//! Several writers, as on a server: what they do at once, and what they do when they are disturbed.
//! In a file there is one writer, and there is nothing to see.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};
use vestibule_approve::{
    base64url::Fixed,
    frames::Policy,
    ids::{Rid, Seq, Uid},
    limits::Quotas,
    rules::{Answer, Caller, Command},
};
use vestibule_store::{CommandError, Committed, Location, Store, StoreConfig, StoreError, Writer};

use crate::{
    actions::{Act, Deed, approve, card, request},
    proxy::{Next, Proxy},
    testing::{self, Place},
};

/// In the far future.
const LATE: i64 = 4_000_000_000_000;
const ALICE: Caller = Caller { uid: Uid([1; 32]), is_member: true };

type Outcome = Result<Committed, CommandError>;

struct Scene {
    runtime: Runtime,
    store: Arc<Store>,
    writer: Writer,
    place: Place,
}

fn rid(number: usize) -> Rid {
    Rid([100 + u8::try_from(number).expect("a few"); 32])
}

/// A user who asks.
fn asking(number: usize) -> Caller {
    let mut uid = [2; 32];
    uid[..8].copy_from_slice(&number.to_be_bytes());
    Caller { uid: Uid(uid), is_member: false }
}

fn id(number: usize) -> Fixed<16> {
    let mut id = [3; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Fixed(id)
}

fn publish(room: usize) -> Deed {
    let rid = rid(room);
    Deed { rid, caller: ALICE, act: Act::Publish(card(rid, 1, Policy::Request), None) }
}

fn ask(room: usize, user: usize, request_id: usize) -> Deed {
    let caller = asking(user);
    let request = request(caller.uid, id(request_id), 0, LATE);
    Deed { rid: rid(room), caller, act: Act::Ask { request, device: id(0) } }
}

/// The answer of a member to a request.
fn answer(room: usize, user: usize, request_id: usize) -> Deed {
    let to = asking(user).uid;
    let box_hash = request(to, id(request_id), 0, LATE).box_hash();
    let act = Act::Approve(approve(to, id(request_id), id(request_id), box_hash, LATE));
    Deed { rid: rid(room), caller: ALICE, act }
}

fn quotas() -> Quotas {
    let many = 1_000_000_000;
    Quotas {
        open_per_user_in_room: many,
        requests_per_user: many,
        open_per_room: many,
        open_in_all: many,
        rooms_per_user: many,
        ..Quotas::default()
    }
}

/// A store on a server with some rooms; `None` where the tests are about files.
fn scene(rooms: usize) -> Option<Scene> {
    testing::is_on_server().then(|| {
        let place = Place::new();
        let scene = open(place.location(), place);
        let published = scene.all((0..rooms).map(publish));
        assert!(published.iter().all(Result::is_ok));
        scene
    })
}

fn open(location: Location, place: Place) -> Scene {
    let config = StoreConfig { quotas: quotas(), ..StoreConfig::default() };
    let (store, writer) = Store::open(location, &config).expect("a store that opens");
    Scene {
        runtime: Builder::new_current_thread().enable_time().build().expect("a runtime"),
        store: Arc::new(store),
        writer,
        place,
    }
}

impl Scene {
    /// Submits all at once, and returns the outcomes in the order of the deeds.
    fn all(&self, deeds: impl IntoIterator<Item = Deed>) -> Vec<Outcome> {
        let answers: Vec<mpsc::Receiver<Outcome>> = deeds
            .into_iter()
            .map(|deed| {
                let (answer, is_answered) = mpsc::channel();
                let done = move |outcome| answer.send(outcome).expect("a test that waits");
                self.store.submit(deed.submission(), Box::new(done));
                is_answered
            })
            .collect();
        answers.into_iter().map(|answer| answer.recv().expect("an answer")).collect()
    }

    fn is_stored(&self, room: usize, user: usize, request_id: usize) -> bool {
        let uid = asking(user).uid;
        let status = self.store.status(rid(room), uid, id(request_id));
        self.runtime.block_on(status).expect("a state").is_some()
    }
}

#[test]
fn callbacks_come_in_the_order_of_the_seqs() {
    const ROOMS: usize = 8;
    const USERS: usize = 12;
    let Some(scene) = scene(ROOMS) else { return };
    let pairs = || (0..USERS).flat_map(|user| (0..ROOMS).map(move |room| (room, user)));
    let asked = scene.all(pairs().map(|(room, user)| ask(room, user, user)));
    assert!(asked.iter().all(Result::is_ok));

    // Each user is told by all writers.
    let told: Arc<Mutex<Vec<(Rid, Uid, Seq)>>> = Arc::default();
    let (done, is_done) = mpsc::channel();
    // In another order for each writer.
    let mut approves: Vec<(usize, usize)> = pairs().collect();
    fastrand::shuffle(&mut approves);
    for (room, user) in approves {
        let (told, done) = (Arc::clone(&told), done.clone());
        let note = move |outcome: Outcome| {
            // Time for another writer to come first, if it could.
            thread::sleep(Duration::from_millis(2));
            let seq = outcome.expect("an approve that is stored").seq;
            told.lock().expect("a list").push((rid(room), asking(user).uid, seq));
            done.send(()).expect("a test that waits");
        };
        scene.store.submit(answer(room, user, user).submission(), Box::new(note));
    }
    pairs().for_each(|_| is_done.recv().expect("an answer"));

    let (mut of_rooms, mut of_users) = (HashMap::new(), HashMap::new());
    for (rid, uid, seq) in told.lock().expect("a list").iter() {
        assert!(of_rooms.insert(*rid, *seq).is_none_or(|last| last < *seq), "in a room");
        assert!(of_users.insert(*uid, *seq).is_none_or(|last| last < *seq), "for a user");
    }
}

/// Whatever may happen in a few rooms among a few users.
fn anything(number: usize) -> Deed {
    const ROOMS: usize = 3;
    let draw = |bound| fastrand::usize(..bound);
    let (room, user, known) = (draw(ROOMS), draw(4), draw(12));
    let plain = |caller, command| Deed { rid: rid(room), caller, act: Act::Plain(command) };
    let own = asking(user);
    match draw(12) {
        0 => publish(room),
        1..5 => ask(room, user, if draw(2) == 0 { known } else { number }),
        5 | 6 => answer(room, user, known),
        7 => plain(own, Command::Ack { approve_id: id(known), device: id(0) }),
        8 => plain(own, Command::Nack { approve_id: id(known) }),
        9 => plain(own, Command::Withdraw { request_id: id(known) }),
        10 => plain(ALICE, Command::Unblock { uid: own.uid }),
        _ => {
            let deny = vestibule_approve::frames::Deny {
                request_id: id(known),
                to: own.uid,
                code: "no".to_owned(),
                block: false,
                room_sig: crate::actions::SIGNATURE,
            };
            Deed { rid: rid(room), caller: ALICE, act: Act::Deny(deny) }
        }
    }
}

#[test]
fn writers_do_not_wait_for_each_other_for_ever() {
    const TIME: Duration = Duration::from_secs(8);
    let Some(scene) = scene(3) else { return };
    let until = Instant::now() + TIME;
    let Scene { runtime, store, writer, place } = scene;
    let failed = |outcome: &Outcome| matches!(outcome, Err(CommandError::Store(_)));
    let commands = runtime.block_on(async {
        let operators = async {
            while Instant::now() < until {
                let (room, user) = (rid(fastrand::usize(..3)), asking(fastrand::usize(..4)).uid);
                store.remove_room(room, |_, _, _| {}).await.expect("a room that is removed");
                store.erase_user(user, |_, _, _| {}).await.expect("a user who is erased");
                store.erase_user(ALICE.uid, |_, _, _| {}).await.expect("a user who is erased");
            }
        };
        let tidying = async {
            while Instant::now() < until {
                store.tidy(LATE).await.expect("a store that is tidied");
            }
        };
        let senders = (0..24_usize).map(|sender| {
            let store = &store;
            async move {
                let mut number = 1000 * (sender + 1);
                while Instant::now() < until {
                    number += 1;
                    let outcome = store.carry_out(anything(number).submission()).await;
                    assert!(!failed(&outcome), "{outcome:?}");
                }
                number % 1000
            }
        });
        let all = futures_util::future::join_all(senders);
        futures_util::future::join3(operators, tidying, all).await.2
    });
    assert!(commands.iter().sum::<usize>() > 100, "{commands:?}");
    drop(store);
    writer.stop();
    let found = format!("(SELECT deadlocks FROM pg_stat_database WHERE datname = '{}')", place.name());
    testing::administer(&format!("DO $$ BEGIN ASSERT {found} = 0, 'deadlocks'; END $$"));
}

#[test]
fn lost_connections_lose_nothing_that_was_answered() {
    const ROOMS: usize = 4;
    let Some(scene) = scene(ROOMS) else { return };
    let until = Instant::now() + Duration::from_secs(4);
    let (mut number, mut stored, mut unanswered) = (0, Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < until {
                thread::sleep(Duration::from_millis(150));
                scene.place.disconnect();
            }
        });
        while Instant::now() < until {
            let numbers: Vec<usize> = (number..number + 20).collect();
            number += numbers.len();
            let outcomes = scene.all(numbers.iter().map(|number| ask(number % ROOMS, *number, *number)));
            for (number, outcome) in numbers.into_iter().zip(outcomes) {
                match outcome {
                    Ok(_) => stored.push(number),
                    Err(CommandError::Store(StoreError::Unavailable)) => unanswered += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    let work_goes_on = scene.all([ask(0, number, number)]);
    assert!(work_goes_on[0].is_ok(), "{work_goes_on:?}");
    assert!(stored.len() > unanswered, "{} of {number}", stored.len());
    let lost = stored.into_iter().find(|number| !scene.is_stored(number % ROOMS, *number, *number));
    assert_eq!(lost, None);
    // Background work, too, finds a new connection.
    scene.place.disconnect();
    scene.runtime.block_on(scene.store.tidy(0)).expect("a store that is tidied");
}

#[test]
fn a_commit_whose_answer_is_lost_is_answered_and_stored_once() {
    let Some(url) = Place::server() else { return };
    let (before, rest) = url.split_once('@').expect("a user");
    let (host, after) = rest.split_once('/').expect("a database");
    let proxy = Proxy::to(host.to_owned());
    let place = Place::new();
    let url = format!("{before}@127.0.0.1:{}/{}", proxy.port, place.name());
    assert!(!after.is_empty());
    let folder = place.folder().path().to_owned();
    let scene = open(Location::Server { url: url.parse().expect("an address"), folder }, place);
    assert!(scene.all([publish(0)])[0].is_ok());

    for (number, next) in
        [Next::IsLost, Next::IsNotAnswered, Next::IsLost, Next::IsNotAnswered].into_iter().enumerate()
    {
        proxy.set(next);
        let outcome = scene.all([ask(0, number, number)]).remove(0).expect("a request that is stored");
        // Where it was stored at once, it is not found as a repeat.
        assert!(matches!(outcome.decision.answer, Answer::Request { dup: false, .. }), "{outcome:?}");
        assert!(scene.is_stored(0, number, number));
    }
}
