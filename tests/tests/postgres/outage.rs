//! PostgreSQL is away for a while: stopped, or there and silent. Nobody is told ok meanwhile;
//! whatever needs no database goes on; and when it is back, nothing else has to be done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_tests::people::{Device, Reply};
use vestibule_tests::postgres::Cluster;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::setup::{ask_until_stored, assert_unavailable, ids, readiness, wait_for_readiness, wait_until};

const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);

/// How soon a command is answered, whatever PostgreSQL does: a writer gives up on it before.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How soon a server that works can be used again.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// How much a server may grow during an outage, in KiB.
const GROWTH: u64 = 8 * 1024;

#[test]
fn a_stopped_postgres_is_unavailable_until_it_is_back() {
    stopped_for(SHORT);
}

#[test]
#[ignore = "long: make crash-postgres"]
fn a_postgres_stopped_for_a_minute_is_back_at_once() {
    stopped_for(LONG);
}

/// A room of which three people are told, on a server of its own.
struct Outage {
    cluster: Cluster,
    server: Server,
    scene: Scene,
    /// Another member than Alice.
    carol: Device,
}

impl Outage {
    fn new(options: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start();
        let server = Server::start(Launch::vestibule_on(&cluster.url("postgres")).options(options));
        let mut scene = Scene::new(&server);
        let (_, carol, _) = scene.another_member();
        scene.ask();
        Self { cluster, server, scene, carol }
    }

    /// Bob asks, and is answered.
    #[track_caller]
    fn ask(&mut self) -> Reply {
        let request = self.scene.bob.request(&self.scene.room.rid());
        let began = Instant::now();
        let reply = self.scene.guest.call(&self.scene.topic, "request", &request);
        assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}: {}", began.elapsed(), reply.text);
        reply
    }

    /// Members' own events need no database.
    #[track_caller]
    fn assert_members_hear_each_other(&mut self, number: usize) {
        let topic = &self.scene.topic;
        let word = json!({ "n": number });
        // Both speak: who is silent for a minute is gone.
        self.scene.member.call(topic, "hello", &word).ok();
        assert_eq!(self.carol.push(topic, "hello"), word);
        self.carol.call(topic, "hello", &word).ok();
        assert_eq!(self.scene.member.push(topic, "hello"), word);
    }

    /// The ids of the requests that a new member is shown.
    fn pending(&self) -> Vec<Value> {
        ids(&json!(self.scene.pending()))
    }

    /// Everything goes on, on the connections of before.
    #[track_caller]
    fn assert_back(&mut self, began: Instant) {
        let request = self.scene.bob.request(&self.scene.room.rid());
        ask_until_stored(&mut self.scene, &request);
        assert!(began.elapsed() < BACK_WITHIN, "{:?}", began.elapsed());
        assert!(self.pending().contains(&json!(request.request_id)));
        wait_for_readiness(&self.server, 200);
    }
}

fn stopped_for(time: Duration) {
    let mut outage = Outage::new(&[]);
    let before = outage.pending();
    outage.cluster.stop();
    assert_unavailable(&outage.ask());
    wait_for_readiness(&outage.server, 503);
    let (memory, began) = (outage.server.anonymous(), Instant::now());
    let mut number = 0;
    while began.elapsed() < time {
        assert_unavailable(&outage.ask());
        outage.assert_members_hear_each_other(number);
        assert_eq!(readiness(&outage.server), 503);
        number += 1;
    }
    let grown = outage.server.anonymous().saturating_sub(memory);
    println!("outage: {number} requests refused in {time:?}, {grown} KiB more memory");
    assert!(grown < GROWTH, "{grown} KiB");

    outage.cluster.start_again();
    let began = Instant::now();
    outage.assert_back(began);
    let after = outage.pending();
    assert_eq!((before.len() + 1, &after[..before.len()]), (after.len(), &before[..]), "and nothing else");
    let said = outage.server.log().matches("the database cannot be reached").count() as u64;
    assert!((1..=2 + time.as_secs() / 5).contains(&said), "said {said} times");
}

/// A server that does not answer is not a server that is gone: no connection ends by itself.
#[test]
fn a_silent_postgres_is_unavailable_until_it_answers() {
    let mut outage = Outage::new(&[]);
    let before = outage.pending();
    outage.cluster.pause();
    assert_unavailable(&outage.ask());
    wait_for_readiness(&outage.server, 503);
    assert_unavailable(&outage.ask());
    outage.assert_members_hear_each_other(0);
    outage.cluster.resume();
    let began = Instant::now();
    outage.assert_back(began);
    // What was under way when PostgreSQL fell silent may have been stored, and those whom it
    // concerns find it.
    let after = outage.pending();
    assert!(before.len() < after.len() && after.len() <= before.len() + 3, "{after:?}");
}

#[test]
fn commands_that_wait_for_postgres_are_bounded() {
    let queue = 8;
    let mut outage = Outage::new(&[("--max-store-queue", "8")]);
    outage.cluster.pause();
    let Outage { scene, .. } = &mut outage;
    let requests: Vec<_> = (0..20 * queue).map(|_| json!(scene.bob.request(&scene.room.rid()))).collect();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| scene.guest.send(&scene.topic, "request", request).expect("an open connection"))
        .collect();
    let began = Instant::now();
    let (mut overloaded, mut others) = (0, 0);
    for reference in sent {
        let reply = scene.guest.answer(&reference).expect("an answer");
        if reply.refused() == "overloaded" {
            overloaded += 1;
        } else {
            assert_unavailable(&reply);
            others += 1;
        }
    }
    assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}", began.elapsed());
    assert!(overloaded > 0 && others > 0, "{overloaded} overloaded, {others} unavailable");
    outage.cluster.resume();
    outage.assert_back(Instant::now());
    wait_until("nothing waits", || readiness(&outage.server) == 200);
}
