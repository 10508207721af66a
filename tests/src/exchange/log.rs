//! What one connection has sent, and what it was told.

use std::collections::HashMap;
use std::sync::mpsc::Sender;

use serde_json::Value;

use crate::people::{Device, Message};

/// A frame that was sent, and its answer, if any.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) topic: String,
    pub(super) frame: Value,
    /// Its sender: a request's newcomer, an approve's member.
    pub(super) by: String,
    /// The reply's payload, `{status, response}`.
    pub(super) answer: Option<Value>,
    /// Whether the topic started anew before it answered.
    pub(super) is_dropped: bool,
}

impl Sent {
    pub(super) fn id(&self) -> &str {
        let id = self.frame.get("approve_id").unwrap_or(&self.frame["request_id"]);
        id.as_str().expect("an id")
    }

    /// The response to a frame that was answered ok.
    pub(super) fn stored(&self) -> Option<&Value> {
        let answer = self.answer.as_ref()?;
        if answer["status"] == "ok" {
            return Some(&answer["response"]);
        }
        // Nobody knows whether it is stored.
        assert_eq!(answer["response"]["reason"], "unavailable", "{answer}");
        None
    }

    pub(super) fn was_refused(&self) -> bool {
        self.answer.is_some() && self.stored().is_none()
    }

    /// Whether frames sent later on its topic may be stored without it: the server has failed to
    /// store it, and goes on.
    pub(super) fn may_be_missing(&self) -> bool {
        self.was_refused() || self.is_dropped
    }
}

/// The pushes with a seq, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) messages: Vec<Message>,
    /// The last seq of each room on each topic. Pushes of different rooms may pass each other on
    /// the way to an inbox.
    last: HashMap<String, i64>,
}

impl Told {
    pub(super) fn note(&mut self, message: Message) {
        let Some(seq) = message.payload["seq"].as_i64() else { return };
        // What is sent again is older.
        if !is_redelivery(&message) {
            let stream = format!("{} {}", message.topic, message.payload["rid"]);
            let last = self.last.insert(stream, seq).unwrap_or_default();
            assert!(last < seq, "told {last} before {}", message.text);
        }
        self.messages.push(message);
    }
}

pub(super) fn is_redelivery(message: &Message) -> bool {
    message.payload["attempt"].as_i64().is_some_and(|attempt| attempt > 1)
}

/// All of one connection.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// In the order in which it was sent.
    pub(super) sent: Vec<Sent>,
    pub(super) told: Told,
}

/// A connection that still sends and is told.
pub(super) struct Talk {
    log: Log,
    /// The indices of unanswered frames, by ref.
    open: HashMap<String, usize>,
    /// The last seq that was answered on each topic.
    last_answers: HashMap<String, i64>,
    answered: Sender<()>,
}

impl Talk {
    pub(super) fn new(answered: Sender<()>) -> Self {
        let (log, open, last_answers) = Default::default();
        Self { log, open, last_answers, answered }
    }

    pub(super) fn send(&mut self, device: &mut Device, topic: &str, event: &str, frame: Value) {
        // A frame on a broken connection may have been sent in part: it counts as sent and
        // unanswered.
        if let Ok(reference) = device.send(topic, event, &frame) {
            self.open.insert(reference, self.log.sent.len());
        }
        let (topic, by) = (topic.to_owned(), device.uid.to_string());
        self.log.sent.push(Sent { topic, frame, by, answer: None, is_dropped: false });
    }

    /// Notes an answer or a push.
    pub(super) fn note(&mut self, message: Message) {
        if message.event == "phx_error" {
            // The topic has started anew, and answers nothing from before.
            for place in self.open.values() {
                let sent = &mut self.log.sent[*place];
                sent.is_dropped |= sent.topic == message.topic;
            }
            return;
        }
        let Some(reference) = &message.reference else { return self.log.told.note(message) };
        let Some(place) = self.open.remove(reference) else { panic!("answered twice: {}", message.text) };
        let sent = &mut self.log.sent[place];
        if sent.is_dropped && message.payload["status"] != "ok" {
            // It came when nobody was joined any more.
            return;
        }
        if let Some(seq) = message.payload["response"]["seq"].as_i64() {
            let last = self.last_answers.insert(sent.topic.clone(), seq).unwrap_or_default();
            assert!(last < seq, "{last} was sent before {}", message.text);
        }
        sent.answer = Some(message.payload);
        // Nobody counts any more once the exchange is interrupted.
        let _ = self.answered.send(());
    }

    /// Whether no answer is to come.
    pub(super) fn is_done(&self) -> bool {
        self.open.values().all(|place| self.log.sent[*place].is_dropped)
    }

    /// Ends the connection's part.
    pub(super) fn end(self) -> Log {
        self.log
    }
}
