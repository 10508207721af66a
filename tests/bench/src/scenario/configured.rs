//! Fan-out on channels that a file of settings describes, beside the playground's, which are
//! written in Rust and do the same.

use std::io;

use super::{DELIVERED, Scenario, Subject, conversation::Conversation, traffic::ROOMS};
use crate::{
    candidate::{Application, Candidate},
    measure::Sample,
};

/// The topics that are configured: as long as the playground's, so that frames are.
const CHATS: &str = "chat";

/// What the playground's channel does with a shout.
const SETTINGS: &str = r#"
[channels."chat:*"]
join = "anyone"
publish = "any"
echo = true
reply = "empty"
"#;

/// More than a run says in one topic.
const HISTORY: &str = "history = { count = 1000, age = \"10m\" }\n";

/// Messages in configured channels, one under way in each.
#[derive(Debug, Clone, Copy)]
pub struct Configured {
    conversation: Conversation,
    rooms: usize,
    members: usize,
    has_history: bool,
}

impl Configured {
    /// One in each room says something to all in it, until this many messages were delivered. The
    /// product keeps them for those who come back, if it has a history; the playground has none.
    pub fn new(rooms: usize, members: usize, has_history: bool, deliveries: u64) -> Self {
        let conversation = Conversation::fan_out(rooms, members, 1, deliveries);
        Self { conversation, rooms, members, has_history }
    }
}

impl Scenario for Configured {
    fn key(&self) -> String {
        let history = if self.has_history { "-history" } else { "" };
        let Self { rooms, members, .. } = self;
        format!("configured-{rooms}x{members}{history}")
    }

    fn name(&self) -> String {
        let history = if self.has_history { ", with history" } else { "" };
        format!("configured {}{history}", self.conversation.name())
    }

    fn unit(&self) -> &'static str {
        DELIVERED
    }

    fn application(&self) -> Application {
        Application::Shouts
    }

    fn is_worthwhile(&self, able: &[&Candidate]) -> bool {
        // The playground is there to be compared with.
        able.iter().any(|candidate| candidate.application == Application::Vestibule)
    }

    fn settings(&self) -> Option<String> {
        Some(format!("{SETTINGS}{}", if self.has_history { HISTORY } else { "" }))
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let topics = if subject.application == Application::Playground { ROOMS } else { CHATS };
        self.conversation.run_in(topics, subject)
    }
}
