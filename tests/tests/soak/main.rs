//! A soak: a hundred honest clients keep asking, approving and talking, first alone, then beside
//! everything that hostile and clumsy clients are known to do. None of the honest ones may be cut
//! or answered wrongly, and in the long form 99 of a hundred exchanges take at most twice as long
//! as alone.
//!
//! The short form, a test, says nothing about times: `make soak` does, on an idle machine. Each
//! honest room and each attack has addresses of its own, since limits are by address.

mod attacks;
mod client;
mod honest;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vestibule_approve::signed::Alg;
use vestibule_tests::people::Room;
use vestibule_tests::process::{Launch, Server};

use self::attacks::{ATTACKS, Target};
use self::client::Fault;
use self::honest::{CLIENTS, Group, Seen};

/// How long, and how much.
struct Extent {
    groups: u16,
    /// Between the starts of two rounds of a party.
    pause: Duration,
    alone: Duration,
    tried: Duration,
    guests: usize,
}

/// Times below this are the machine's.
const NOISE: Duration = Duration::from_millis(20);

/// The results of both phases.
struct Outcome {
    alone: Seen,
    tried: Seen,
    faults: Vec<Fault>,
}

fn soak(extent: &Extent) -> Outcome {
    let server = Server::start(Launch::untouched());
    let rooms: Vec<_> = (0..extent.groups).map(|_| Arc::new(Room::new(Alg::Ed25519))).collect();
    let groups =
        rooms.iter().zip(0..).map(|(room, number)| Group::new(server.address(), number, Arc::clone(room)));
    let mut groups: Vec<_> = groups.collect::<Result<_, _>>().expect("honest people come in");
    println!("{} honest clients in {} rooms", groups.len() * CLIENTS, groups.len());

    let mut faults = Vec::new();
    let alone = phase("alone", &mut groups, extent, extent.alone, &mut faults, |_| {});
    let turns = ATTACKS.each_ref().map(|_| AtomicUsize::new(0));
    let tried = phase("under trial", &mut groups, extent, extent.tried, &mut faults, |is_over| {
        let target = &Target { server: &server, rooms: &rooms, guests: extent.guests, is_over };
        thread::scope(|scope| {
            for (attack, turns) in ATTACKS.iter().zip(&turns) {
                scope.spawn(move || attack.run(target, turns));
            }
        });
    });
    println!("\n| trial | turns |\n|---|---|");
    for (attack, turns) in ATTACKS.iter().zip(&turns) {
        println!("| {} | {} |", attack.name, turns.load(Ordering::Relaxed));
    }
    println!("\nthe server's memory at the end: {} KiB resident", server.resident());
    Outcome { alone, tried, faults }
}

/// Runs all parties for a time, with something beside them.
fn phase(
    name: &str,
    groups: &mut [Group],
    extent: &Extent,
    time: Duration,
    faults: &mut Vec<Fault>,
    beside: impl FnOnce(&AtomicBool) + Send,
) -> Seen {
    let (is_over, rounds) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let running: Vec<_> =
            groups.iter_mut().map(|group| scope.spawn(|| group.run(extent.pause, rounds, is_over))).collect();
        scope.spawn(move || beside(is_over));
        let start = Instant::now();
        let mut told = start;
        while start.elapsed() < time && !running.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(100));
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                println!(
                    "{name}, {} s: {} rounds",
                    start.elapsed().as_secs(),
                    rounds.load(Ordering::Relaxed)
                );
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for group in running {
            match group.join().expect("a party says what is wrong") {
                Ok(of_one) => seen.add(of_one),
                Err(fault) => faults.push(fault),
            }
        }
    });
    seen
}

/// The time below which this percentage of the times is.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get((times.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default()
}

/// Prints the closing table; returns the ratios of the 99th percentiles that are above the noise.
fn report(outcome: &Outcome) -> Vec<f64> {
    let Outcome { alone, tried, faults } = outcome;
    let cut = faults.iter().filter(|fault| matches!(fault, Fault::Cut(_))).count();
    println!("\n| sent | wrong | cut |\n|---|---|---|");
    println!("| {} | {} | {cut} |", alone.sent + tried.sent, faults.len() - cut);
    println!(
        "\n| from request to acknowledgement | p50 alone | under trial | p99 alone | under trial | ratio |"
    );
    println!("|---|---|---|---|---|---|");
    let ways =
        [("WebSocket", &alone.websocket, &tried.websocket), ("long poll", &alone.longpoll, &tried.longpoll)];
    let ratio = |(name, alone, tried): (&str, &Vec<Duration>, &Vec<Duration>)| {
        let [p50, p99] = [50, 99].map(|percent| (percentile(alone, percent), percentile(tried, percent)));
        let ratio = p99.1.as_secs_f64() / p99.0.max(NOISE).as_secs_f64();
        println!("| {name} | {:?} | {:?} | {:?} | {:?} | {ratio:.2} |", p50.0, p50.1, p99.0, p99.1);
        ratio
    };
    ways.map(ratio).to_vec()
}

#[test]
fn honest_clients_are_served_beside_hostile_ones() {
    let second = Duration::from_secs(1);
    let extent = Extent { groups: 8, pause: second, alone: 2 * second, tried: 8 * second, guests: 60 };
    let outcome = soak(&extent);
    report(&outcome);
    assert_eq!(outcome.faults, []);
    assert!(outcome.tried.websocket.len() >= usize::from(extent.groups), "hardly anything was tried");
}

#[test]
#[ignore = "takes ten minutes; for the figures, `make soak`"]
fn a_hundred_clients_are_served_beside_hostile_ones() {
    let seconds = env::var("VESTIBULE_SOAK_SECONDS").map_or(600, |text| text.parse().expect("seconds"));
    let time = Duration::from_secs(seconds);
    let pause = Duration::from_secs(3);
    let extent = Extent { groups: 25, pause, alone: time / 5, tried: time * 4 / 5, guests: 2000 };
    let outcome = soak(&extent);
    let ratios = report(&outcome);
    assert_eq!(outcome.faults, []);
    assert!(ratios.iter().all(|ratio| *ratio <= 2.0), "p99 rose to {ratios:?} times its value alone");
}
