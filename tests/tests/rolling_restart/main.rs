//! A restart under load, with a socket that outlives the server as systemd's does: clients that ask
//! and approve at that moment reconnect by themselves, none is refused, and nothing that was
//! answered ok is lost.
//!
//! With a hundred clients it is a test; with two thousand `make rolling` prints the figures.

mod client;

use std::net::TcpListener;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Person, Room};
use vestibule_tests::process::{Launch, Server};

use self::client::{Client, Tally};

/// How long after a restart everything that was begun may take to be finished, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients are blocking threads without deep calls.
const STACK: usize = 512 * 1024;

/// Everybody asks the next user for a key at some time within `spread`; half-way through the server
/// is restarted.
fn restart_under(clients: usize, spread: Duration) {
    let socket = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a free port"));
    SockRef::from(&*socket).listen(4096).expect("a queue as vestibule.socket has it");
    let mut server = Server::start(Launch::vestibule().socket(socket));
    let tally = Arc::new(Tally::default());
    let everybody_is_there = Arc::new(Barrier::new(clients + 1));

    let people: Vec<_> = (0..clients).map(|_| (Person::new(Alg::Ed25519), Room::new(Alg::Ed25519))).collect();
    let requests: Vec<_> =
        (0..clients).map(|asker| people[asker].0.request(&people[(asker + 1) % clients].1.rid())).collect();
    let uids: Vec<_> = people.iter().map(|(person, _)| person.uid()).collect();
    let rids: Vec<_> = people.iter().map(|(_, room)| room.rid()).collect();
    let threads: Vec<_> = people
        .into_iter()
        .enumerate()
        .map(|(index, (person, room))| {
            let (next, before) = ((index + 1) % clients, (index + clients - 1) % clients);
            let approve = room.approve(&person, &uids[before], &requests[before]);
            let client = Client::new(
                server.address(),
                Arc::clone(&tally),
                (person, room, rids[next]),
                (&requests[index], &approve),
            );
            let ready = Arc::clone(&everybody_is_there);
            let pause = spread.mul_f64(fraction(index, clients));
            let run = move || client.run(&ready, pause);
            thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread")
        })
        .collect();

    everybody_is_there.wait();
    thread::sleep(spread / 2);
    let (asked, approved) = (tally.asked.load(SeqCst), tally.approved.load(SeqCst));
    let told = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    let gone = Instant::now();
    server.restart();
    let up = Instant::now();
    while tally.finished.load(SeqCst) < clients && up.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    tally.over.store(true, SeqCst);

    let absences: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
    assert_eq!(tally.finished.load(SeqCst), clients, "not everybody has got a key and given one");
    assert_eq!(tally.refused.load(SeqCst), 0, "connections were refused");
    assert!(asked > 0 && asked < clients, "{asked} had asked: that was no restart under load");
    assert!(absences.iter().all(|spells| !spells.is_empty()), "somebody was not sent away");

    println!(
        "{clients} clients; {asked} requests and {approved} approves were answered ok before the restart"
    );
    println!("connections refused: 0; all keys have arrived, {} clients were sent away", absences.len());
    println!("the server was gone after {:?}, the next one was there {:?} later", gone - told, up - gone);
    let spells = || absences.iter().flatten();
    report("without a connection", spells().map(|(from, to)| *to - *from).collect());
    report("back after SIGTERM", absences.iter().map(|of| of.last().expect("one").1 - told).collect());
    println!("times sent away: {}", spells().count());
}

/// A fraction of one, different for each index, in no order.
fn fraction(index: usize, of: usize) -> f64 {
    let shuffled = u32::try_from(index * 7919 % of).expect("not so many");
    f64::from(shuffled) / f64::from(u32::try_from(of).expect("not so many"))
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: median {:?}, 99 % {:?}, at most {:?}", at(50), at(99), at(100));
}

#[test]
fn a_hundred_clients_survive_a_rolling_restart() {
    restart_under(100, Duration::from_secs(1));
}

#[test]
#[ignore = "takes a minute; for the figures, `make rolling`"]
fn two_thousand_clients_survive_a_rolling_restart() {
    restart_under(2000, Duration::from_secs(6));
}
