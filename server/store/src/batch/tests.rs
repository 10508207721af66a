use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use vestibule_approve::{
    base64url::Fixed,
    frames::Policy,
    ids::{Hash, Rid, Seq, Uid},
    rules::{Caller, Command},
};

use super::*;
use crate::{
    Content, Store, StoreConfig, StoreError, StoreProblem, Writer, pack,
    testing::{self, Place},
};

struct Stage {
    store: Store,
    /// Kept while the store is open.
    _writer: Writer,
    place: Place,
}

/// A store with one room.
fn stage(settings: &StoreConfig) -> Stage {
    let place = Place::new();
    let (store, writer) = Store::open(place.location(), settings).unwrap();
    let stage = Stage { store, _writer: writer, place };
    stage.at_once(vec![publish(1, 100)])[0].as_ref().unwrap();
    stage
}

impl Stage {
    /// Carries out these commands in one batch.
    fn at_once(&self, submissions: Vec<Submission>) -> Vec<Outcome> {
        // The first command's callback blocks the writer, so that the others gather.
        let (reached, is_reached) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let hold = move |_| {
            reached.send(()).unwrap();
            is_released.recv().unwrap();
        };
        self.store.submit(withdraw(99), Box::new(hold));
        is_reached.recv().unwrap();
        let answers: Vec<_> = submissions
            .into_iter()
            .map(|submission| {
                let (answer, is_answered) = mpsc::channel();
                self.store.submit(submission, Box::new(move |outcome| answer.send(outcome).unwrap()));
                is_answered
            })
            .collect();
        release.send(()).unwrap();
        answers.into_iter().map(|answer| answer.recv().unwrap()).collect()
    }
}

fn caller(number: u8) -> Caller {
    Caller { uid: Uid([number; 32]), is_member: false }
}

fn submission(rid: u8, by: u8, command: Command, content: Content) -> Submission {
    Submission { rid: Rid([rid; 32]), caller: caller(by), command, content }
}

/// Publishes a room with a card of so many bytes.
fn publish(rid: u8, bytes: usize) -> Submission {
    let command =
        Command::Publish { version: 1, policy: Policy::Request, digest: Hash([rid; 32]), listed: None };
    let mut publish = submission(rid, 1, command, Content::Frame(card(rid, bytes)));
    publish.caller.is_member = true;
    publish
}

fn card(rid: u8, bytes: usize) -> Vec<u8> {
    use vestibule_approve::{base64url::Blob, frames::Card, signed::Alg};
    pack(&Card {
        rid: Rid([rid; 32]),
        room_pub: Blob(vec![3; bytes]),
        alg: Alg::Ed25519,
        version: 1,
        policy: Policy::Request,
        name: None,
        sig: Fixed([4; 64]),
    })
}

/// A user's request in the room.
fn request(by: u8) -> Submission {
    let (request_id, digest) = (Fixed([by; 16]), Hash([by; 32]));
    let command =
        Command::Request { request_id, device: request_id, box_hash: digest, digest, exp: i64::MAX };
    submission(1, by, command, Content::Request { frame: vec![7; 100], account: None })
}

fn withdraw(by: u8) -> Submission {
    submission(1, by, Command::Withdraw { request_id: Fixed([by; 16]) }, Content::Nothing)
}

fn errors(outcomes: &[Outcome]) -> Vec<Option<StoreError>> {
    let error = |outcome: &Outcome| match outcome {
        Ok(_) => None,
        Err(CommandError::Store(error)) => Some(*error),
        Err(CommandError::Refused(refusal)) => panic!("refused: {refusal:?}"),
    };
    outcomes.iter().map(error).collect()
}

/// The users whose requests are stored.
async fn stored(store: &Store, users: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let (rid, mut found): (Rid, _) = (Rid([1; 32]), Vec::new());
    for user in users {
        let uid: Uid = Uid([user; 32]);
        if store.status(rid, uid, Fixed([user; 16])).await.unwrap().is_some() {
            found.push(user);
        }
    }
    found
}

#[tokio::test]
async fn a_command_that_does_not_fit_fails_alone() {
    // Only a file has a limit of its own.
    if testing::is_on_server() {
        return;
    }
    let stage = stage(&StoreConfig { max_bytes: Some(400_000), ..StoreConfig::default() });
    assert_eq!(stage.store.problem().await, None);
    let full = Some(StoreError::Full);
    let commands = vec![
        request(10),
        publish(2, 500_000),
        request(11),
        request(12),
        publish(3, 600_000),
        publish(4, 100),
        publish(5, 700_000),
    ];
    let outcomes = stage.at_once(commands);
    assert_eq!(errors(&outcomes), [None, full, None, None, full, None, full]);
    assert_eq!(stored(&stage.store, 10..14).await, [10, 11, 12]);
    for (rid, there) in [(2, false), (3, false), (4, true), (5, false)] {
        assert_eq!(stage.store.card(Rid([rid; 32])).await.unwrap().is_some(), there, "{rid}");
    }
    // In the order in which they came.
    let seqs: Vec<Seq> = outcomes.into_iter().flatten().map(|committed| committed.seq).collect();
    assert!(seqs.is_sorted() && seqs.iter().all(|seq| *seq > Seq::ZERO), "{seqs:?}");
    assert_eq!(stage.store.problem().await, Some(StoreProblem::Full));

    // A larger limit needs no restart.
    stage.store.set_max_bytes(Some(4_000_000));
    assert_eq!(errors(&stage.at_once(vec![publish(2, 500_000)])), [None]);
    stage.store.set_max_bytes(Some(400_000));
    assert_eq!(errors(&stage.at_once(vec![publish(3, 600_000), request(13)])), [full, None]);
    stage.store.set_max_bytes(None);
    assert_eq!(errors(&stage.at_once(vec![publish(3, 600_000)])), [None]);
}

/// Damages the empty tables: their pages are table leaves (0x0d) without a cell.
fn damage_empty_tables(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    for page in bytes.chunks_exact_mut(4096).skip(1).filter(|page| page[0] == 0x0d && page[3..5] == [0, 0]) {
        page.fill(0xaa);
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_page_refuses_the_command_that_meets_it_alone() {
    if testing::is_on_server() {
        return;
    }
    let stage = stage(&StoreConfig::default());
    stage.at_once(vec![request(10)])[0].as_ref().unwrap();
    let Stage { store, _writer: writer, place } = stage;
    let path = place.folder().path().join("test.db");
    drop(store);
    writer.stop();
    // The last connection to close writes the log into the file; the pool closes its connections on
    // other threads.
    let deadline = Instant::now() + Duration::from_secs(10);
    while path.with_extension("db-wal").exists() {
        assert!(Instant::now() < deadline, "the database is not closed");
        thread::sleep(Duration::from_millis(1));
    }
    damage_empty_tables(&path);

    let (store, writer) = Store::open(&path, &StoreConfig::default()).unwrap();
    let stage = Stage { store, _writer: writer, place };
    // A withdrawal stores a notice.
    let outcomes = stage.at_once(vec![request(11), withdraw(10), request(12)]);
    assert_eq!(errors(&outcomes), [None, Some(StoreError::Unavailable), None]);
    assert_eq!(stored(&stage.store, 10..13).await, [10, 11, 12]);
    assert_eq!(stage.store.problem().await, Some(StoreProblem::Unreadable));
}

#[tokio::test]
async fn background_commands_keep_order_and_give_way() {
    const MANY: usize = 3000;
    // On a server others have other writers.
    if testing::is_on_server() {
        return;
    }
    let stage = Arc::new(stage(&StoreConfig::default()));
    let done = Arc::new(AtomicUsize::new(0));
    let (begun, is_begun) = mpsc::channel();
    let asking = thread::spawn({
        let (stage, done) = (Arc::clone(&stage), Arc::clone(&done));
        move || {
            is_begun.recv().unwrap();
            let start = Instant::now();
            let (answer, is_answered) = mpsc::channel();
            let asked = Box::new(move |outcome: Outcome| answer.send(outcome.is_ok()).unwrap());
            stage.store.submit(request(10), asked);
            assert!(is_answered.recv().unwrap());
            (done.load(Ordering::Relaxed), start.elapsed())
        }
    });
    let commands = (0..MANY).map(|number| {
        let mut withdraw = withdraw(9);
        withdraw.command = Command::Withdraw { request_id: id(number) };
        withdraw
    });
    let mut heard = Vec::new();
    let each = |submission: Submission, outcome: Outcome| {
        outcome.unwrap();
        if heard.is_empty() {
            begun.send(()).unwrap();
        }
        heard.push(submission.command);
        done.fetch_add(1, Ordering::Relaxed);
    };
    stage.store.carry_out_in_background(commands, each).await.unwrap();
    let expected: Vec<Command> = (0..MANY).map(|n| Command::Withdraw { request_id: id(n) }).collect();
    assert_eq!(heard, expected);
    let (before, took) = asking.join().unwrap();
    assert!(before < MANY / 2, "{before} went before, in {took:?}");
}

fn id(number: usize) -> Fixed<16> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Fixed(id)
}

#[tokio::test]
async fn a_full_queue_does_not_stop_the_background() {
    let stage = stage(&StoreConfig { queue: 1, ..StoreConfig::default() });
    let (release, is_released) = mpsc::channel::<()>();
    stage.store.submit(withdraw(9), Box::new(move |_| is_released.recv().unwrap()));
    // The writer may take one more before the queue is full.
    let deadline = Instant::now() + Duration::from_secs(10);
    let full = Arc::new(AtomicUsize::new(0));
    while full.load(Ordering::Relaxed) == 0 {
        assert!(Instant::now() < deadline, "the queue does not fill");
        let full = Arc::clone(&full);
        let note = move |outcome: Outcome| {
            if outcome.is_err_and(|error| error == StoreError::Overloaded.into()) {
                full.fetch_add(1, Ordering::Relaxed);
            }
        };
        stage.store.submit(withdraw(9), Box::new(note));
    }
    let mut heard = 0;
    let chunk = stage
        .store
        .carry_out_in_background([withdraw(8)], |_, outcome| heard += usize::from(outcome.is_ok()));
    let (done, ()) = futures_util::future::join(chunk, async { release.send(()).unwrap() }).await;
    done.unwrap();
    assert_eq!(heard, 1);
}
