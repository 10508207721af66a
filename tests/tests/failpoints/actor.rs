//! A participant over all lives of the server: what they sent, under which id, and the answers.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use vestibule_tests::people::{Message, Person};

use crate::snapshot::Snapshot;

/// What a participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A newcomer in the room, who asks and withdraws, and answers approves unless the inbox
    /// connection does.
    Asker { has_inbox: bool },
    /// The same newcomer's other connection, which listens to the inbox and answers approves there.
    Inbox,
    /// Approves, denies and unblocks.
    Member,
    /// A guest who never asks, and so must be told nothing.
    Bystander,
}

pub(crate) struct Actor {
    pub(crate) role: Role,
    pub(crate) person: Arc<Person>,
    /// Valid over all lives, since the server's secrets stay.
    pub(crate) token: String,
    /// All commands that were sent and may be repeated.
    pub(crate) log: Vec<Entry>,
    /// The approves that were acked or nacked, or are ignored for good.
    pub(crate) decided: HashSet<String>,
    /// What the server showed at a moment when nothing was in flight.
    pub(crate) snapshot: Snapshot,
    /// The messages of this life of the server, except answers.
    pub(crate) received: Vec<Message>,
}

/// A command, which keeps its id however often it is sent.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) event: &'static str,
    pub(crate) payload: Value,
    /// How often it was sent.
    pub(crate) sent: usize,
    pub(crate) answers: Vec<Answer>,
    /// The server was killed before it answered.
    pub(crate) was_lost: bool,
    /// Another participant was told of it in an earlier life, before it was answered.
    pub(crate) was_told: bool,
    /// Whether it can change nothing any more, and is checked only at the very end.
    pub(crate) is_settled: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) is_ok: bool,
    pub(crate) response: Value,
}

impl Actor {
    pub(crate) fn new(role: Role, person: &Arc<Person>, token: &str) -> Self {
        Self {
            role,
            person: Arc::clone(person),
            token: token.to_owned(),
            log: Vec::new(),
            decided: HashSet::new(),
            snapshot: Snapshot::default(),
            received: Vec::new(),
        }
    }

    pub(crate) fn uid(&self) -> String {
        self.person.uid().to_string()
    }

    /// The topic that this actor joins and sends to.
    pub(crate) fn topic(&self, room: &str) -> String {
        if self.role == Role::Inbox { self.person.inbox() } else { room.to_owned() }
    }
}

impl Entry {
    pub(crate) fn new(event: &'static str, payload: Value) -> Self {
        Self {
            event,
            payload,
            sent: 0,
            answers: Vec::new(),
            was_lost: false,
            was_told: false,
            is_settled: false,
        }
    }

    /// A string of the payload.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or_else(|| panic!("no {field} in {:?}", self.payload))
    }

    pub(crate) fn is_answered(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether it was ever answered ok.
    pub(crate) fn is_done(&self) -> bool {
        self.answers.iter().any(|answer| answer.is_ok)
    }

    /// Whether an answer says that this very attempt had an effect.
    pub(crate) fn is_first(&self) -> bool {
        self.answers.iter().any(|answer| answer.response["dup"] == false)
    }

    /// The seq of its first answer.
    pub(crate) fn seq(&self) -> &Value {
        let done = self.answers.iter().find(|answer| answer.is_ok).expect("an answer ok");
        &done.response["seq"]
    }
}
