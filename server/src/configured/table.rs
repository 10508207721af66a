//! Which rules a topic has.

use std::sync::Arc;

use super::ChannelRules;
use crate::topic_pattern::{TopicPattern, is_of_the_flow};

/// The longest topic that is served, in bytes: clients choose topics, and histories keep them.
const MAX_TOPIC: usize = 256;

/// The rules of all configured channels, those of the most precise pattern first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelTable(Vec<(TopicPattern, Arc<ChannelRules>)>);

impl ChannelTable {
    /// The table of these channels.
    pub fn new(channels: impl IntoIterator<Item = (TopicPattern, ChannelRules)>) -> Self {
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
        if topic.len() > MAX_TOPIC || is_of_the_flow(topic) {
            return None;
        }
        let found = self.0.iter().find(|(pattern, _)| pattern.matches(topic));
        found.map(|(_, rules)| Arc::clone(rules))
    }

    /// The patterns with their rules.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicPattern, &ChannelRules)> {
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
        assert!(table.find("room:1").is_none() && table.find("user:1").is_none(), "the flow's");
        assert_eq!(ChannelTable::default().find("chat:1"), None);
        let long = |bytes: usize| "x".repeat(bytes);
        assert!(table.find(&long(256)).is_some() && table.find(&long(257)).is_none());
    }
}
