//! Which rules a topic has.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
    sync::Arc,
};

use super::ChannelRules;

/// The topics that belong to the approve flow.
const TAKEN: [&str; 2] = ["room:", "user:"];

/// A topic, or all topics that begin alike: `lobby`, `chat:*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// This topic.
    Exact(String),
    /// The topics that begin like this.
    Prefix(String),
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        let expected = "expected a topic such as lobby, or its beginning and a * such as chat:*";
        if topic.contains('*') || (topic.is_empty() && !is_prefix) {
            return Err(expected.to_owned());
        }
        if topic == "phoenix" {
            return Err("the topic phoenix is the protocol's".to_owned());
        }
        if let Some(taken) = TAKEN.iter().find(|taken| topic.starts_with(**taken)) {
            return Err(format!("the topics {taken}* belong to the approve flow"));
        }
        let topic = topic.to_owned();
        Ok(if is_prefix { Self::Prefix(topic) } else { Self::Exact(topic) })
    }
}

impl Display for Pattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(topic) => formatter.write_str(topic),
            Self::Prefix(prefix) => write!(formatter, "{prefix}*"),
        }
    }
}

impl Pattern {
    /// Whether a topic is meant.
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(exact) => topic == exact,
            Self::Prefix(prefix) => topic.starts_with(prefix),
        }
    }

    /// Larger for patterns that say more: the topic itself, then the longest beginning.
    fn precision(&self) -> (bool, usize) {
        match self {
            Self::Exact(exact) => (true, exact.len()),
            Self::Prefix(prefix) => (false, prefix.len()),
        }
    }
}

/// The rules of all configured channels, those of the most precise pattern first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelTable(Vec<(Pattern, Arc<ChannelRules>)>);

impl ChannelTable {
    /// The table of these channels.
    pub fn new(channels: impl IntoIterator<Item = (Pattern, ChannelRules)>) -> Self {
        let mut all: Vec<_> =
            channels.into_iter().map(|(pattern, rules)| (pattern, Arc::new(rules))).collect();
        all.sort_by(|(one, _), (other, _)| {
            other.precision().cmp(&one.precision()).then_with(|| one.cmp(other))
        });
        Self(all)
    }

    /// The rules of a topic. Where several patterns match, the most precise one counts, wherever
    /// it stands.
    pub fn find(&self, topic: &str) -> Option<Arc<ChannelRules>> {
        let found = self.0.iter().find(|(pattern, _)| pattern.matches(topic));
        found.map(|(_, rules)| Arc::clone(rules))
    }

    /// The patterns with their rules.
    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, &ChannelRules)> {
        self.0.iter().map(|(pattern, rules)| (pattern, &**rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_precise_pattern_counts() {
        let patterns = ["*", "chat:*", "chat:vip:*", "chat:lobby"];
        let channels = patterns.iter().enumerate().map(|(number, pattern)| {
            let max = super::super::PayloadLimits { any: Some(number), events: Vec::new() };
            (pattern.parse().unwrap(), ChannelRules { max_payload: max, ..ChannelRules::default() })
        });
        let table = ChannelTable::new(channels);
        let found = |topic: &str| table.find(topic).and_then(|rules| rules.max_payload.any);
        let topics = ["x", "chat:", "chat:1", "chat:vip:1", "chat:lobby", "chat:lobby2"];
        assert_eq!(topics.map(found), [0, 1, 1, 2, 3, 1].map(Some));
        assert_eq!(ChannelTable::default().find("chat:1"), None);
    }

    #[test]
    fn patterns_are_topics_or_beginnings() {
        for good in ["lobby", "chat:*", "*", "chat", "roomy:*"] {
            assert_eq!(good.parse::<Pattern>().map(|pattern| pattern.to_string()), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", "expected a topic"),
            ("chat:*:x", "expected a topic"),
            ("**", "expected a topic"),
            ("phoenix", "the topic phoenix"),
            ("room:*", "the topics room:* belong"),
            ("user:x", "the topics user:* belong"),
        ] {
            let error = bad.parse::<Pattern>().unwrap_err();
            assert!(error.starts_with(why), "{bad}: {error}");
        }
    }
}
