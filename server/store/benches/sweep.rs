//! What a sweep costs others: how long commands wait while many requests end, and how long that
//! takes; with each way of ending them, and exclusive.
//!
//! ```text
//! cargo bench -p vestibule-store --bench sweep [-- REQUESTS]
//! ```

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use vestibule_approve::{
    base64url::Fixed,
    frames::Policy,
    ids::{Hash, Rid, Uid},
    limits::Quotas,
    rules::{Caller, Command},
    signed::Signed,
};
use vestibule_store::{Clock, Content, Store, StoreConfig, Submission, UnixMicros};

/// About what a request takes as MessagePack.
const FRAME: usize = 450;
/// Who sends commands meanwhile, each waiting for an answer before the next.
const SENDERS: u64 = 4;
const NOW: i64 = 1_700_000_000_000;
const END: i64 = NOW + 60_000;

fn main() {
    let requests = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(50_000);
    println!("{:>12} {:>10} {:>12} {:>12} {:>12}", "way", "seconds", "commands/s", "median ms", "p99 ms");
    for way in [Way::Not, Way::AtOnce, Way::Piecemeal] {
        measure(way, requests);
    }
}

/// How what is over is ended.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It is not.
    Not,
    /// As commands of clients are.
    AtOnce,
    Piecemeal,
}

fn measure(way: Way, requests: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
    let now_us = Arc::new(AtomicI64::new(NOW * 1000));
    let clock = Clock::new({
        let now_us = Arc::clone(&now_us);
        move || UnixMicros(now_us.fetch_add(1, Ordering::Relaxed))
    });
    let quotas = Quotas { open_in_all: 10_000_000, open_per_room: 10_000_000, ..Quotas::default() };
    let settings = StoreConfig { quotas, clock, ..StoreConfig::default() };
    let (store, writer) = Store::open(&folder.path().join("bench.db"), &settings).expect("a database");
    let store = Arc::new(store);
    publish(&store);
    for first in (0..requests).step_by(256) {
        let some = first..requests.min(first + 256);
        let answers: Vec<_> = some.map(|number| submit(&store, request(number, END))).collect();
        for answer in answers {
            answer.recv().expect("an answer");
        }
    }
    now_us.store((END + 1) * 1000, Ordering::Relaxed);

    let is_over = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(requests));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (store, next, is_over) = (Arc::clone(&store), Arc::clone(&next), Arc::clone(&is_over));
            thread::spawn(move || {
                let mut latencies = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    submit(&store, request(number, i64::MAX)).recv().expect("an answer");
                    latencies.push(start.elapsed());
                }
                latencies
            })
        })
        .collect();
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match way {
        Way::Not => thread::sleep(Duration::from_secs(5)),
        Way::AtOnce | Way::Piecemeal => runtime.block_on(sweep(&store, way)),
    }
    let took = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let mut latencies: Vec<Duration> =
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender does not panic")).collect();
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let way = format!("{way:?}");
    let (seconds, rate) = (took.as_secs_f64(), latencies.len() as u128 * 1000 / took.as_millis().max(1));
    println!("{way:>12} {seconds:>10.1} {rate:>12} {:>12.2} {:>12.2}", at(50), at(99));
    drop(store);
    writer.stop();
}

async fn sweep(store: &Store, way: Way) {
    loop {
        let due = store.due(END + 1).await.expect("a store that can be read");
        if due.is_empty() {
            return;
        }
        let ending = due.into_iter().map(|due| {
            let caller = Caller { uid: due.uid, is_member: false };
            Submission { rid: due.rid, caller, command: due.command, content: Content::Nothing }
        });
        match way {
            Way::Not => return,
            Way::AtOnce => {
                for ended in join_all(ending.map(|ending| store.carry_out(ending))).await {
                    ended.expect("what is over ends");
                }
            }
            Way::Piecemeal => {
                let each = |_, ended: Result<_, _>| drop(ended.expect("what is over ends"));
                store.carry_out_in_background(ending, each).await.expect("a store that can write");
            }
        }
    }
}

/// Submits a command; what is received says that it is committed.
fn submit(store: &Store, submission: Submission) -> mpsc::Receiver<()> {
    let (sender, committed) = mpsc::channel();
    let done = move |result: Result<_, _>| {
        result.map(drop).expect("every command is carried out");
        sender.send(()).expect("it is waited for");
    };
    store.submit(submission, Box::new(done));
    committed
}

fn publish(store: &Store) {
    use vestibule_approve::{base64url::Blob, frames::Card, signed::Alg};
    let card = vestibule_store::pack(&Card {
        rid: Rid([1; 32]),
        room_pub: Blob(vec![3; 32]),
        alg: Alg::Ed25519,
        version: 1,
        policy: Policy::Request,
        name: None,
        sig: Fixed([4; 64]),
    });
    let command =
        Command::Publish { version: 1, policy: Policy::Request, digest: Hash([2; 32]), listed: None };
    let caller = Caller { uid: Uid([9; 32]), is_member: true };
    let publish = Submission { rid: Rid([1; 32]), caller, command, content: Content::Frame(card) };
    submit(store, publish).recv().expect("an answer");
}

fn request(number: u64, exp: i64) -> Submission {
    let digest = Signed::new("request").int(number).hash();
    let mut request_id = Fixed([0; 16]);
    request_id.0.copy_from_slice(&digest.0[..16]);
    let command = Command::Request { request_id, device: request_id, box_hash: digest, digest, exp };
    let content = Content::Request { frame: vec![7; FRAME], account: None };
    let caller = Caller { uid: Uid(Signed::new("user").int(number).hash().0), is_member: false };
    Submission { rid: Rid([1; 32]), caller, command, content }
}
