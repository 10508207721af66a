//! One member of a room floods it, and the others are not affected.
//!
//! Ten members talk at a gentle pace, first by themselves and then beside one that sends as fast as
//! the server reads, up to 10,000 frames a second. The test measures how long the others wait for
//! their answers, and the server's memory. It takes a few seconds by default;
//! `VESTIBULE_FLOOD_SECONDS=60` also compares the times, on an idle machine:
//!
//! ```text
//! VESTIBULE_FLOOD_SECONDS=60 cargo test --release -p vestibule-tests --test flood -- --nocapture
//! ```

use std::env;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::{Frame, MASK, Received};

const MEMBERS: u32 = 10;
/// How often a member says something.
const PAUSE: Duration = Duration::from_millis(100);
/// From this many seconds on, the machine is taken to be quiet enough to compare times.
const LONG: u64 = 30;

/// The frames that the flooder tries to send at a time.
const FRAMES: usize = 100;
const EVERY: Duration = Duration::from_millis(10);

/// The rate limit of the server.
const PER_SECOND: f64 = 100.0;
const AT_ONCE: f64 = 400.0;

/// How much more memory the server may take, in KiB: an outbox (1 MiB), bytes that are read and not
/// handled, and the allocator's own.
const GROWTH: u64 = 16 * 1024;
/// Differences below this are the machine's.
const NOISE: Duration = Duration::from_millis(5);

/// What a member has measured.
#[derive(Default)]
struct Seen {
    round_trips: Vec<Duration>,
    floods: usize,
}

/// Talks until it is told to stop, and reads all the while.
fn talk(device: &mut Device, topic: &str, offset: Duration, is_over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut next = Instant::now() + offset;
    while !is_over.load(Ordering::Relaxed) {
        listen_until(device, next, &mut seen);
        next += PAUSE;
        let sent = Instant::now();
        let reference =
            device.send(topic, "talk", &json!({ "text": "How do you do?" })).expect("an open connection");
        let answered = device.answer(&reference).expect("the connection stays open");
        seen.round_trips.push(sent.elapsed());
        assert_eq!(answered.status, "ok", "{}", answered.text);
        seen.floods += device.drain().iter().filter(|message| message.event == "flood").count();
    }
    seen
}

fn listen_until(device: &mut Device, until: Instant, seen: &mut Seen) {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match device.socket.receive(left).expect("the connection stays open") {
            Received::Frame(frame) => seen.floods += usize::from(is(&frame, "\"flood\"")),
            Received::Nothing if left.is_zero() => return,
            Received::Nothing => {}
            other => panic!("the connection ended: {other:?}"),
        }
    }
}

fn is(frame: &Frame, text: &str) -> bool {
    frame.payload.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What became of the flooder's frames.
#[derive(Default)]
struct Flood {
    sent: usize,
    handled: usize,
    refused: usize,
}

/// Floods until it is told to stop. The join's ref is that of a fresh device's first message.
fn flood(device: &mut Device, topic: &str, is_over: &AtomicBool) -> Flood {
    let frame = Frame::text(&json!(["1", "f", topic, "flood", {}]).to_string()).to_bytes(Some(MASK));
    let mut writer = device.socket.writer().expect("a second handle");
    writer.set_write_timeout(Some(EVERY)).expect("a time-out");
    let mut flood = Flood::default();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let batch = frame.repeat(FRAMES);
            let (mut bytes, mut next) = (0, Instant::now());
            while !is_over.load(Ordering::Relaxed) {
                // A batch that was not sent completely continues where it stopped.
                match writer.write(&batch[bytes % batch.len()..]) {
                    Ok(written) => bytes += written,
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                        "{error}"
                    ),
                }
                next = Instant::now().max(next + EVERY);
                thread::sleep(next - Instant::now());
            }
            bytes / frame.len()
        });
        while !is_over.load(Ordering::Relaxed) {
            match device.socket.receive(EVERY).expect("the connection stays open") {
                Received::Frame(frame) if is(&frame, "\"rate_limited\"") => flood.refused += 1,
                Received::Frame(frame) if is(&frame, "\"f\"") && is(&frame, "\"ok\"") => flood.handled += 1,
                Received::Frame(_) | Received::Nothing => {}
                other => panic!("the flooder was sent away: {other:?}"),
            }
        }
        flood.sent = writing.join().expect("the writer");
    });
    flood
}

/// Lets everybody talk for a time, beside a flood if there is one. The last number is the peak of
/// the memory.
fn run(
    server: &Server,
    topic: &str,
    members: &mut [Device],
    flooder: Option<&mut Device>,
    time: Duration,
) -> (Vec<Seen>, Flood, u64) {
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let talking: Vec<_> = (0..)
            .zip(members)
            .map(|(number, member)| {
                scope.spawn(move || talk(member, topic, PAUSE * number / MEMBERS, is_over))
            })
            .collect();
        let flooding = flooder.map(|flooder| scope.spawn(move || flood(flooder, topic, is_over)));
        let end = Instant::now() + time;
        let mut memory = 0;
        while Instant::now() < end && !talking.iter().any(thread::ScopedJoinHandle::is_finished) {
            memory = memory.max(server.resident());
            thread::sleep(PAUSE);
        }
        is_over.store(true, Ordering::Relaxed);
        let seen = talking.into_iter().map(|talking| talking.join().expect("a member is answered")).collect();
        let flood = flooding.map(|flooding| flooding.join().expect("the flooder stays"));
        (seen, flood.unwrap_or_default(), memory)
    })
}

/// The median and the 99th percentile of all round trips.
fn percentiles(seen: &[Seen]) -> (Duration, Duration) {
    let mut all: Vec<Duration> = seen.iter().flat_map(|seen| &seen.round_trips).copied().collect();
    all.sort_unstable();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}

#[test]
fn a_flood_does_not_affect_other_clients() {
    let seconds = env::var("VESTIBULE_FLOOD_SECONDS").map_or(3, |text| text.parse().expect("seconds"));
    let time = Duration::from_secs(seconds);
    let server = Server::start(Launch::untouched());
    let room = Room::published(server.address(), Policy::Open);
    let topic = room.topic();
    let enter = || {
        let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
        device.enter(&room);
        device
    };
    let mut members: Vec<Device> = (0..MEMBERS).map(|_| enter()).collect();

    let (seen, _, before) = run(&server, &topic, &mut members, None, time);
    let quiet = percentiles(&seen);
    println!("quiet: p50 {:?}, p99 {:?}, {before} KiB resident", quiet.0, quiet.1);

    // Not earlier: a member that is silent for a minute is disconnected.
    let mut flooder = enter();
    let start = Instant::now();
    let (seen, flood, during) = run(&server, &topic, &mut members, Some(&mut flooder), time);
    let took = start.elapsed().as_secs_f64();
    let loud = percentiles(&seen);
    println!("under flood: p50 {:?}, p99 {:?}, {during} KiB resident", loud.0, loud.1);
    let Flood { sent, handled, refused } = flood;
    println!("the flooder: {sent} frames taken, {handled} handled, {refused} refused in {took:.1} s");

    assert!(refused > 0, "nobody told the flooder");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let allowed = (AT_ONCE + PER_SECOND * took) as usize + 1;
    assert!(handled <= allowed, "{handled} handled, {allowed} allowed");
    assert!(seen.iter().all(|seen| seen.floods <= allowed), "a member was told more");
    assert!(during < before + GROWTH, "{} KiB more", during - before);
    if seconds >= LONG {
        assert!(loud.1 <= (2 * quiet.1).max(NOISE), "p99 {:?}, {:?} when it was quiet", loud.1, quiet.1);
    }
}
