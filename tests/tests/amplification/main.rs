//! What a byte from outside can cause: bytes kept, sent back and sent to others, and processor
//! time.
//!
//! Every input is a row of [`ROWS`], which names its sender and its bounds. The tests send each of
//! them to the real server and count its allocations to the byte (`heap.c`). `docs/threats.md`
//! shows measurements with more of each: `make amplification` prints them.

mod connection;
mod document;
mod events;
mod fixed;
mod measured_server;
mod measurement;
mod meter;
mod participants;
mod requests;
mod row;
mod rows;

use std::{env, thread};

use self::document::Table;
use self::fixed::COSTS;
use self::measured_server::MeasuredServer;
use self::measurement::{Cost, Effort, measure, slack};
use self::row::{FURTHER, KEPT, Row};
use self::rows::ROWS;

/// How many servers are measured at once: most of the time goes to waiting until everything sent
/// has been handled.
const LANES: usize = 9;

/// Enough to tell four bytes from five.
const QUICK: Effort = Effort { bytes: 400 << 10, message: 200 << 10, request: 60 << 10 };
/// For the document.
const THOROUGH: Effort = Effort { bytes: 2 << 20, message: 200 << 10, request: 60 << 10 };

/// The costs of a row that exceed their bounds.
fn faults(row: &Row, cost: &Cost) -> Vec<String> {
    let at_most = |what: &str, found: f64, most: f64| {
        (found > most)
            .then(|| format!("{} ({}): {found:.2} {what}, at most {most}", row.way, row.role.name()))
    };
    let left =
        (cost.left > slack(row)).then(|| format!("{}: {} bytes kept after the close", row.way, cost.left));
    let ratios = [
        at_most("kept of a byte", cost.kept, KEPT),
        at_most("kept of a further byte", cost.further, FURTHER),
        at_most("sent back", cost.back, row.most.back),
        at_most("sent to each", cost.each, row.most.each),
        at_most("allocated meanwhile", cost.handled, row.most.handled),
    ];
    ratios.into_iter().flatten().chain(left).collect()
}

/// The rows whose names contain `VESTIBULE_WAY`; all of them without it.
fn chosen() -> impl Iterator<Item = &'static Row> {
    let part = env::var("VESTIBULE_WAY").unwrap_or_default();
    ROWS.iter().filter(move |row| row.way.contains(&part))
}

/// The costs of rows that exceed their bounds, on a server of their own: all allocations of a
/// process are counted.
fn check(rows: &[&Row]) -> Vec<String> {
    let measured = MeasuredServer::new();
    // Fills the buffers that a server keeps for later clients.
    for row in rows.iter().take(1) {
        measure(&measured, row, QUICK);
    }
    let check = |row: &&Row| {
        let cost = measure(&measured, row, QUICK);
        println!("{}", document::line(row, &cost));
        match &faults(row, &cost)[..] {
            [] => Vec::new(),
            // A read buffer may grow late if much happens to arrive at once. Memory that is really
            // kept is kept again.
            _ => faults(row, &measure(&measured, row, QUICK)),
        }
    };
    rows.iter().flat_map(check).collect()
}

/// Handles parts of a list concurrently, and returns the results.
fn in_lanes<'a, T: Sync, R: Send>(all: &'a [T], handle: impl Fn(&'a [T]) -> Vec<R> + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let lanes: Vec<_> =
            all.chunks(all.len().div_ceil(LANES).max(1)).map(|lane| scope.spawn(|| handle(lane))).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("a server to measure")).collect()
    })
}

#[test]
fn no_input_costs_more_than_its_bound() {
    let faults = in_lanes(&chosen().collect::<Vec<_>>(), check);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_fixed_size_response_exceeds_its_bound() {
    let found = in_lanes(COSTS, |costs| {
        let measured = MeasuredServer::new();
        costs.iter().map(|cost| (cost, cost.measure(&measured, fixed::FEW))).collect()
    });
    for (cost, bytes) in &found {
        println!("{}: {bytes} bytes, at most {}", cost.of, cost.most);
    }
    assert!(found.iter().all(|(cost, bytes)| *bytes <= cost.most), "one costs more");
}

#[test]
#[ignore = "for the document, with more of each: `make amplification`"]
fn prints_the_amplification_table() {
    let measured = MeasuredServer::new();
    println!("{}", Table::HEAD);
    for row in chosen() {
        println!("{}", document::line(row, &measure(&measured, row, THOROUGH)));
    }
    println!("\n{}", Table::FIXED_HEAD);
    for cost in COSTS {
        println!("{}", document::fixed_line(cost, cost.measure(&measured, fixed::MANY)));
    }
}
