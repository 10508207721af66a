//! What was said lately in configured topics, for those who come back.
//!
//! A topic's messages have numbers within an epoch. A client that comes back names the last one it
//! saw, and gets what came after it, or is told that it cannot: it is too far behind, or the server
//! has forgotten. All of it is in memory, and bounded: by count and age for each topic, and by
//! bytes for all of them.

use std::{
    collections::VecDeque,
    fmt::{self, Display, Formatter},
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use serde_json::value::RawValue;
use vestibule_channels::{Payload, SubscriberId};

/// How much of all topics is kept.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a topic and a message take besides their texts.
const OVERHEAD: usize = 256;

/// Each so many messages or new topics, topics of which nothing is kept are forgotten.
const SWEEP: usize = 1024;

/// How much of a topic is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Messages.
    pub count: usize,
    /// For how long.
    pub age: Duration,
}

/// A place in a topic's messages. Its text is `_id` in payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: u32,
    pub(super) number: u64,
}

/// A message.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) at: Position,
    pub(super) event: String,
    /// With its `_id`.
    pub(super) payload: Payload,
    /// Its sender, if that gets no echo.
    pub(super) except: Option<SubscriberId>,
    time: Instant,
    /// What it takes, in bytes.
    size: usize,
}

/// Why somebody who comes back does not get what was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// More was said than is kept, or than one client can be sent at once.
    TooFarBehind,
    /// The server no longer knows: it was restarted, or the topic was forgotten.
    Forgotten,
}

/// The messages of all topics.
#[derive(Debug, Default)]
pub(super) struct Histories {
    topics: DashMap<String, Mutex<History>>,
    bytes: AtomicUsize,
    /// Messages and new topics so far.
    grown: AtomicUsize,
}

#[derive(Debug)]
struct History {
    last: Position,
    kept: VecDeque<Arc<Said>>,
    /// What those who are in the topic have not been sent, in order, whether or not it is kept.
    unsent: VecDeque<Arc<Said>>,
    age: Duration,
}

impl Display for Position {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}-{}", self.epoch, self.number)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, number) = text.split_once('-').ok_or(())?;
        let position = Self {
            epoch: u32::from_str_radix(epoch, 16).map_err(|_| ())?,
            number: number.parse().map_err(|_| ())?,
        };
        // One spelling for each.
        if position.to_string() == text { Ok(position) } else { Err(()) }
    }
}

impl Gap {
    /// What clients are told.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::TooFarBehind => "too_far_behind",
            Self::Forgotten => "forgotten",
        }
    }
}

impl Histories {
    /// Gives a message the next number of its topic, and keeps it. `payload` is a JSON object.
    pub(super) fn append(
        &self,
        topic: &str,
        limits: HistoryLimits,
        event: &str,
        payload: &str,
        except: Option<SubscriberId>,
    ) -> Arc<Said> {
        self.grow();
        self.with(topic, |history| self.append_to(history, topic, limits, event, payload, except))
    }

    fn append_to(
        &self,
        history: &mut History,
        topic: &str,
        limits: HistoryLimits,
        event: &str,
        payload: &str,
        except: Option<SubscriberId>,
    ) -> Arc<Said> {
        let time = Instant::now();
        history.age = limits.age;
        self.forget_old(history, time, limits.count.saturating_sub(1));
        // The topic too: strangers choose it.
        let size = OVERHEAD + topic.len() + event.len() + payload.len();
        let mut is_kept = self.reserve(size);
        while !is_kept && self.forget_first(history) {
            is_kept = self.reserve(size);
        }
        if !is_kept {
            // Others take all there is. Whoever comes back is told so.
            history.last = Position::new();
        }
        history.last.number += 1;
        let at = history.last;
        let payload = with_id(payload, at);
        let said = Arc::new(Said { at, event: event.to_owned(), payload, except, time, size });
        if is_kept {
            history.kept.push_back(Arc::clone(&said));
        }
        history.unsent.push_back(Arc::clone(&said));
        said
    }

    /// Takes this many of the bytes that all topics have, if they are left.
    fn reserve(&self, size: usize) -> bool {
        let grown = |bytes: usize| Some(bytes + size).filter(|bytes| *bytes <= MAX_BYTES);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    /// Where a topic stands that begins to run: nobody is there who was not sent anything.
    pub(super) fn begin(&self, topic: &str) -> Position {
        self.with(topic, |history| {
            history.unsent.clear();
            history.last
        })
    }

    /// How far those who are in a topic have been sent everything.
    pub(super) fn sent(&self, topic: &str) -> Position {
        self.with(topic, |history| {
            let first = history.unsent.front().map(|said| said.at);
            first.map_or(history.last, |at| Position { number: at.number - 1, ..at })
        })
    }

    /// The messages up to this one that those who are in the topic have not been sent, in order.
    /// None if they have been sent it.
    pub(super) fn take_unsent(&self, topic: &str, until: Position) -> Vec<Arc<Said>> {
        self.with(topic, |history| {
            let place = history.unsent.iter().position(|said| said.at == until);
            history.unsent.drain(..place.map_or(0, |place| place + 1)).collect()
        })
    }

    /// Nobody is there to be sent this message.
    pub(super) fn pass_over(&self, topic: &str, at: Position) {
        self.with(topic, |history| history.unsent.retain(|said| said.at != at));
    }

    /// What was said after a place.
    pub(super) fn since(&self, topic: &str, seen: Position) -> Result<Vec<Arc<Said>>, Gap> {
        self.with(topic, |history| self.since_in(history, seen))
    }

    fn since_in(&self, history: &mut History, seen: Position) -> Result<Vec<Arc<Said>>, Gap> {
        let kept = history.kept.len();
        self.forget_old(history, Instant::now(), kept);
        if seen.epoch != history.last.epoch || seen.number > history.last.number {
            return Err(Gap::Forgotten);
        }
        let first = history.kept.front().map_or(history.last.number + 1, |said| said.at.number);
        if seen.number + 1 < first {
            return Err(Gap::TooFarBehind);
        }
        Ok(history.kept.iter().filter(|said| said.at.number > seen.number).cloned().collect())
    }

    /// Does something with a topic's history, which is not forgotten meanwhile.
    fn with<T>(&self, topic: &str, act: impl FnOnce(&mut History) -> T) -> T {
        if let Some(known) = self.topics.get(topic) {
            return act(&mut lock(&known));
        }
        self.grow();
        let new = self.topics.entry(topic.to_owned()).or_insert_with(|| Mutex::new(History::new()));
        act(&mut lock(&new))
    }

    /// Counts a message or a new topic, and sweeps now and then.
    fn grow(&self) {
        if self.grown.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.sweep(Instant::now());
        }
    }

    /// Forgets what is too old, and what is more than so many.
    fn forget_old(&self, history: &mut History, now: Instant, most: usize) {
        let is_over = |history: &History| {
            let age = history.age;
            let is_old = |said: &Arc<Said>| now.saturating_duration_since(said.time) > age;
            history.kept.len() > most || history.kept.front().is_some_and(is_old)
        };
        while is_over(history) {
            self.forget_first(history);
        }
    }

    fn forget_first(&self, history: &mut History) -> bool {
        let Some(said) = history.kept.pop_front() else { return false };
        self.bytes.fetch_sub(said.size, Ordering::Relaxed);
        true
    }

    /// Forgets topics of which nothing is kept.
    fn sweep(&self, now: Instant) {
        self.topics.retain(|_, history| {
            let mut history = lock(history);
            let kept = history.kept.len();
            self.forget_old(&mut history, now, kept);
            !history.kept.is_empty() || !history.unsent.is_empty()
        });
    }
}

impl History {
    fn new() -> Self {
        let (kept, unsent) = (VecDeque::new(), VecDeque::new());
        Self { last: Position::new(), kept, unsent, age: Duration::ZERO }
    }
}

impl Position {
    /// The start of a new epoch.
    fn new() -> Self {
        Self { epoch: fastrand::u32(..), number: 0 }
    }
}

/// A JSON object with the `_id` of its message before its other fields.
fn with_id(object: &str, at: Position) -> Payload {
    let rest = object.strip_prefix('{').unwrap_or_default().trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    let text = format!("{{\"_id\":\"{at}\"{comma}{rest}");
    let object: &RawValue = serde_json::from_str(&text).expect("an object with a field more is one");
    Payload::of(object)
}

/// A panic while the lock was held leaves a consistent history: every change is one step.
fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HistoryLimits = HistoryLimits { count: 3, age: Duration::from_secs(600) };

    fn numbers(said: &[Arc<Said>]) -> Vec<u64> {
        said.iter().map(|said| said.at.number).collect()
    }

    #[test]
    fn what_was_missed_comes_in_order() {
        let histories = Histories::default();
        let start = histories.begin("chat:1");
        let all: Vec<_> = (0..3).map(|_| histories.append("chat:1", LIMITS, "say", "{}", None).at).collect();
        assert_eq!(numbers(&histories.since("chat:1", start).unwrap()), [1, 2, 3]);
        assert_eq!(numbers(&histories.since("chat:1", all[1]).unwrap()), [3]);
        assert!(histories.since("chat:1", all[2]).unwrap().is_empty());
        histories.append("chat:1", LIMITS, "say", "{}", None);
        assert_eq!(histories.since("chat:1", start).unwrap_err(), Gap::TooFarBehind);
        assert_eq!(numbers(&histories.since("chat:1", all[0]).unwrap()), [2, 3, 4]);
    }

    #[test]
    fn what_is_unsent_comes_once_though_it_is_not_kept() {
        let histories = Histories::default();
        let start = histories.begin("chat:1");
        let one = HistoryLimits { count: 1, ..LIMITS };
        let all: Vec<_> = (0..4).map(|_| histories.append("chat:1", one, "say", "{}", None).at).collect();
        assert_eq!(histories.sent("chat:1"), start);
        assert_eq!(numbers(&histories.take_unsent("chat:1", all[2])), [1, 2, 3]);
        assert!(histories.take_unsent("chat:1", all[1]).is_empty());
        assert_eq!(histories.sent("chat:1"), all[2]);
        histories.pass_over("chat:1", all[3]);
        assert_eq!(histories.sent("chat:1"), all[3]);
    }

    #[test]
    fn nothing_is_left_out_while_others_take_all_there_is() {
        const SENDERS: u64 = 4;
        const MESSAGES: u64 = 1500;
        let histories = Histories::default();
        let large = format!("{{\"text\":\"{}\"}}", "x".repeat(64 * 1024));
        let limits = HistoryLimits { count: 10_000, ..LIMITS };
        std::thread::scope(|scope| {
            for topic in (0..SENDERS).map(|sender| format!("chat:{sender}")) {
                let (histories, large) = (&histories, &large);
                scope.spawn(move || {
                    for message in 0..MESSAGES {
                        let at = histories.append(&topic, limits, "say", large, None).at;
                        histories.take_unsent(&topic, at);
                        if !message.is_multiple_of(50) {
                            continue;
                        }
                        let kept = histories.with(&topic, |history| {
                            (history.last, history.kept.iter().cloned().collect::<Vec<_>>())
                        });
                        let first = kept.0.number + 1 - kept.1.len() as u64;
                        let all: Vec<u64> = (first..=kept.0.number).collect();
                        assert_eq!(numbers(&kept.1), all, "{topic}");
                    }
                });
            }
        });
        assert!(histories.bytes.load(Ordering::Relaxed) <= MAX_BYTES);
    }

    #[test]
    fn another_epoch_is_forgotten() {
        let histories = Histories::default();
        let at = histories.append("chat:1", LIMITS, "say", "{}", None).at;
        for other in
            [Position { epoch: at.epoch.wrapping_add(1), number: 1 }, Position { epoch: at.epoch, number: 2 }]
        {
            assert_eq!(histories.since("chat:1", other).unwrap_err(), Gap::Forgotten);
        }
        assert_eq!(Histories::default().since("chat:1", at).unwrap_err(), Gap::Forgotten);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let histories = Histories::default();
        let start = histories.begin("chat:1");
        let brief = HistoryLimits { age: Duration::ZERO, ..LIMITS };
        let at = histories.append("chat:1", brief, "say", "{}", None).at;
        assert_eq!(numbers(&histories.take_unsent("chat:1", at)), [1]);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(histories.since("chat:1", start).unwrap_err(), Gap::TooFarBehind);
        assert!(histories.since("chat:1", at).unwrap().is_empty());
        histories.sweep(Instant::now());
        assert!(histories.topics.is_empty());
        assert_eq!(histories.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn topics_without_messages_are_forgotten() {
        let histories = Histories::default();
        for topic in 0..3 * SWEEP {
            histories.begin(&format!("chat:{topic}"));
        }
        assert!(histories.topics.len() <= SWEEP, "{}", histories.topics.len());
    }

    #[test]
    fn all_topics_together_have_a_size() {
        let histories = Histories::default();
        let large = format!("{{\"text\":\"{}\"}}", "x".repeat(1024 * 1024));
        for topic in 0..70 {
            histories.append(&format!("chat:{topic}"), LIMITS, "say", &large, None);
        }
        assert!(histories.bytes.load(Ordering::Relaxed) <= MAX_BYTES);
        let start = histories.begin("chat:69");
        let said = histories.append("chat:69", LIMITS, "say", &large, None);
        assert_ne!(said.at.epoch, start.epoch, "who was there is told that something is missing");
        assert_eq!(histories.since("chat:69", start).unwrap_err(), Gap::Forgotten);
    }

    #[test]
    fn positions_have_one_spelling() {
        let at = Position { epoch: 0xAB, number: 7 };
        assert_eq!((at.to_string(), "000000ab-7".parse()), ("000000ab-7".to_owned(), Ok(at)));
        for bad in ["ab-7", "000000AB-7", "000000ab-07", "000000ab-+7", "000000ab", "", "-7"] {
            assert_eq!(bad.parse::<Position>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn the_id_comes_first() {
        let at = Position { epoch: 1, number: 2 };
        let json = |object| match with_id(object, at) {
            Payload::Json(json) => json.as_str().to_owned(),
            _ => unreachable!(),
        };
        assert_eq!(json("{}"), r#"{"_id":"00000001-2"}"#);
        assert_eq!(json("{ }"), r#"{"_id":"00000001-2"}"#);
        assert_eq!(json(r#"{"a":1}"#), r#"{"_id":"00000001-2","a":1}"#);
    }
}
