//! The store itself, and how it is compared with the reference after each step.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
};

use proptest_state_machine::StateMachineTest;
use tokio::runtime::{Builder, Runtime};
use vestibule_approve::{
    base64url::Fixed,
    ids::Uid,
    limits::Quotas,
    rules::{Caller, Command, Decision, RequestState},
};
use vestibule_store::{Clock, CommandError, Committed, Seq, Store, StoreConfig, UnixMicros, Writer};

use crate::{
    actions::{Act, Deed},
    lists,
    testing::{self, Place},
    world::{Outcome, Step, World},
};

pub(crate) struct Comparison;

impl StateMachineTest for Comparison {
    type SystemUnderTest = Subject;
    type Reference = World;

    fn init_test(world: &World) -> Subject {
        let mut subject = Subject::new(world);
        subject.seqs.push(subject.carry_out(&[world.founding().clone()])[0].as_ref().expect("a room").seq);
        subject
    }

    fn apply(mut subject: Subject, world: &World, step: Step) -> Subject {
        subject.set_clock(world);
        match step {
            Step::Do(deed) => {
                let committed = subject.runtime.block_on(subject.store().carry_out(deed.submission()));
                subject.compare_each(world, vec![committed]);
            }
            Step::Together(deeds) => {
                let committed = subject.carry_out(&deeds);
                subject.compare_each(world, committed);
            }
            Step::Pass(_) => {}
            Step::Tidy => {
                let tidied = subject.store().tidy(world.now());
                subject.runtime.block_on(tidied).expect("a store that can be tidied");
            }
            Step::Remove(rid) => {
                let mut seqs = Vec::new();
                let removing = subject.store().remove_room(rid, |_, _, ended| seqs.push(ended.seq));
                subject.runtime.block_on(removing).expect("a store that can remove");
                subject.seqs.extend(seqs);
            }
            Step::Erase(uid) => {
                let mut seqs = Vec::new();
                let erasing = subject.store().erase_user(uid, |_, _, ended| seqs.push(ended.seq));
                subject.runtime.block_on(erasing).expect("a store that can erase");
                subject.seqs.extend(seqs);
            }
            Step::Restart => {
                subject.close();
                subject.open();
            }
            Step::Crash => subject.crash(),
        }
        subject
    }

    fn check_invariants(subject: &Subject, world: &World) {
        subject.runtime.block_on(lists::compare(subject.store(), world, &subject.seqs, subject.last()));
    }

    fn teardown(mut subject: Subject, world: World) {
        let comparing = lists::compare_page_by_page(subject.store(), &world, &subject.seqs);
        subject.runtime.block_on(comparing);
        subject.close();
    }
}

/// A store in a folder of its own.
pub(crate) struct Subject {
    runtime: Runtime,
    /// Nothing only while it is opened again.
    running: Option<(Store, Writer)>,
    place: Place,
    quotas: Quotas,
    now_us: Arc<AtomicI64>,
    /// The seq of each change, in their order: the reference counts from one.
    seqs: Vec<Seq>,
    /// The seq that the last start has taken.
    started: Seq,
}

impl Subject {
    fn new(world: &World) -> Self {
        let place = Place::new();
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (now_us, quotas) = (Arc::new(AtomicI64::new(world.now_us)), world.quotas);
        let mut subject =
            Self { runtime, running: None, place, quotas, now_us, seqs: Vec::new(), started: Seq::ZERO };
        subject.open();
        subject
    }

    fn store(&self) -> &Store {
        &self.running.as_ref().expect("an open store").0
    }

    /// On a server each stream has seqs of its own. Where the clock is always ahead of the last
    /// one, they come as if there were one stream for all.
    fn set_clock(&self, world: &World) {
        let ahead = if testing::is_on_server() {
            let first = world.now() * 1000;
            (self.last().0 + 1).clamp(first, first + 999)
        } else {
            world.now_us
        };
        self.now_us.store(ahead, Ordering::Relaxed);
    }

    /// Has all deeds come at once, so that they go into one transaction: on a server, if they are
    /// of one room.
    fn carry_out(&self, deeds: &[Deed]) -> Vec<Result<Committed, CommandError>> {
        let Some(Deed { rid, .. }) = deeds.first() else { return Vec::new() };
        // The callback of the first command blocks the writer, so that the others gather.
        let (reached, is_reached) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let hold = move |_| {
            reached.send(()).expect("a test that waits");
            is_released.recv().expect("a test that goes on");
        };
        let caller = Caller { uid: Uid([255; 32]), is_member: false };
        let act = Act::Plain(Command::Withdraw { request_id: Fixed([255; 16]) });
        self.store().submit(Deed { rid: *rid, caller, act }.submission(), Box::new(hold));
        is_reached.recv().expect("a writer that comes to it");
        let (answer, answers) = mpsc::channel();
        for deed in deeds {
            let answer = answer.clone();
            let done = move |outcome| answer.send(outcome).expect("a test that waits");
            self.store().submit(deed.submission(), Box::new(done));
        }
        release.send(()).expect("a writer that waits");
        deeds.iter().map(|_| answers.recv().expect("an answer")).collect()
    }

    /// What the store says it did, against what the reference did, in the same order.
    fn compare_each(&mut self, world: &World, committed: Vec<Result<Committed, CommandError>>) {
        assert_eq!(committed.len(), world.outcomes.len());
        for (committed, expected) in committed.into_iter().zip(&world.outcomes) {
            match (committed, &expected.decided) {
                (Ok(committed), Ok(decision)) => self.compare(world, &committed, decision, expected),
                (Err(CommandError::Refused(found)), Err(expected)) => {
                    assert_eq!(found, *expected, "refused for another reason");
                }
                (found, expected) => panic!("the store says {found:?}, the reference {expected:?}"),
            }
        }
    }

    fn compare(&mut self, world: &World, committed: &Committed, expected: &Decision, outcome: &Outcome) {
        assert_eq!(committed.at, world.now());
        if expected.change.is_some() {
            let now_us = self.now_us.load(Ordering::Relaxed);
            assert_eq!(committed.seq, Seq(now_us.max(self.last().0 + 1)));
            self.seqs.push(committed.seq);
        } else {
            assert_eq!(committed.seq, Seq::ZERO, "nothing changed");
        }
        let answer = lists::with_seq(expected.answer, |seq| lists::seq(&self.seqs, seq));
        assert_eq!(committed.decision, Decision { answer, ..*expected });
        assert_eq!(committed.notice, outcome.told.as_ref().map(|notice| lists::told(notice, &self.seqs)));
        assert!(committed.reopened.iter().all(|item| item.state == RequestState::Pending));
        let reopened: Vec<_> =
            committed.reopened.iter().map(|item| (item.uid, item.request.request_id, item.seq)).collect();
        let expected =
            outcome.reopened.iter().map(|(uid, id, seq)| (*uid, *id, lists::seq(&self.seqs, *seq)));
        assert_eq!(reopened, expected.collect::<Vec<_>>());
    }

    fn open(&mut self) {
        let now_us = Arc::clone(&self.now_us);
        let clock = Clock::new(move || UnixMicros(now_us.load(Ordering::Relaxed)));
        let config = StoreConfig { quotas: self.quotas, clock, ..StoreConfig::default() };
        let store = Store::open(self.place.location(), &config);
        self.running = Some(store.expect("a store that opens"));
        self.started = Seq(self.now_us.load(Ordering::Relaxed).max(self.last().0 + 1));
    }

    /// The seq that the store has given last.
    fn last(&self) -> Seq {
        self.seqs.last().copied().unwrap_or_default().max(self.started)
    }

    fn close(&mut self) {
        if let Some((store, writer)) = self.running.take() {
            drop(store);
            writer.stop();
        }
    }

    /// What a crash leaves: the files as they are between two commits, the log not written back. On
    /// a server, all connections end.
    fn crash(&mut self) {
        if testing::is_on_server() {
            return self.place.disconnect();
        }
        let left = Place::new();
        let (from, to) = (self.place.folder().path(), left.folder().path());
        for name in ["test.db", "test.db-wal", "test.mark"] {
            fs::copy(from.join(name), to.join(name)).expect("a file of the store");
        }
        self.close();
        self.place = left;
        self.open();
    }
}
