//! The network is cut in the middle, again and again, and the server is killed: none comes twice,
//! none is missing, and whoever was away for too long is told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, PATIENCE, Person};
use vestibule_tests::random::{Random, seed};
use vestibule_tests::relay::{Cut, Relay};

use crate::site::Site;

/// Its window is larger than what is said while a reader is away: one client is sent at most 1,024
/// frames when it comes back.
const WIDE: &str = "chat:1";
/// Its window is so narrow that readers often miss it.
const NARROW: &str = "narrow:1";
/// How many messages the narrow window has.
const KEPT: u64 = 20;

const SETTINGS: &str = r#"
[channels."chat:*"]
join = "anyone"
publish = ["say"]
history = { count = 1000, age = "10m" }

[channels."narrow:*"]
join = "anyone"
publish = ["say"]
history = { count = 20, age = "10m" }

[channels."brief:*"]
join = "anyone"
publish = ["say"]
history = { count = 1000, age = "1s" }
"#;

/// How many messages a speaker is ahead of a reader at most: fewer than the wide window has.
const AHEAD: u64 = 500;

/// How long a reader that hears nothing waits until it looks whether its line is silent.
const LOOK: Duration = Duration::from_millis(10);

/// A place in a topic's history, as `_id` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    epoch: String,
    number: u64,
}

impl Place {
    fn of(id: &Value) -> Self {
        let (epoch, number) = id.as_str().and_then(|id| id.split_once('-')).expect("an id");
        Self { epoch: epoch.to_owned(), number: number.parse().expect("a number") }
    }
}

/// Somebody who reads a topic, follows the protocol of the history, and checks every message.
struct Reader {
    topic: &'static str,
    person: Person,
    device: Option<Device>,
    /// The last id that it was told.
    last_id: Option<Value>,
    /// How many messages the last join promised and have not come.
    promised: u64,
    /// The number of the last message, unless what came before the next one is not known.
    seen: Option<u64>,
    /// The gaps that it was told.
    gaps: Vec<String>,
    /// The messages that it missed and got afterwards.
    caught_up: u64,
}

impl Reader {
    fn of(topic: &'static str) -> Self {
        Self {
            topic,
            person: Person::new(Alg::Ed25519),
            device: None,
            last_id: None,
            promised: 0,
            seen: None,
            gaps: Vec::new(),
            caught_up: 0,
        }
    }

    /// Connects and joins; returns whether that worked before the connection was cut.
    fn connect(&mut self, site: &Site, relay: Option<&Relay>) -> bool {
        let server = site.server().address();
        let at = relay.map_or(server, |relay| relay.address);
        let params = self.last_id.as_ref().map_or_else(|| json!({}), |id| json!({ "last_id": id }));
        let joined = Device::try_through(at, server, &self.person).ok().and_then(|mut device| {
            let reply = device.try_call(self.topic, "phx_join", &params)?;
            Some((device, reply.ok()["history"].clone()))
        });
        let Some((device, history)) = joined else { return false };
        self.device = Some(device);
        self.resume(&history);
        true
    }

    /// Takes in what the answer to a join says.
    fn resume(&mut self, history: &Value) {
        let now = Place::of(&history["last_id"]);
        self.promised = 0;
        let Some(last) = self.last_id.as_ref().map(Place::of) else {
            self.last_id = Some(history["last_id"].clone());
            return;
        };
        if let Some(gap) = history["gap"].as_str() {
            let is_behind = last.epoch == now.epoch;
            assert_eq!(gap, if is_behind { "too_far_behind" } else { "forgotten" }, "{last:?} {now:?}");
            self.gaps.push(gap.to_owned());
            self.last_id = Some(history["last_id"].clone());
            self.seen = None;
        } else {
            self.promised = history["missed"].as_u64().expect("missed or gap");
            assert_eq!(now, Place { number: last.number + self.promised, ..last }, "{history}");
            self.caught_up += self.promised;
        }
    }

    /// Waits for the next message, checks it and returns its number; nothing if the line is cut.
    fn hear(&mut self, relay: Option<&Relay>) -> Option<u64> {
        let deadline = Instant::now() + PATIENCE;
        let device = self.device.as_mut()?;
        let message = loop {
            let is_silent = relay.is_some_and(|relay| !relay.is_to_cut());
            match device.next_within(LOOK) {
                Ok(Some(message)) if message.event == "say" => break message,
                Ok(Some(_)) => {}
                Ok(None) if is_silent => return None,
                Ok(None) => assert!(Instant::now() < deadline, "nothing comes any more"),
                Err(_) => return None,
            }
        };
        let id = message.payload["_id"].clone();
        let last = Place::of(self.last_id.as_ref().expect("an id since the join"));
        assert_eq!(Place::of(&id), Place { number: last.number + 1, ..last }, "what comes next");
        let number = message.payload["n"].as_u64().expect("a number");
        if let Some(seen) = self.seen.replace(number) {
            assert_eq!(number, seen + 1, "the messages themselves");
        }
        self.last_id = Some(id);
        self.promised = self.promised.saturating_sub(1);
        Some(number)
    }

    /// Reads on without cuts until this message, and looks that none comes after it.
    fn finish(&mut self, site: &Site, last: u64) {
        assert!(self.device.is_some() || self.connect(site, None));
        while self.seen != Some(last) {
            self.hear(None).expect("a line that is not cut");
        }
        // Whatever else was on its way is there when the topic has answered.
        let mut device = self.device.take().expect("a connection");
        device.call(self.topic, "access_token", json!({ "access_token": "none" }));
        let rest: Vec<_> = device.drain().into_iter().filter(|message| message.event == "say").collect();
        assert_eq!(rest, [], "messages that come twice");
    }
}

/// Speaks until it is told to stop, a little ahead of the one who listens.
struct Speaker {
    said: AtomicU64,
    heard: AtomicU64,
    is_over: AtomicBool,
}

impl Speaker {
    /// Says numbers from 1 on.
    fn speak(&self, mut device: Device, topic: &str) {
        device.join(topic).ok();
        while !self.is_over.load(Ordering::SeqCst) {
            let said = self.said.load(Ordering::SeqCst);
            if said - self.heard.load(Ordering::SeqCst) > AHEAD {
                thread::yield_now();
                continue;
            }
            device.call(topic, "say", json!({ "n": said + 1 })).ok();
            self.said.store(said + 1, Ordering::SeqCst);
        }
    }
}

/// Ends the speaker, also if the test fails: a scope waits for its threads.
struct Silencer<'a>(&'a Speaker);

impl Drop for Silencer<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

fn random() -> Random {
    let seed = seed("CUT_SEED");
    // The runner shows it if the test fails.
    println!("CUT_SEED={seed}");
    Random::new(seed)
}

fn any_cut(random: &mut Random) -> Cut {
    [Cut::Reset, Cut::Finish, Cut::Silence][random.below(3)]
}

/// Lines are cut anywhere: within frames, within the handshake, while missed messages are sent. A
/// silent line goes on hanging beside its successors.
#[test]
fn cuts_lose_nothing_and_repeat_nothing() {
    const CUTS: usize = 60;
    let site = Site::new(SETTINGS);
    let relay = Relay::to(site.server().address());
    let mut random = random();
    let mut reader = Reader::of(WIDE);
    assert!(reader.connect(&site, Some(&relay)));
    reader.seen = Some(0);
    let speaker =
        Speaker { said: AtomicU64::new(0), heard: AtomicU64::new(0), is_over: AtomicBool::new(false) };
    thread::scope(|scope| {
        let device = site.stranger();
        scope.spawn(|| speaker.speak(device, WIDE));
        let _silencer = Silencer(&speaker);
        for _ in 0..CUTS {
            let (bytes, cut) = (1 + random.below(2500), any_cut(&mut random));
            // Clients wait long for an answer to a join, so silence begins after it.
            if cut != Cut::Silence {
                relay.cut_after(bytes, cut);
            }
            if reader.device.is_none() && !reader.connect(&site, Some(&relay)) {
                continue;
            }
            if cut == Cut::Silence {
                relay.cut_after(bytes, cut);
            }
            while let Some(number) = reader.hear(Some(&relay)) {
                speaker.heard.store(number, Ordering::SeqCst);
            }
            reader.device = None;
        }
    });
    reader.finish(&site, speaker.said.load(Ordering::SeqCst));
    assert!(reader.gaps.is_empty(), "all cuts were short: {:?}", reader.gaps);
    assert!(reader.caught_up > 0, "nothing was missed");
}

/// Each cut is followed by as many messages as a narrow window holds, or more.
#[test]
fn whoever_missed_more_than_is_kept_is_told() {
    const CUTS: usize = 40;
    let site = Site::new(SETTINGS);
    let relay = Relay::to(site.server().address());
    let mut random = random();
    let mut speaker = site.stranger();
    speaker.join(NARROW).ok();
    let mut reader = Reader::of(NARROW);
    let mut said = 0;
    let mut say = |times: u64| {
        for _ in 0..times {
            said += 1;
            speaker.call(NARROW, "say", json!({ "n": said })).ok();
        }
        said
    };
    for _ in 0..CUTS {
        assert!(reader.connect(&site, Some(&relay)));
        while reader.promised > 0 {
            reader.hear(None).expect("what was missed");
        }
        relay.cut_after(1 + random.below(1000), any_cut(&mut random));
        while reader.device.is_some() {
            say(1);
            if reader.hear(Some(&relay)).is_none() {
                reader.device = None;
            }
        }
        let last = Place::of(reader.last_id.as_ref().expect("an id")).number;
        let (missed, told) = (say(random.below(2 * 20) as u64) - last, reader.gaps.len());
        assert!(reader.connect(&site, None));
        assert_eq!(reader.gaps.len() - told, usize::from(missed > KEPT), "{missed} missed");
    }
    assert!((1..CUTS).contains(&reader.gaps.len()), "{:?}", reader.gaps);
}

/// What is too old is not sent any more, and that is said.
#[test]
fn whoever_was_away_for_too_long_is_told() {
    const TOPIC: &str = "brief:1";
    let site = Site::new(SETTINGS);
    let mut reader = Reader::of(TOPIC);
    assert!(reader.connect(&site, None));
    let start = reader.last_id.clone();
    let mut speaker = site.stranger();
    speaker.join(TOPIC).ok();
    let time = Instant::now();
    speaker.call(TOPIC, "say", json!({ "n": 1 })).ok();
    loop {
        reader.last_id.clone_from(&start);
        reader.seen = Some(0);
        assert!(reader.connect(&site, None));
        if !reader.gaps.is_empty() {
            break;
        }
        assert_eq!(reader.hear(None), Some(1));
        assert!(time.elapsed() < PATIENCE, "it is kept for ever");
    }
    assert!(time.elapsed() >= Duration::from_secs(1), "{:?}", time.elapsed());
    assert_eq!(reader.gaps, ["too_far_behind"]);
}

/// The server is killed while messages are under way, and knows nothing of them afterwards.
#[test]
fn kills_are_told_and_nothing_is_missing_after_them() {
    const KILLS: usize = 5;
    let mut site = Site::new(SETTINGS);
    let mut random = random();
    let mut reader = Reader::of(WIDE);
    let mut said = 0;
    for kill in 0..KILLS {
        let mut speaker = site.stranger();
        speaker.join(WIDE).ok();
        assert!(reader.connect(&site, None));
        assert_eq!(reader.gaps, vec!["forgotten"; kill], "a gap for each kill");
        let mut say = |times: u64| {
            for _ in 0..times {
                said += 1;
                speaker.send(WIDE, "say", &json!({ "n": said })).expect("an open connection");
            }
        };
        say(10);
        for _ in 0..10 {
            reader.hear(None).expect("no gap from then on");
        }
        reader.device = None;
        say(5);
        assert!(reader.connect(&site, None));
        say(100);
        for _ in 0..random.below(105) {
            reader.hear(None).expect("a running server");
        }
        site.admin.server.kill();
        while reader.hear(None).is_some() {}
        reader.device = None;
        site.admin.server.restart();
    }
}
