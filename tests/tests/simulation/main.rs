//! A simulation: newcomers with several devices, members' clients that approve by themselves, a
//! person with a guest list, a hostile member and a user who only listens, all on bad networks,
//! against a real server on a slow disk that is killed again and again. In the end every device
//! that should have the key has it, and nobody else.
//!
//! `VESTIBULE_SEED=n cargo test --workspace --test simulation` repeats the decisions of a seed.
//! Each client draws its own from the seed, so its first, second and third choice are the same each
//! time. The system's decisions cannot be repeated: which thread runs first and when a packet
//! arrives, and so when a client comes to which choice. Most failures recur within a few runs of
//! their seed.

mod approver;
mod hostile;
mod keeper;
mod listener;
mod member;
mod newcomer;
mod sealed;
mod wire;
mod world;

use std::thread;
use std::time::{Duration, Instant};

use vestibule_approve::frames::Policy;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{Random, seed};

use newcomer::Newcomer;
use world::World;

/// How long everything goes wrong.
const CHAOS: Duration = Duration::from_secs(12);
/// How long it may take after that until everybody has the key.
const PATIENCE: Duration = Duration::from_secs(60);
/// Newcomers of the open room, and of the other one. There every second one is on the guest list.
const NEWCOMERS: usize = 8;

#[test]
fn everyone_who_should_have_the_key_has_it_and_no_one_else() {
    let seed = seed("VESTIBULE_SEED");
    println!("simulation: VESTIBULE_SEED={seed}");
    let random = Random::new(seed);
    let disk = format!("{seed}:40");
    let launch = Launch::vestibule().env("VESTIBULE_SLOW_DISK", &disk).arg("--sweep").arg("300ms");
    let mut server = Server::start(launch.arg("--redelivery").arg("1s"));
    let world = World::new(&server);
    let newcomers = newcomers(&world, &random);

    let kills = thread::scope(|scope| {
        for (number, place) in world.places.iter().enumerate() {
            for name in ["first", "second"] {
                let mut member = world.somebody(&random, (number, "approver", name));
                let world = &world;
                if place.policy == Policy::Open {
                    scope.spawn(move || approver::run(world, place, &mut member));
                }
            }
            let mut keeper = world.somebody(&random, (number, "keeper"));
            let mut hostile = world.somebody(&random, (number, "hostile"));
            let mut listener = world.somebody(&random, (number, "listener"));
            let world = &world;
            scope.spawn(move || keeper::run(world, place, &mut keeper));
            scope.spawn(move || hostile::run(world, place, &mut hostile));
            scope.spawn(move || listener::run(world, place, &mut listener));
        }
        for newcomer in &newcomers {
            for device in newcomer.devices() {
                scope.spawn(move || newcomer.run(device));
            }
        }
        let kills = crash(&mut server, random.of("crashes"));
        world.calm_down();
        let deadline = Instant::now() + PATIENCE;
        let missing = || newcomers.iter().map(Newcomer::missing).sum::<usize>();
        while missing() > 0 && Instant::now() < deadline && !world.has_failed() {
            thread::sleep(Duration::from_millis(50));
        }
        world.end();
        kills
    });

    let devices: usize = newcomers.iter().map(|newcomer| newcomer.devices().len()).sum();
    println!("simulation: {devices} devices, {kills} crashes, {}", world.tally());
    for newcomer in &newcomers {
        newcomer.check();
    }
}

/// The newcomers of both rooms; some of the second room's are not on its guest list.
fn newcomers<'a>(world: &'a World, random: &Random) -> Vec<Newcomer<'a>> {
    let mut newcomers = Vec::new();
    for (number, place) in world.places.iter().enumerate() {
        for newcomer in 0..NEWCOMERS {
            let is_guest = place.policy == Policy::Open || newcomer % 2 == 0;
            newcomers.push(Newcomer::new(world, place, random.of((number, "newcomer", newcomer)), is_guest));
        }
    }
    newcomers
}

/// Kills the server again and again; returns how often.
fn crash(server: &mut Server, mut random: Random) -> usize {
    let end = Instant::now() + CHAOS;
    let mut kills = 0;
    while Instant::now() < end {
        thread::sleep(random.millis(200, 1800));
        server.restart();
        kills += 1;
    }
    kills
}
