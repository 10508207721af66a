//! Which topics belong to which channels.

use bytestring::ByteString;
use vestibule_phoenix::message::Payload;

use super::{Join, registry::Joined};

/// The topics of one kind of channel, whichever it is: a [`TopicRegistry`](super::TopicRegistry)
/// behind an [`Arc`](std::sync::Arc). `S` is what the connections carry that may join.
pub trait Route<S: 'static>: Send + Sync {
    /// Sends a join to the topic's actor, which is started if it does not run.
    #[doc(hidden)]
    fn join(&self, topic: &ByteString, join: Join<S>) -> Joined;

    /// Sends to all subscribers of a topic; does nothing if there are none.
    fn broadcast(&self, topic: &str, event: ByteString, payload: Payload);

    /// Frees the room for topics that are no longer there.
    fn shrink(&self);
}

/// Topic patterns and the channels that serve them. Phoenix's `channel/3` in a `UserSocket`.
pub struct Router<S: 'static> {
    routes: Vec<(Pattern, Box<dyn Route<S>>)>,
}

enum Pattern {
    Exact(&'static str),
    Prefix(&'static str),
}

impl<S: 'static> Router<S> {
    /// No routes.
    pub fn new() -> Self {
        Self { routes: Vec::new() }
    }

    /// Adds a route. `"lobby"` matches that topic alone, `"room:*"` all that begin with `room:`.
    /// Where several match, the first that was added wins.
    #[must_use]
    pub fn route(mut self, pattern: &'static str, topics: impl Route<S> + 'static) -> Self {
        let pattern = pattern.strip_suffix('*').map_or(Pattern::Exact(pattern), Pattern::Prefix);
        self.routes.push((pattern, Box::new(topics)));
        self
    }

    pub(crate) fn shrink(&self) {
        self.routes.iter().for_each(|(_, topics)| topics.shrink());
    }

    /// What serves a topic, if anything does.
    pub fn find(&self, topic: &str) -> Option<&dyn Route<S>> {
        let matches = |pattern: &Pattern| match pattern {
            Pattern::Exact(exact) => topic == *exact,
            Pattern::Prefix(prefix) => topic.starts_with(prefix),
        };
        self.routes.iter().find(|(pattern, _)| matches(pattern)).map(|(_, topics)| &**topics)
    }
}

impl<S: 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}
