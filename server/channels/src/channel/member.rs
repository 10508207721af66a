//! Who has joined a topic, and how frames reach them.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::AtomicBool},
};

use bytestring::ByteString;
use serde_json::json;
use tokio::sync::oneshot;
use vestibule_phoenix::{
    message::{Broadcast, Outgoing, Payload, Push, Reply, Status, Term},
    serializer::EncodeError,
};

use super::{Client, Incoming, Stop, SubscriberId, attendance::Attendance, fan_out::FanOut};
use crate::{
    metrics::Joined,
    outbox::{Encoded, Outbox},
    topic::Share,
};

/// One join of one connection.
pub struct Subscriber {
    /// The connection.
    pub client: Arc<Client>,
    /// Its way out.
    pub(crate) outbox: Outbox,
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
    pub(crate) replaced: Option<Box<Parting>>,
}

/// A member that is out. While the channel is told so, what it sends to this member still goes out, as from Phoenix's
/// `terminate`.
pub(crate) struct Parting {
    pub(crate) who: SubscriberId,
    pub(crate) member: Subscriber,
    /// What the channel sent it meanwhile, where that has to wait.
    pub(crate) held: Option<RefCell<Vec<Outgoing>>>,
}

/// A message that was answered with [`HandleResult::Wait`](super::Next::Wait).
pub(crate) struct Busy {
    /// Its `ref`.
    pub(crate) reference: Term,
    /// What came after it.
    pub(crate) waiting: VecDeque<Waiting>,
}

/// What waits for a busy member.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A message, and its share of what its connection may have under way.
    Message(Incoming, Share),
    /// A leave, with its `ref`.
    Leave(Term),
}

/// Everybody in a topic.
pub(crate) struct Subscribers {
    /// The topic.
    pub(crate) topic: ByteString,
    /// By name.
    pub(crate) by_id: HashMap<SubscriberId, Subscriber>,
    /// Who they are, as far as the channel says so.
    pub(crate) attendance: Attendance,
    /// Who is out, while the channel is told so.
    pub(crate) parting: Option<Parting>,
    /// Who was sent something that has no form in the client's serializer. Their joins have to end: they wait for it.
    pub(crate) missed: RefCell<Vec<SubscriberId>>,
    /// Whether the channel has broadcast something that has no form in somebody's serializer.
    pub(crate) has_misspoken: Cell<bool>,
    /// What has been sent since the readers had their turn.
    pub(crate) fan_out: FanOut,
}

impl Subscribers {
    /// Nobody. `life` is different for every room that ever ran.
    pub(crate) fn new(topic: ByteString, life: u64) -> Self {
        Self {
            topic,
            by_id: HashMap::new(),
            attendance: Attendance::new(life),
            parting: None,
            missed: RefCell::default(),
            has_misspoken: Cell::default(),
            fan_out: FanOut::default(),
        }
    }

    /// Adds one who wants in.
    pub(crate) fn insert(&mut self, who: SubscriberId, member: Subscriber) {
        if self.by_id.is_empty() {
            self.attendance.fit(member.outbox.limits().bytes);
        }
        self.by_id.insert(who, member);
    }

    /// A message to several.
    pub(crate) fn outgoing(&self, event: &str, payload: Payload) -> Outgoing {
        Broadcast { topic: self.topic.clone(), event: event.into(), payload }.into()
    }

    /// Sends a reply.
    pub(crate) fn reply(&self, to: SubscriberId, reference: Term, status: Status, response: Payload) {
        if let Some(member) = self.reachable(to) {
            let join_ref = member.reply_join_ref.clone();
            let topic = Term::Text(self.topic.clone());
            self.send(to, member, Reply { join_ref, reference, topic, status, response });
        }
    }

    /// Answers a join: with the `join_ref` as it came, null included.
    pub(crate) fn reply_to_join(
        &self,
        to: SubscriberId,
        reference: Term,
        status: Status,
        response: Payload,
    ) -> Result<(), EncodeError> {
        let Some(member) = self.by_id.get(&to) else { return Ok(()) };
        let join_ref = member.join_ref.clone();
        let topic = Term::Text(self.topic.clone());
        let reply = Reply { join_ref, reference, topic, status, response };
        self.put(&Encoded::new(reply.into()), member)
    }

    /// Sends a push to one member, once it is in.
    pub(crate) fn push(&self, to: SubscriberId, event: &str, payload: Payload) {
        if let Some(member) = self.reachable(to).filter(|member| member.joining.is_none()) {
            let join_ref = member.reply_join_ref.clone();
            let (topic, event) = (self.topic.clone(), event.into());
            self.send(to, member, Push { join_ref, reference: Term::Null, topic, event, payload });
        }
    }

    /// A member, also one that is just leaving.
    fn reachable(&self, who: SubscriberId) -> Option<&Subscriber> {
        let parting = || self.parting.as_ref().filter(|parting| parting.who == who);
        self.by_id.get(&who).or_else(|| Some(&parting()?.member))
    }

    fn send(&self, to: SubscriberId, member: &Subscriber, message: impl Into<Outgoing>) {
        let held = self.parting.as_ref().filter(|parting| parting.who == to);
        if let Some(held) = held.and_then(|parting| parting.held.as_ref()) {
            held.borrow_mut().push(message.into());
        } else if let Err(error) = self.put(&Encoded::new(message.into()), member) {
            tracing::debug!(%error, "a join ends over a message");
            self.missed.borrow_mut().push(to);
        }
    }

    /// Sends the same bytes to every member that is in and that `to` accepts.
    pub(crate) fn broadcast(&self, message: Outgoing, mut to: impl FnMut(SubscriberId, &Subscriber) -> bool) {
        let encoded = Encoded::new(message);
        for (id, member) in &self.by_id {
            if member.joining.is_none() && to(*id, member) {
                self.share(&encoded, member);
            }
        }
    }

    /// Sends the same bytes to those of `to` that are in.
    pub(crate) fn multicast(&self, message: Outgoing, to: &[SubscriberId]) {
        let encoded = Encoded::new(message);
        for member in to.iter().filter_map(|id| self.by_id.get(id)).filter(|member| member.joining.is_none())
        {
            self.share(&encoded, member);
        }
    }

    /// Bytes that a client's serializer has no form for are left out for it alone. A message that does not fit is the
    /// channel's mistake.
    fn share(&self, message: &Encoded, member: &Subscriber) {
        match self.put(message, member) {
            Ok(()) => {}
            Err(EncodeError::NoBytes) => tracing::debug!("bytes are left out"),
            Err(EncodeError::DoesNotFit) => self.has_misspoken.set(true),
        }
    }

    fn put(&self, message: &Encoded, member: &Subscriber) -> Result<(), EncodeError> {
        self.fan_out.note(member.outbox.push(message)?, &member.outbox);
        Ok(())
    }

    /// Tells a member that its join is over.
    pub(crate) fn say_goodbye(&self, member: &Subscriber, how: Stop) {
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
