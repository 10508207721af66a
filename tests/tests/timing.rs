//! A guest learns nothing from the clock: neither whether a secret room exists, nor whether another
//! user asked in a room.
//!
//! Each question is asked of two rooms, in turns and in random order, so that whatever else the
//! machine does affects both alike. The two distributions are compared by the area under the ROC
//! curve (the Mann-Whitney U over all pairs): the probability that an answer of one comes later
//! than an answer of the other, which is one half if nobody can tell.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{self, Random};

/// How often each of the two rooms is asked.
const TRIES: usize = 2000;
/// How far from one half the area may be. If nobody can tell, its standard deviation is
/// √((2n+1)/(12n²)) = 0.0091 for 2,000 tries each: chance exceeds 0.05, which is five and a half of
/// these, once in twenty million runs.
const BOUND: f64 = 0.05;
/// The delay that the test must notice.
const LEAK: Duration = Duration::from_millis(1);

/// One test at a time: another one's load would hide what this one looks for.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long each of the two rooms took to answer, and the answers.
#[derive(Default)]
struct Samples {
    times: [Vec<Duration>; 2],
    answers: [BTreeSet<String>; 2],
}

/// The probability that one of `b` is larger than one of `a`; ties count half.
fn area(a: &[Duration], b: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> =
        a.iter().map(|time| (*time, false)).chain(b.iter().map(|time| (*time, true))).collect();
    all.sort_unstable();
    let (mut below, mut wins) = (0, 0);
    for ties in all.chunk_by(|one, other| one.0 == other.0) {
        let of_b = ties.iter().filter(|(_, is_b)| *is_b).count();
        let of_a = ties.len() - of_b;
        // Doubled, so that half a tie is whole.
        wins += of_b * (2 * below + of_a);
        below += of_a;
    }
    ratio(wins, 2 * a.len() * b.len())
}

fn ratio(part: usize, whole: usize) -> f64 {
    let exactly = |count: usize| f64::from(u32::try_from(count).expect("a count below 2^32"));
    exactly(part) / exactly(whole)
}

#[test]
fn the_auc_is_a_probability() {
    let ms = |times: &[u64]| times.iter().map(|time| Duration::from_millis(*time)).collect::<Vec<_>>();
    for (a, b, expected) in [
        (ms(&[1, 2, 3]), ms(&[1, 2, 3]), 0.5),
        (ms(&[1, 2]), ms(&[3, 4]), 1.0),
        (ms(&[3, 4]), ms(&[1, 2]), 0.0),
        (ms(&[1, 3]), ms(&[2, 4]), 0.75),
        (ms(&[1, 1]), ms(&[1, 2]), 0.75),
    ] {
        assert!((area(&a, &b) - expected).abs() < 1e-9, "{a:?} {b:?}");
    }
}

/// Asserts that the two cannot be told apart, by answer or by time, but could be if one took a
/// millisecond longer. On a machine so busy that a millisecond would go unnoticed it retries,
/// twice.
#[track_caller]
fn assert_alike(what: &str, take: impl Fn() -> Samples) {
    let samples = (0..3).map(|_| take()).find(|samples| samples.shows_a_leak(what));
    let samples = samples.unwrap_or_else(|| panic!("{what}: a millisecond would go unnoticed, three times"));
    assert_eq!(samples.answers[0], samples.answers[1], "{what}: other answers");
    assert_eq!(samples.answers[0].len(), 1, "{what}: more than one answer: {:?}", samples.answers[0]);
    let found = area(&samples.times[0], &samples.times[1]);
    assert!((found - 0.5).abs() < BOUND, "{what}: told apart by the time, AUC {found}");
}

impl Samples {
    /// Whether these samples would show that one room took [`LEAK`] longer: if not, finding no leak
    /// proves nothing.
    fn shows_a_leak(&self, what: &str) -> bool {
        let [first, second] = &self.times;
        let slower: Vec<Duration> = second.iter().map(|time| *time + LEAK).collect();
        let (found, control) = (area(first, second), area(first, &slower));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        println!(
            "timing: {what}: {} and {} tries, AUC {found:.4}, {control:.4} if 1 ms slower; median {:?}, p90 {:?}",
            first.len(),
            second.len(),
            sorted[sorted.len() / 2],
            sorted[sorted.len() * 9 / 10],
        );
        // By a wide margin, where the other is to be none.
        control - 0.5 >= 2.0 * BOUND
    }

    fn note(&mut self, which: usize, time: Duration, answer: String) {
        self.times[which].push(time);
        self.answers[which].insert(answer);
    }

    fn add(&mut self, other: Self) {
        for (which, (times, answers)) in other.times.into_iter().zip(other.answers).enumerate() {
            self.times[which].extend(times);
            self.answers[which].extend(answers);
        }
    }
}

/// Asks in this many threads at once, each with a state of its own: `ask` asks one of the two rooms
/// once.
fn sample<S: Send>(
    threads: usize,
    start: impl Fn() -> S,
    ask: impl Fn(&mut S, usize, &mut Samples) + Sync,
) -> Samples {
    let mut random = Random::new(random::seed("TIMING_SEED"));
    let mut samples = Samples::default();
    thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..threads)
            .map(|_| (start(), Random::new(random.number())))
            .map(|(mut state, mut random)| {
                scope.spawn(move || {
                    let mut own = Samples::default();
                    for _ in 0..TRIES.div_ceil(threads) {
                        let first = random.below(2);
                        for which in [first, 1 - first] {
                            ask(&mut state, which, &mut own);
                        }
                    }
                    own
                })
            })
            .collect();
        for thread in threads {
            samples.add(thread.join().expect("samples"));
        }
    });
    samples
}

/// A guest, and the two rooms it asks about.
struct Guest<'a> {
    person: Person,
    device: Device,
    rooms: [&'a Room; 2],
}

impl<'a> Guest<'a> {
    fn new(server: SocketAddr, rooms: [&'a Room; 2]) -> Self {
        let person = Person::new(Alg::Ed25519);
        Self { device: Device::connect(server, &person), person, rooms }
    }

    /// Like [`Guest::new`], already a guest of both rooms.
    fn inside(server: SocketAddr, rooms: [&'a Room; 2]) -> Self {
        let mut guest = Self::new(server, rooms);
        for room in rooms {
            guest.device.visit(&room.rid());
        }
        guest
    }

    /// Sends something to one of the rooms and records how long the answer takes.
    fn time(&mut self, which: usize, event: &str, payload: &Value, samples: &mut Samples) {
        let topic = self.rooms[which].topic();
        let asked = Instant::now();
        let reply = self.device.call(&topic, event, payload);
        let time = asked.elapsed();
        let answer = json!([reply.status, reply.response]);
        samples.note(which, time, anonymous(answer).to_string());
    }

    fn join(&mut self, which: usize, samples: &mut Samples) {
        let topic = self.rooms[which].topic();
        self.time(which, "phx_join", &json!({ "v": 1, "device": self.device.id }), samples);
        self.device.leave(&topic);
        self.device.drain();
    }

    fn request(&mut self, which: usize, samples: &mut Samples) -> Value {
        let request = json!(self.person.request(&self.rooms[which].rid()));
        self.time(which, "request", &request, samples);
        json!({ "request_id": request["request_id"] })
    }
}

/// An answer without what differs in every answer: ids, nonces, times and the seqs of the guest's
/// own frames.
fn anonymous(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        for (name, value) in fields {
            let differs =
                ["rid", "nonce", "request_id", "seq", "room_pub", "sig", "now"].contains(&name.as_str());
            // Their length counts all the same.
            *value = if differs { json!(value.to_string().len()) } else { anonymous(value.take()) };
        }
    } else if let Some(items) = answer.as_array_mut() {
        for item in items {
            *item = anonymous(item.take());
        }
    }
    answer
}

#[test]
fn timing_does_not_reveal_secret_rooms() {
    let _turn = turn();
    // Tolerates the member below, who is silent and does not read the presence changes of all
    // guests.
    let patience = [("--idle", "1h"), ("--max-outbox", "256MiB"), ("--max-outbox-frames", "1000000")];
    let server = Server::start(Launch::vestibule().options(&patience));
    let address = server.address();
    // With a member in it: the room runs, unlike one that does not exist.
    let secret = Room::published(address, Policy::Secret);
    let mut member = Device::connect(address, &Person::new(Alg::Ed25519));
    member.enter(&secret);
    let unknown = Room::new(Alg::Ed25519);
    let rooms = [&secret, &unknown];

    // Many at once: all but a millisecond of each answer is spent waiting.
    assert_alike("join of a secret or an unknown room", || {
        sample(32, || Guest::new(address, rooms), Guest::join)
    });
    assert_alike("request in a secret or an unknown room", || {
        sample(
            32,
            || Guest::inside(address, rooms),
            |guest, which, samples| _ = guest.request(which, samples),
        )
    });
    assert_alike("GET of a secret or an unknown room", || {
        sample(
            32,
            || (),
            |(), which, samples| {
                let request = Request::get(&format!("/v1/rooms/{}", rooms[which].rid()));
                let asked = Instant::now();
                let response = request.send(address).expect("a response");
                let time = asked.elapsed();
                // Their order differs by worker thread.
                let headers: BTreeSet<_> =
                    response.headers.iter().filter(|(name, _)| *name != "date").collect();
                samples.note(which, time, format!("{} {headers:?} {}", response.status, response.text()));
            },
        )
    });
    // Other events of a guest: refused at once, and looked up.
    for event in ["hello", "mine"] {
        // The kernel gives up on a client that reads nothing for half a minute.
        member.fence(&secret.topic());
        assert_alike(&format!("{event} in a secret or an unknown room"), || {
            sample(
                32,
                || Guest::inside(address, rooms),
                |guest, which, samples| guest.time(which, event, &json!({}), samples),
            )
        });
    }
    // It was in there all the time.
    member.fence(&secret.topic());
}

#[test]
fn timing_does_not_reveal_other_peoples_requests() {
    let _turn = turn();
    let server = Server::start(Launch::vestibule().options(&[("--max-requests-per-user", "100000")]));
    let address = server.address();
    let [asked, quiet] = [(), ()].map(|()| Room::published(address, Policy::Request));
    let (member, newcomer) = (Person::new(Alg::Ed25519), Person::new(Alg::Ed25519));
    let (mut approver, mut other) = (Device::connect(address, &member), Device::connect(address, &newcomer));
    approver.enter(&asked);
    other.visit(&asked.rid());
    for _ in 0..5 {
        let request = newcomer.request(&asked.rid());
        other.call(&asked.topic(), "request", &request).ok();
        approver.call(&asked.topic(), "approve", asked.approve(&member, &newcomer.uid(), &request)).ok();
    }
    // Nobody is told of what the guest does, in neither room; a member who is there might be
    // noticed otherwise.
    approver.leave(&asked.topic());
    other.leave(&asked.topic());
    let rooms = [&asked, &quiet];

    // Few at once: they wait for the server.
    assert_alike("join where somebody asked or nobody", || {
        sample(4, || Guest::new(address, rooms), Guest::join)
    });
    assert_alike("request where somebody asked or nobody", || {
        sample(
            4,
            || Guest::inside(address, rooms),
            |guest, which, samples| {
                let request = guest.request(which, samples);
                guest.device.call(&guest.rooms[which].topic(), "withdraw", request).ok();
                guest.device.drain();
            },
        )
    });
    assert_alike("status where somebody asked or nobody", || {
        sample(
            4,
            || {
                let mut guest = Guest::inside(address, rooms);
                let mut nothing = Samples::default();
                let requests = [0, 1].map(|which| guest.request(which, &mut nothing));
                (guest, requests)
            },
            |(guest, requests), which, samples| guest.time(which, "status", &requests[which], samples),
        )
    });
}
