//! Reads from a large store: 2 million requests in 20,000 rooms, a tenth of them open.
//!
//! How long a join, and each list that a client asks for, takes: one after the other, of rooms and
//! users drawn at random. With `VESTIBULE_TEST_POSTGRES` the store is on that server.
//!
//! ```text
//! cargo bench -p vestibule-store --bench large [-- REQUESTS]
//! ```

mod fill;
#[path = "../group_commit/place.rs"]
mod place;

use std::{
    env,
    future::Future,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;
use vestibule_approve::{ids::Seq, items::Cursor, limits::PAGE};
use vestibule_store::{Store, StoreError};

use fill::{ROOMS, room, user, users};
use place::Place;

/// How often each is read.
const READS: u64 = 2000;

fn main() {
    // Cargo hands `--bench` to a benchmark of its own making.
    let requests = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(2_000_000);
    let mut place = Place::new();
    eprintln!("storing {requests} requests in {ROOMS} rooms on {}", Place::kind());
    let began = Instant::now();
    fill::fill(&mut place.connection, requests);
    eprintln!("stored after {} s", began.elapsed().as_secs());
    let (_folder, store, writer) = place.open();
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    println!("| {} | p50 ms | p99 ms |\n|---|---|---|", Place::kind());
    runtime.block_on(read_all(&store, users(requests)));
    writer.stop();
}

async fn read_all(store: &Store, users: u64) {
    let start = || Cursor::START;
    let draw = |number: u64| (room(fastrand::u64(..ROOMS)), user(number % users));
    time("join of a room", |number| {
        let (rid, uid) = draw(number);
        store.join_snapshot(uid, Some(rid), Seq::ZERO)
    })
    .await;
    time("join of an inbox", |number| store.join_snapshot(draw(number).1, None, Seq::ZERO)).await;
    time("pending", |number| store.pending(draw(number).0, start(), PAGE)).await;
    time("approved", |number| store.approved(draw(number).1, None, start(), PAGE)).await;
    time("mine", |number| store.mine(draw(number).1, None, start(), PAGE)).await;
    time("notices", |number| store.notices(draw(number).1, None, start(), PAGE)).await;
}

/// Prints how long a read takes.
async fn time<T, F: Future<Output = Result<T, StoreError>>>(what: &str, mut read: impl FnMut(u64) -> F) {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..READS {
        let began = Instant::now();
        read(fastrand::u64(..)).await.expect("the store can be read");
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!("| {what} | {:.2} | {:.2} |", at(50), at(99));
}
