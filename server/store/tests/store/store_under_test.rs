//! The store itself, and how it is compared with the reference after each step.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use proptest_state_machine::StateMachineTest;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use vestibule_approve::{
    limits::Quotas,
    refusal::Refusal,
    rules::{Change, Decision, RequestState},
};
use vestibule_store::{Clock, CommandError, Committed, Seq, Store, StoreConfig, UnixMicros, Writer};

use crate::{
    actions::Deed,
    lists,
    world::{Step, World},
};

pub(crate) struct Comparison;

impl StateMachineTest for Comparison {
    type SystemUnderTest = Subject;
    type Reference = World;

    fn init_test(world: &World) -> Subject {
        let mut subject = Subject::new(world);
        subject.seqs.push(subject.carry_out(world.founding()).expect("a room").seq);
        subject
    }

    fn apply(mut subject: Subject, world: &World, step: Step) -> Subject {
        subject.now_us.store(world.now_us, Ordering::Relaxed);
        match step {
            Step::Do(deed) => {
                let expected = world.outcome.as_ref().expect("a deed has an outcome");
                match (subject.carry_out(&deed), expected) {
                    (Ok(committed), Ok(decision)) => subject.compare(world, &committed, decision),
                    (Err(found), Err(expected)) => assert_eq!(found, *expected, "refused for another reason"),
                    (found, expected) => panic!("the store says {found:?}, the reference {expected:?}"),
                }
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
    folder: TempDir,
    quotas: Quotas,
    now_us: Arc<AtomicI64>,
    /// The seq of each change, in their order: the reference counts from one.
    seqs: Vec<Seq>,
    /// The seq that the last start has taken.
    started: Seq,
}

impl Subject {
    fn new(world: &World) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let (now_us, quotas) = (Arc::new(AtomicI64::new(world.now_us)), world.quotas);
        let mut subject =
            Self { runtime, running: None, folder, quotas, now_us, seqs: Vec::new(), started: Seq::ZERO };
        subject.open();
        subject
    }

    fn store(&self) -> &Store {
        &self.running.as_ref().expect("an open store").0
    }

    fn carry_out(&self, deed: &Deed) -> Result<Committed, Refusal> {
        self.runtime.block_on(self.store().carry_out(deed.submission())).map_err(|error| match error {
            CommandError::Refused(refusal) => refusal,
            CommandError::Store(error) => panic!("{error}"),
        })
    }

    /// What the store says it did, against what the reference did.
    fn compare(&mut self, world: &World, committed: &Committed, expected: &Decision) {
        assert_eq!(committed.at, world.now());
        if expected.change.is_some() {
            assert_eq!(committed.seq, Seq(world.now_us.max(self.last().0 + 1)));
            self.seqs.push(committed.seq);
        } else {
            assert_eq!(committed.seq, Seq::ZERO, "nothing changed");
        }
        let answer = lists::with_seq(expected.answer, |seq| lists::seq(&self.seqs, seq));
        assert_eq!(committed.decision, Decision { answer, ..*expected });
        let told = lists::told_last(world, &self.seqs).filter(|_| expected.change.is_some());
        assert_eq!(committed.notice, told);
        assert!(committed.reopened.iter().all(|item| item.state == RequestState::Pending));
        match expected.change {
            Some(Change::Nack { reopens: true } | Change::Lapse { reopens: true }) => {
                let seqs: Vec<Seq> = committed.reopened.iter().map(|item| item.seq).collect();
                assert_eq!(seqs, [committed.seq]);
            }
            // However many the denial held back: the lists show which.
            Some(Change::Unblock | Change::AddApprove { overrules: true, .. }) => {}
            _ => assert!(committed.reopened.is_empty()),
        }
    }

    fn open(&mut self) {
        let now_us = Arc::clone(&self.now_us);
        let clock = Clock::new(move || UnixMicros(now_us.load(Ordering::Relaxed)));
        let store = Store::open(
            &self.folder.path().join("v.db"),
            &StoreConfig { quotas: self.quotas, clock, ..StoreConfig::default() },
        );
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

    /// What a crash leaves: the files as they are between two commits, the log not written back.
    fn crash(&mut self) {
        let left = tempfile::tempdir().expect("a temporary folder");
        for name in ["v.db", "v.db-wal", "v.mark"] {
            fs::copy(self.folder.path().join(name), left.path().join(name)).expect("a file of the store");
        }
        self.close();
        self.folder = left;
        self.open();
    }
}
