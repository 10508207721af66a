//! Which topics have channels.

use bytestring::ByteString;
use vestibule_phoenix::message::Payload;

use super::{Join, Overloaded, TopicHandle};

/// The rooms of one kind of channel, whichever it is.
pub trait Mount: Send + Sync {
    /// Sends a join to the topic's room, which is started if it does not run.
    fn join(&self, topic: &ByteString, join: Join) -> Result<Box<dyn TopicHandle>, Overloaded>;

    /// Sends to everybody in a topic; nothing where nobody is.
    fn broadcast(&self, topic: &str, event: ByteString, payload: Payload);
}

/// Topic patterns and what serves them: `"lobby"` is that topic alone, `"room:*"` all that begin with `room:`.
#[derive(Default)]
pub struct Router {
    routes: Vec<(Pattern, Box<dyn Mount>)>,
}

enum Pattern {
    Exact(&'static str),
    Prefix(&'static str),
}

impl Router {
    /// Adds a route; an earlier one goes before a later one that matches the same topic.
    #[must_use]
    pub fn route(mut self, pattern: &'static str, rooms: impl Mount + 'static) -> Self {
        let pattern = pattern.strip_suffix('*').map_or(Pattern::Exact(pattern), Pattern::Prefix);
        self.routes.push((pattern, Box::new(rooms)));
        self
    }

    /// What serves a topic.
    pub fn find(&self, topic: &str) -> Option<&dyn Mount> {
        let matches = |pattern: &Pattern| match pattern {
            Pattern::Exact(exact) => topic == *exact,
            Pattern::Prefix(prefix) => topic.starts_with(prefix),
        };
        self.routes.iter().find(|(pattern, _)| matches(pattern)).map(|(_, rooms)| &**rooms)
    }
}
