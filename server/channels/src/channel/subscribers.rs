//! The subscribers of a topic, and how frames reach them.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    sync::{Arc, atomic::AtomicBool},
};

use bytestring::ByteString;
use serde_json::json;
use tokio::sync::oneshot;
use vestibule_phoenix::{
    lent::{Kind, OutgoingRef, TermRef},
    message::{Broadcast, Outgoing, Payload, Push, Status, Term},
    serializer::EncodeError,
    small_map::OwnMap,
};

use super::{Channel, Client, Incoming, Stop, SubscriberId, fan_out::FanOut, presence::TopicPresence};
use crate::{
    metrics::JoinCount,
    outbox::{Encoded, Outbox},
    topic::Reserved,
};

/// One join of one connection.
pub struct Subscriber<C: Channel> {
    /// The connection.
    pub client: Arc<Client<C::ConnectAssigns>>,
    /// What the channel keeps for this subscriber; `None` until it has joined.
    pub assigns: Option<C::Assigns>,
    /// The `join_ref` that replies and pushes carry: the join's `ref` where the client sent no
    /// `join_ref`.
    pub reply_join_ref: Term,
    pub(crate) outbox: Outbox,
    /// The `join_ref` as the client sent it: the `ref` of `phx_close` and `phx_error`.
    pub(crate) join_ref: Term,
    /// Set once the same connection has sent a later join of this topic.
    pub(crate) is_replaced: Arc<AtomicBool>,
    /// The join, until it is decided.
    pub(crate) joining: Option<Box<PendingJoin<C>>>,
    /// The message that later ones wait for, after [`Handled::Wait`](super::Handled::Wait).
    pub(crate) busy: Option<Box<Busy>>,
    /// Whether it gets `presence_diff`.
    pub(crate) watches_presence: bool,
    /// Counts the join in the metrics, once it is accepted.
    pub(crate) counted: Option<JoinCount>,
}

/// A join that is not decided yet.
pub(crate) struct PendingJoin<C: Channel> {
    /// Its `ref`.
    pub(crate) reference: Term,
    /// Tells the connection whether the join was accepted.
    pub(crate) decision: oneshot::Sender<bool>,
    /// The connection's earlier join of the same topic, whose `phx_close` follows the reply to this
    /// one.
    pub(crate) replaced: Option<Box<Parting<C>>>,
}

/// A subscriber whose join is over, while the channel is told.
pub(crate) struct Parting<C: Channel> {
    pub(crate) who: SubscriberId,
    pub(crate) subscriber: Subscriber<C>,
    pub(crate) last_words: LastWords,
}

/// What becomes of messages that the channel sends a parting subscriber.
pub(crate) enum LastWords {
    /// They are sent, as from Phoenix's `terminate`.
    Sent,
    /// They wait until the reply to the join that replaces this one is sent.
    Held(RefCell<Vec<Outgoing>>),
    /// They are dropped: the connection is gone, or the join was refused.
    Dropped,
}

/// A message that the channel answered with [`Handled::Wait`](super::Handled::Wait).
pub(crate) struct Busy {
    /// Its `ref`.
    pub(crate) reference: Term,
    /// What came after it.
    pub(crate) waiting: VecDeque<Waiting>,
}

/// Something that waits for a busy subscriber.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A message, and its part of the connection's byte budget.
    Message(Incoming, Reserved),
    /// A leave, with its `ref`.
    Leave(Term),
}

/// All subscribers of a topic.
pub(crate) struct Subscribers<C: Channel> {
    pub(crate) topic: ByteString,
    pub(crate) by_id: OwnMap<SubscriberId, Subscriber<C>>,
    /// Tells this actor from earlier and later ones of the same topic.
    pub(super) generation: u64,
    /// How many bytes the outbox of a subscriber holds, which bounds the presence list.
    pub(super) outbox_bytes: usize,
    pub(super) presence: Option<Box<TopicPresence>>,
    /// The subscriber that is leaving, while the channel is told.
    pub(crate) parting: Option<Box<Parting<C>>>,
    /// Subscribers whose joins must end because a message to them could not be encoded.
    pub(crate) missed: RefCell<Vec<SubscriberId>>,
    /// Whether the channel has broadcast a message that does not fit some subscriber's serializer.
    pub(crate) has_misfit: Cell<bool>,
    pub(crate) fan_out: FanOut,
}

impl<C: Channel> Subscribers<C> {
    /// No subscribers. `generation` differs between all topic actors that ever ran.
    pub(crate) fn new(topic: ByteString, generation: u64) -> Self {
        Self {
            topic,
            by_id: OwnMap::new(),
            generation,
            outbox_bytes: usize::MAX,
            presence: None,
            parting: None,
            missed: RefCell::default(),
            has_misfit: Cell::default(),
            fan_out: FanOut::default(),
        }
    }

    pub(crate) fn insert(&mut self, who: SubscriberId, subscriber: Subscriber<C>) {
        if self.by_id.is_empty() {
            self.outbox_bytes = subscriber.outbox.limits().bytes;
            if let Some(presence) = &mut self.presence {
                presence.fit_outbox(self.outbox_bytes);
            }
        }
        self.by_id.insert(who, subscriber);
    }

    /// A subscriber, also one that is just leaving.
    pub(crate) fn find(&self, who: SubscriberId) -> Option<&Subscriber<C>> {
        let parting = || self.parting.as_ref().filter(|parting| parting.who == who);
        self.by_id.get(&who).or_else(|| Some(&parting()?.subscriber))
    }

    /// As [`Self::find`].
    pub(crate) fn find_mut(&mut self, who: SubscriberId) -> Option<&mut Subscriber<C>> {
        let parting = self.parting.as_mut().filter(|parting| parting.who == who);
        self.by_id.get_mut(&who).or_else(|| Some(&mut parting?.subscriber))
    }

    /// A broadcast of this topic.
    pub(crate) fn outgoing(&self, event: &str, payload: Payload) -> Outgoing {
        Broadcast { topic: self.topic.clone(), event: event.into(), payload }.into()
    }

    /// Replies to a message, if its sender can still be reached.
    pub(crate) fn reply(&self, to: SubscriberId, reference: &Term, status: &Status, response: &Payload) {
        if let Some(subscriber) = self.find(to) {
            let message = OutgoingRef {
                kind: Kind::Reply(status),
                join_ref: (&subscriber.reply_join_ref).into(),
                reference: reference.into(),
                topic: TermRef::Text(&self.topic),
                payload: response,
            };
            self.send(to, subscriber, &message);
        }
    }

    /// Replies to a join, with the `join_ref` as the client sent it, null included.
    pub(crate) fn reply_to_join(
        &self,
        to: SubscriberId,
        reference: &Term,
        status: &Status,
        response: &Payload,
    ) -> Result<(), EncodeError> {
        let Some(subscriber) = self.by_id.get(&to) else { return Ok(()) };
        let message = OutgoingRef {
            kind: Kind::Reply(status),
            join_ref: (&subscriber.join_ref).into(),
            reference: reference.into(),
            topic: TermRef::Text(&self.topic),
            payload: response,
        };
        self.enqueue_alone(&message, subscriber)
    }

    /// Pushes to one subscriber that has joined.
    pub(crate) fn push(&self, to: SubscriberId, event: &str, payload: &Payload) {
        if let Some(subscriber) = self.find(to).filter(|subscriber| subscriber.joining.is_none()) {
            let message = OutgoingRef {
                kind: Kind::Push(event),
                join_ref: (&subscriber.reply_join_ref).into(),
                reference: TermRef::Null,
                topic: TermRef::Text(&self.topic),
                payload,
            };
            self.send(to, subscriber, &message);
        }
    }

    fn send(&self, to: SubscriberId, subscriber: &Subscriber<C>, message: &OutgoingRef<'_>) {
        let parting = self.parting.as_ref().filter(|parting| parting.who == to);
        match parting.map(|parting| &parting.last_words) {
            Some(LastWords::Dropped) => {}
            Some(LastWords::Held(held)) => held.borrow_mut().push(message.to_outgoing()),
            Some(LastWords::Sent) | None => {
                if let Err(error) = self.enqueue_alone(message, subscriber) {
                    tracing::debug!(%error, "a join ends over a message");
                    self.missed.borrow_mut().push(to);
                }
            }
        }
    }

    fn enqueue_alone(
        &self,
        message: &OutgoingRef<'_>,
        subscriber: &Subscriber<C>,
    ) -> Result<(), EncodeError> {
        self.fan_out.note(subscriber.outbox.push_alone(message)?, &subscriber.outbox);
        Ok(())
    }

    /// Sends the same bytes to every subscriber that has joined and that `to` accepts.
    pub(crate) fn broadcast(
        &self,
        message: Outgoing,
        mut to: impl FnMut(SubscriberId, &Subscriber<C>) -> bool,
    ) {
        let encoded = Encoded::new(message);
        self.by_id.iter().for_each(|(id, subscriber)| {
            if subscriber.joining.is_none() && to(*id, subscriber) {
                self.share(&encoded, subscriber);
            }
        });
    }

    /// Sends the same bytes to those of `to` that have joined.
    pub(crate) fn multicast(&self, message: Outgoing, to: &[SubscriberId]) {
        let encoded = Encoded::new(message);
        let subscribers = to.iter().filter_map(|id| self.by_id.get(id));
        for subscriber in subscribers.filter(|subscriber| subscriber.joining.is_none()) {
            self.share(&encoded, subscriber);
        }
    }

    /// Leaves bytes out for a client whose serializer cannot express them. A message that does not
    /// fit a frame is the channel's mistake.
    fn share(&self, message: &Encoded, subscriber: &Subscriber<C>) {
        match subscriber.outbox.push(message) {
            Ok(pushed) => self.fan_out.note(pushed, &subscriber.outbox),
            Err(error) => self.leave_out(error),
        }
    }

    #[cold]
    fn leave_out(&self, error: EncodeError) {
        match error {
            EncodeError::NoBytes => tracing::debug!("bytes are left out"),
            EncodeError::DoesNotFit => self.has_misfit.set(true),
        }
    }

    /// Tells a subscriber that its join is over.
    pub(crate) fn say_goodbye(&self, subscriber: &Subscriber<C>, how: Stop) {
        let (event, payload) = match how {
            Stop::Normal => ("phx_close", Payload::empty()),
            Stop::Crash => ("phx_error", Payload::of(&json!({ "reason": "channel_crash" }))),
        };
        subscriber.outbox.send(Push {
            join_ref: subscriber.join_ref.clone(),
            reference: subscriber.join_ref.clone(),
            topic: self.topic.clone(),
            event: event.into(),
            payload,
        });
    }
}
