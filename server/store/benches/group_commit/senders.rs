//! Senders, each of which waits for one command after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Builder;
use vestibule_store::{Store, Submission};

use crate::{
    cpu::Cpu,
    place::Place,
    work::{Measured, Newcomer, ROOMS, publish},
};

/// So many senders at once, for so long.
pub(crate) fn run(senders: usize, time: Duration) -> Measured {
    let place = Place::new();
    let (_folder, store, writer) = place.open();
    let store = Arc::new(store);
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let measured = runtime.block_on(async {
        for number in 0..ROOMS {
            carry_out(&store, publish(number)).await;
        }
        let next = Arc::new(AtomicU64::new(0));
        let (before, began) = (Cpu::of_writers(), Instant::now());
        let tasks: Vec<_> = (0..senders)
            .map(|_| tokio::spawn(send(Arc::clone(&store), Arc::clone(&next), began + time)))
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.expect("a sender does not panic"));
        }
        let (took, cpu) = (began.elapsed(), Cpu::of_writers().since(before));
        Measured { took, commands: latencies.len(), latencies, cpu }
    });
    writer.stop();
    measured
}

async fn send(store: Arc<Store>, next: Arc<AtomicU64>, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        for command in Newcomer::new(next.fetch_add(1, Ordering::Relaxed)).commands() {
            let began = Instant::now();
            carry_out(&store, command).await;
            latencies.push(began.elapsed());
        }
    }
    latencies
}

async fn carry_out(store: &Store, submission: Submission) {
    let committed = store.carry_out(submission).await.expect("every command is carried out");
    assert!(committed.decision.change.is_some(), "every command changes something");
}
