//! Group commit: how many commands a second become durable, and what one costs.
//!
//! Many newcomers' requests, each approved and acked, in many rooms. Each sender waits for its
//! command to be committed before it sends the next, as a client that waits for its reply does.
//! Beside it, on the same disk: each command in a transaction of its own, statement by statement;
//! batches statement by statement on one connection; and the same rows inserted in bulk.
//!
//! A sync takes at least 3.8 ms here, whatever the disk. With `VESTIBULE_TEST_POSTGRES` the store
//! is on that server, which must run with `slow_sync.c` too (`make bench-store`), and the server's
//! CPU counts as well.
//!
//! ```text
//! cargo bench -p vestibule-store --bench group_commit [-- SECONDS]
//! ```

mod baseline;
mod cpu;
mod disk;
mod place;
mod senders;
mod work;

use std::{env, time::Duration};

use place::Place;

/// How many senders wait at once.
const SENDERS: [usize; 4] = [1, 16, 256, 4096];

fn main() {
    disk::run_on_a_slow_one();
    // Cargo hands `--bench` to a benchmark of its own making.
    let seconds = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5_u64);
    let time = Duration::from_secs(seconds);
    println!("{}", Place::kind());
    println!("| | commands/s | p50 ms | p99 ms | CPU µs a command | of the server's |");
    println!("|---|---|---|---|---|---|");
    baseline::one_by_one(1, time).print("one transaction a command");
    baseline::one_by_one(64, time).print("one writer, batches of 64, statement by statement");
    baseline::in_bulk(256, time).print("the same rows in bulk, 256 commands a transaction");
    for senders in SENDERS {
        senders::run(senders, time).print(&format!("{senders} senders"));
    }
}
