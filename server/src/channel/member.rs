//! Who has joined a topic, and how frames reach them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::AtomicBool},
};

use bytestring::ByteString;
use serde_json::json;
use tokio::sync::oneshot;
use vestibule_protocol::{
    message::{Outgoing, Payload, Push, Reply, Status, Term},
    presence::Presence,
};

use super::{Client, Incoming, MemberId, Stop};
use crate::{
    metrics::Joined,
    outbox::{Encoded, Outbox},
};

/// One join of one connection.
pub struct Member {
    /// The connection.
    pub client: Arc<Client>,
    /// Its way out.
    pub(crate) outbox: Outbox,
    /// What it joined with.
    pub params: Payload,
    /// The `join_ref` as the client sent it: the `ref` of `phx_close` and `phx_error`.
    pub join_ref: Term,
    /// What replies and pushes carry as `join_ref`: the join's `ref` where the client sent no `join_ref`.
    pub reply_join_ref: Term,
    /// Set once a later join of the same connection has been sent.
    pub(crate) is_replaced: Arc<AtomicBool>,
    /// Its join, until that is decided.
    pub(crate) joining: Option<PendingJoin>,
    /// The message that it waits for, if the channel asked for that.
    pub(crate) busy: Option<Busy>,
    /// Whether `presence_diff` is sent to it.
    pub(crate) watches_presence: bool,
    /// Counts it, once it is in.
    pub(crate) counted: Option<Joined>,
}

/// A join that is not decided yet.
pub(crate) struct PendingJoin {
    /// Its `ref`.
    pub(crate) reference: Term,
    /// Tells the connection whether it is in.
    pub(crate) decision: oneshot::Sender<bool>,
    /// The connection's earlier join of the same topic, whose `phx_close` follows the answer to this one.
    pub(crate) replaced: Option<Box<Member>>,
}

/// A message that was answered with [`Next::Wait`](super::Next::Wait).
pub(crate) struct Busy {
    /// Its `ref`.
    pub(crate) reference: Term,
    /// What came after it.
    pub(crate) waiting: VecDeque<Waiting>,
}

/// What waits for a busy member.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A message.
    Message(Incoming),
    /// A leave, with its `ref`.
    Leave(Term),
}

/// Everybody in a topic.
pub(crate) struct Members {
    /// The topic.
    pub(crate) topic: ByteString,
    /// By name.
    pub(crate) by_id: HashMap<MemberId, Member>,
    /// Who they are.
    pub(crate) presence: Presence<MemberId>,
}

impl Members {
    /// Nobody. `life` is different for every room that ever ran.
    pub(crate) fn new(topic: ByteString, life: u64) -> Self {
        Self { topic, by_id: HashMap::new(), presence: Presence::new(format!("{life:x}.")) }
    }

    /// Sends a reply.
    pub(crate) fn reply(&self, to: MemberId, reference: Term, status: Status, response: Payload) {
        if let Some(member) = self.by_id.get(&to) {
            member.outbox.send(Reply {
                join_ref: member.reply_join_ref.clone(),
                reference,
                topic: Term::Text(self.topic.clone()),
                status,
                response,
            });
        }
    }

    /// Answers a join: with the `join_ref` as it came, null included.
    pub(crate) fn reply_to_join(&self, to: MemberId, reference: Term, status: Status, response: Payload) {
        if let Some(member) = self.by_id.get(&to) {
            member.outbox.send(Reply {
                join_ref: member.join_ref.clone(),
                reference,
                topic: Term::Text(self.topic.clone()),
                status,
                response,
            });
        }
    }

    /// Sends a push to one member, once it is in.
    pub(crate) fn push(&self, to: MemberId, event: &str, payload: Payload) {
        if let Some(member) = self.by_id.get(&to).filter(|member| member.joining.is_none()) {
            member.outbox.send(Push {
                join_ref: member.reply_join_ref.clone(),
                reference: Term::Null,
                topic: self.topic.clone(),
                event: event.into(),
                payload,
            });
        }
    }

    /// Sends the same bytes to every member that is in and that `to` accepts.
    pub(crate) fn broadcast(&self, message: Outgoing, mut to: impl FnMut(MemberId, &Member) -> bool) {
        let encoded = Encoded::new(message);
        for (id, member) in &self.by_id {
            if member.joining.is_none() && to(*id, member) {
                member.outbox.push(&encoded);
            }
        }
    }

    /// Sends the same bytes to those of `to` that are in.
    pub(crate) fn multicast(&self, message: Outgoing, to: &[MemberId]) {
        let encoded = Encoded::new(message);
        for member in to.iter().filter_map(|id| self.by_id.get(id)).filter(|member| member.joining.is_none())
        {
            member.outbox.push(&encoded);
        }
    }

    /// Tells a member that its join is over.
    pub(crate) fn say_goodbye(&self, member: &Member, how: Stop) {
        let (event, payload) = match how {
            Stop::Normal => ("phx_close", Payload::empty()),
            Stop::Crash => ("phx_error", Payload::of(&json!({ "reason": "channel_crash" }))),
        };
        member.outbox.send(Push {
            join_ref: member.join_ref.clone(),
            reference: member.join_ref.clone(),
            topic: self.topic.clone(),
            event: event.into(),
            payload,
        });
    }
}
