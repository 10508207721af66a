//! Which topics a rule is about: one, or all that begin alike.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

/// The topics that belong to the approve flow.
const TAKEN: [&str; 2] = ["room:", "user:"];

/// Whether a topic belongs to the approve flow, whatever patterns match it.
pub fn is_of_the_flow(topic: &str) -> bool {
    TAKEN.iter().any(|taken| topic.starts_with(taken))
}

/// A topic, or all topics that begin alike: `lobby`, `chat:*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicPattern {
    /// This topic.
    Exact(String),
    /// The topics that begin like this.
    Prefix(String),
}

impl FromStr for TopicPattern {
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

impl Display for TopicPattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(topic) => formatter.write_str(topic),
            Self::Prefix(prefix) => write!(formatter, "{prefix}*"),
        }
    }
}

impl TopicPattern {
    /// Whether a topic is meant.
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(exact) => topic == exact,
            Self::Prefix(prefix) => topic.starts_with(prefix),
        }
    }

    /// Larger for patterns that say more: the topic itself, then the longest beginning.
    pub fn precision(&self) -> (bool, usize) {
        match self {
            Self::Exact(exact) => (true, exact.len()),
            Self::Prefix(prefix) => (false, prefix.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_topics_or_beginnings() {
        for good in ["lobby", "chat:*", "*", "chat", "roomy:*"] {
            assert_eq!(good.parse::<TopicPattern>().map(|pattern| pattern.to_string()), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", "expected a topic"),
            ("chat:*:x", "expected a topic"),
            ("**", "expected a topic"),
            ("phoenix", "the topic phoenix"),
            ("room:*", "the topics room:* belong"),
            ("user:x", "the topics user:* belong"),
        ] {
            let error = bad.parse::<TopicPattern>().unwrap_err();
            assert!(error.starts_with(why), "{bad}: {error}");
        }
    }
}
