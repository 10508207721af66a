//! One connection's state machine: takes messages, and returns one action for each.
//!
//! The socket knows which topics the connection has joined and with which `join_ref`. It decides
//! how each message is handled; it does not know what channels do. Its rules are Phoenix's, as
//! recorded from a real server:
//!
//! - A heartbeat gets a reply at once; its payload and `join_ref` are ignored.
//! - A push to a topic that is not joined gets the error reply "unmatched topic", with a null
//!   `join_ref`; leaving such a topic gets an ok.
//! - A push or leave with another `join_ref` than the join's is stale and dropped; a null
//!   `join_ref` is never stale.
//! - A second join of a topic replaces the first.
//! - A join above the limit gets the error reply "too many channels joined".
//!
//! A channel may refuse a join: after [`Action::Join`] the caller reports the decision, an
//! acceptance with [`Socket::joined`], before it hands in the next message, as Phoenix's socket
//! waits for its channel. When a channel ends a join by itself, the caller reports
//! [`Socket::ended`].

use bytestring::ByteString;
use serde_json::json;

use crate::{
    lent::{MessageRef, TermRef},
    message::{Message, Payload, Reply, Status, Term},
    small_map::SmallMap,
};

/// Identifies one join among all that a connection has made. Never reused on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JoinId(pub u32);

/// The state of one connection. See the [module](self).
#[derive(Debug)]
pub struct Socket {
    channels: SmallMap<ByteString, Channel>,
    max_channels: usize,
    next_join: u32,
}

#[derive(Clone, Debug)]
struct Channel {
    id: JoinId,
    /// As the client sent it, null included: pushes are compared with it.
    join_ref: Term,
}

/// How to handle one message.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this reply; no channel is concerned.
    Reply(Reply),
    /// Ask the topic's channel whether this connection may join.
    Join(Join),
    /// Hand the message to the joined channel. If the event is not a string, a Phoenix channel
    /// crashes.
    Push(JoinId),
    /// Tell the joined channel that the client leaves. The channel replies, and [`Socket::ended`]
    /// follows.
    Leave(JoinId),
    /// Do nothing: the message is stale.
    Ignore,
}

/// A join for a channel to decide.
#[derive(Debug, PartialEq, Eq)]
pub struct Join {
    /// Identifies this join from now on.
    pub id: JoinId,
    /// The topic, which a route matches.
    pub topic: ByteString,
    /// The `join_ref` as the client sent it.
    pub join_ref: Term,
    /// The `ref` as the client sent it.
    pub reference: Term,
    /// The join's parameters.
    pub payload: Payload,
    /// The join of the same topic that this one ends. The channel sends its `phx_close` after the
    /// reply to the new one.
    pub replaces: Option<JoinId>,
}

impl Socket {
    /// A connection that has joined nothing and may join `max_channels` topics. Phoenix allows 100.
    pub fn new(max_channels: usize) -> Self {
        Self { channels: SmallMap::new(), max_channels, next_join: 0 }
    }

    /// Decides how to handle one message. `is_routed` tells whether any channel serves a topic.
    pub fn receive(&mut self, message: &MessageRef<'_>, is_routed: impl FnOnce(&str) -> bool) -> Action {
        match (message.topic.as_text(), message.event.as_text()) {
            (Some("phoenix"), Some("heartbeat")) => {
                let reply = answer(message, Status::Ok, Payload::empty());
                Action::Reply(Reply { join_ref: Term::Null, ..reply })
            }
            (Some(topic), Some("phx_join")) if is_routed(topic) => self.join(topic, message),
            (_, Some("phx_join")) => Action::Reply(unmatched(message)),
            _ => self.push(message),
        }
    }

    /// Notes that the channel has accepted the join: messages to `topic` now belong to `id`.
    pub fn joined(&mut self, topic: ByteString, id: JoinId, join_ref: Term) {
        self.channels.insert(topic, Channel { id, join_ref });
    }

    /// Notes that join `id` is over, by a leave, a stop or a crash. Does nothing for a join that
    /// was replaced.
    pub fn ended(&mut self, topic: &str, id: JoinId) {
        if self.channels.get(topic).is_some_and(|channel| channel.id == id) {
            self.channels.remove(topic);
        }
    }

    fn join(&mut self, topic: &str, message: &MessageRef<'_>) -> Action {
        let replaces = self.channels.remove(topic).map(|channel| channel.id);
        if self.channels.len() >= self.max_channels {
            return Action::Reply(refuse(message, "too many channels joined"));
        }
        let id = JoinId(self.next_join);
        self.next_join += 1;
        let Message { join_ref, reference, topic, payload, .. } = message.to_message();
        let topic = topic.as_text().cloned().unwrap_or_default();
        Action::Join(Join { id, topic, join_ref, reference, payload, replaces })
    }

    fn push(&self, message: &MessageRef<'_>) -> Action {
        let is_leave = message.event.as_text() == Some("phx_leave");
        let Some(channel) = message.topic.as_text().and_then(|topic| self.channels.get(topic)) else {
            let reply =
                if is_leave { answer(message, Status::Ok, Payload::empty()) } else { unmatched(message) };
            return Action::Reply(reply);
        };
        let is_stale =
            message.join_ref != TermRef::Null && message.join_ref != TermRef::from(&channel.join_ref);
        if is_stale {
            return Action::Ignore;
        }
        if is_leave { Action::Leave(channel.id) } else { Action::Push(channel.id) }
    }
}

fn unmatched(message: &MessageRef<'_>) -> Reply {
    Reply { join_ref: Term::Null, ..refuse(message, "unmatched topic") }
}

fn refuse(message: &MessageRef<'_>, reason: &str) -> Reply {
    answer(message, Status::Error, Payload::of(&json!({ "reason": reason })))
}

fn answer(message: &MessageRef<'_>, status: Status, response: Payload) -> Reply {
    Reply {
        join_ref: message.join_ref.to_term(),
        reference: message.reference.to_term(),
        topic: message.topic.to_term(),
        status,
        response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::FrameRef;
    use crate::serializer::Serializer;

    fn receive(socket: &mut Socket, text: &str) -> Action {
        let message = Serializer::V2.decode(FrameRef::Text(text)).unwrap();
        socket.receive(&message.lent(), |topic| topic.starts_with("room:"))
    }

    fn join(socket: &mut Socket, text: &str) -> JoinId {
        match receive(socket, text) {
            Action::Join(join) => {
                socket.joined(join.topic, join.id, join.join_ref);
                join.id
            }
            other => panic!("expected a join, got {other:?}"),
        }
    }

    fn reply(action: Action) -> String {
        let Action::Reply(reply) = action else { panic!("expected a reply, got {action:?}") };
        let mut out = Vec::new();
        Serializer::V2.encode(&reply.into(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replaced_join_is_named_and_its_end_changes_nothing() {
        let mut socket = Socket::new(100);
        let first = join(&mut socket, r#"["1","1","room:a","phx_join",{}]"#);
        let Action::Join(second) = receive(&mut socket, r#"["2","2","room:a","phx_join",{}]"#) else {
            panic!()
        };
        assert_eq!(second.replaces, Some(first));
        socket.joined(second.topic, second.id, second.join_ref);
        socket.ended("room:a", first);
        assert!(
            matches!(receive(&mut socket, r#"["2","3","room:a","x",{}]"#), Action::Push(id) if id == second.id)
        );
    }

    #[test]
    fn failed_rejoin_leaves_the_topic_unmatched() {
        let mut socket = Socket::new(100);
        join(&mut socket, r#"["1","1","room:a","phx_join",{}]"#);
        assert!(matches!(receive(&mut socket, r#"["2","2","room:a","phx_join",{}]"#), Action::Join(_)));
        let text = reply(receive(&mut socket, r#"["1","3","room:a","x",{}]"#));
        assert_eq!(
            text,
            r#"[null,"3","room:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]"#
        );
    }

    #[test]
    fn stale_pushes_and_leaves_are_dropped() {
        let mut socket = Socket::new(100);
        join(&mut socket, r#"[1,1,"room:a","phx_join",{}]"#);
        for stale in
            [r#"["1",2,"room:a","x",{}]"#, r#"[1.0,2,"room:a","x",{}]"#, r#"[2,2,"room:a","phx_leave",{}]"#]
        {
            assert_eq!(receive(&mut socket, stale), Action::Ignore, "{stale}");
        }
        assert!(matches!(receive(&mut socket, r#"[null,3,"room:a","x",{}]"#), Action::Push(..)));
        assert!(matches!(receive(&mut socket, r#"[1,4,"room:a","phx_leave",{}]"#), Action::Leave(..)));
    }

    #[test]
    fn the_limit_counts_channels_and_spares_a_rejoin() {
        let mut socket = Socket::new(2);
        join(&mut socket, r#"["1","1","room:a","phx_join",{}]"#);
        let last = join(&mut socket, r#"["2","2","room:b","phx_join",{}]"#);
        let text = reply(receive(&mut socket, r#"["3","3","room:c","phx_join",{}]"#));
        assert_eq!(
            text,
            r#"["3","3","room:c","phx_reply",{"response":{"reason":"too many channels joined"},"status":"error"}]"#
        );
        join(&mut socket, r#"["4","4","room:a","phx_join",{}]"#);
        socket.ended("room:b", last);
        join(&mut socket, r#"["5","5","room:c","phx_join",{}]"#);
    }

    #[test]
    fn leaving_an_unjoined_topic_is_ok() {
        let mut socket = Socket::new(1);
        let text = reply(receive(&mut socket, r#"["5","4",42,"phx_leave",{}]"#));
        assert_eq!(text, r#"["5","4",42,"phx_reply",{"response":{},"status":"ok"}]"#);
    }

    #[test]
    fn heartbeats_are_answered_without_a_join_ref() {
        let mut socket = Socket::new(1);
        let text = reply(receive(&mut socket, r#"["9",0,"phoenix","heartbeat",[]]"#));
        assert_eq!(text, r#"[null,0,"phoenix","phx_reply",{"response":{},"status":"ok"}]"#);
        let text = reply(receive(&mut socket, r#"[null,1,"phoenix","other",{}]"#));
        assert!(text.contains("unmatched topic"));
    }
}
