//! Threads: reads wait for their turn instead of each taking a thread of its own.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use vestibule_tests::{http::Request, process::Server};

use crate::server;

/// Clients that ask at once.
const CLIENTS: usize = 200;
/// How often each one asks.
const READS: usize = 5;

/// The threads of a process (proc(5)).
fn threads(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("a number of threads");
    line.trim().parse().expect("a number")
}

/// Each thread that serves clients has four beside it, as has the main thread; one writes the
/// store, and some are the libraries'.
fn bound() -> usize {
    let serving = thread::available_parallelism().map_or(1, Into::into);
    5 * (serving + 1) + 8
}

#[test]
fn a_storm_of_reads_uses_few_threads() {
    let server = server();
    let (address, is_over, most) = (server.address(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..READS {
                        let answer = Request::get("/v1/rooms").send(address).expect("a response");
                        assert_eq!(answer.status, 200, "{}", answer.text());
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                most.fetch_max(threads(&server), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
        });
        for client in clients {
            client.join().expect("answers");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let (most, bound) = (most.into_inner(), bound());
    println!("{CLIENTS} clients read: at most {most} threads");
    assert!(most <= bound, "{most} threads, where there should be at most {bound}");
}
