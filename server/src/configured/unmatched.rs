//! What the log says of topics that nobody has configured.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long the log says nothing of further topics: strangers choose how many there are.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest part of a topic that the log shows, in characters.
const SHOWN: usize = 100;

/// Notes joins of topics without a channel.
#[derive(Debug, Default)]
pub(super) struct Unmatched(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    last: Option<Instant>,
    /// Joins that the log has not mentioned.
    others: u64,
}

impl Unmatched {
    /// Leaves a line in the log that says what to configure, unless there was one just now.
    pub(super) fn note(&self, topic: &str) {
        if let Some(others) = self.due(Instant::now()) {
            let topic = shortened(topic);
            let pattern = pattern(topic);
            tracing::warn!(
                topic,
                others,
                "no channel for this topic; to serve it, add [channels.\"{pattern}\"] to the file of settings"
            );
        }
    }

    /// How many joins were not mentioned since the last line, if it is time for another.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            noted.others += 1;
            return None;
        }
        noted.last = Some(now);
        Some(mem::take(&mut noted.others))
    }
}

fn shortened(topic: &str) -> &str {
    topic.char_indices().nth(SHOWN).map_or(topic, |(end, _)| &topic[..end])
}

/// The pattern that an operator probably wants for a topic.
fn pattern(topic: &str) -> String {
    let is_plain = |character: char| !character.is_control() && !matches!(character, '"' | '\\' | '*');
    match topic.split_once(':') {
        Some((kind, _)) if !kind.is_empty() && kind.chars().all(is_plain) => format!("{kind}:*"),
        None if topic.chars().all(is_plain) && !topic.is_empty() => topic.to_owned(),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_topics_is_one_line_in_a_while() {
        let unmatched = Unmatched::default();
        let start = Instant::now();
        let due = [0, 1, 9, 10, 11, 25].map(|second| unmatched.due(start + Duration::from_secs(second)));
        assert_eq!(due, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn a_pattern_is_suggested_for_plain_topics() {
        for (topic, suggested) in [
            ("chat:lobby", "chat:*"),
            ("lobby", "lobby"),
            ("a\"]:x", "…"),
            (":x", "…"),
            ("a\nb", "…"),
            ("", "…"),
        ] {
            assert_eq!(pattern(topic), suggested, "{topic:?}");
        }
        assert_eq!(shortened(&"é".repeat(101)), "é".repeat(SHOWN));
    }
}
