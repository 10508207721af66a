//! Group commit: how many commands a second become durable (synchronous=FULL), with 1, 16 and 256
//! concurrent senders.
//!
//! Each sender waits for its command to be committed before it sends the next, as a client that
//! waits for its reply does.
//!
//! ```text
//! cargo bench -p vestibule-store --bench group_commit [-- SECONDS]
//! ```

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use vestibule_approve::{
    base64url::Fixed,
    frames::Policy,
    ids::{Hash, Rid, Uid},
    rules::{Caller, Command},
    signed::Signed,
};
use vestibule_store::{Content, Store, StoreConfig, Submission};

/// About what a request takes as MessagePack.
const FRAME: usize = 450;

fn main() {
    // Cargo hands `--bench` to a benchmark of its own making.
    let seconds = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5_u32) as usize;
    println!("{:>8} {:>14} {:>12} {:>12}", "senders", "commands/s", "median ms", "p99 ms");
    for senders in [1, 16, 256] {
        let (count, mut latencies) = run(senders, Duration::from_secs(seconds as u64));
        latencies.sort_unstable();
        let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
        println!("{senders:>8} {:>14} {:>12.2} {:>12.2}", count / seconds, at(50), at(99));
    }
}

/// The number of committed commands, and how long each sender waited for each.
fn run(senders: u64, time: Duration) -> (usize, Vec<Duration>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
    let (store, writer) = Store::open(&folder.path().join("bench.db"), &StoreConfig::default())
        .expect("a fresh database opens");
    let store = Arc::new(store);
    let rid = Rid([1; 32]);
    let (version, policy, digest) = (1, Policy::Request, Hash([2; 32]));
    let publish = Command::Publish { version, policy, digest, listed: None };
    carry_out(
        &store,
        Submission { rid, caller: caller(0), command: publish, content: Content::Frame(card()) },
    );

    let next = Arc::new(AtomicU64::new(1));
    let end = Instant::now() + time;
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            thread::spawn(move || {
                let mut latencies = Vec::new();
                while Instant::now() < end {
                    let start = Instant::now();
                    carry_out(&store, request(next.fetch_add(1, Ordering::Relaxed)));
                    latencies.push(start.elapsed());
                }
                latencies
            })
        })
        .collect();
    let latencies: Vec<_> =
        threads.into_iter().flat_map(|thread| thread.join().expect("a sender does not panic")).collect();
    writer.stop();
    (latencies.len(), latencies)
}

fn carry_out(store: &Store, submission: Submission) {
    let (sender, committed) = mpsc::channel();
    store
        .submit(submission, Box::new(move |result| sender.send(result.map(drop)).expect("it is waited for")));
    committed.recv().expect("every command is answered").expect("every command is carried out");
}

fn caller(number: u64) -> Caller {
    Caller { uid: Uid(Signed::new("user").int(number).hash().0), is_member: number == 0 }
}

fn request(number: u64) -> Submission {
    let digest = Signed::new("request").int(number).hash();
    let mut request_id = Fixed([0; 16]);
    request_id.0.copy_from_slice(&digest.0[..16]);
    let command =
        Command::Request { request_id, device: request_id, box_hash: digest, digest, exp: i64::MAX };
    let content = Content::Request { frame: vec![7; FRAME], account: None };
    Submission { rid: Rid([1; 32]), caller: caller(number), command, content }
}

fn card() -> Vec<u8> {
    use vestibule_approve::{base64url::Blob, frames::Card, signed::Alg};
    vestibule_store::pack(&Card {
        rid: Rid([1; 32]),
        room_pub: Blob(vec![3; 32]),
        alg: Alg::Ed25519,
        version: 1,
        policy: Policy::Request,
        name: None,
        sig: Fixed([4; 64]),
    })
}
