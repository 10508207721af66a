//! What connections send topic actors.

use std::sync::{Arc, atomic::AtomicBool};

use tokio::sync::oneshot;
use vestibule_phoenix::message::{Payload, Term};

use super::Reserved;
use crate::{
    channel::{Client, Incoming, SubscriberId},
    outbox::Outbox,
};

/// A connection asks to join. `S` is what the connection carries.
#[allow(clippy::struct_field_names, reason = "`join_ref` is the protocol's name")]
pub struct Join<S: 'static> {
    pub(crate) who: SubscriberId,
    pub(crate) client: Arc<Client<S>>,
    pub(crate) outbox: Outbox,
    /// The `join_ref` as the client sent it.
    pub(crate) join_ref: Term,
    /// The `ref` of the join.
    pub(crate) reference: Term,
    pub(crate) params: Payload,
    /// The connection's earlier join of this topic, which ends.
    pub(crate) replaces: Option<SubscriberId>,
    /// Set once a later join of the connection replaces this one. A leave that the actor has not
    /// handled by then is not answered, as Phoenix kills a channel that is about to be joined anew.
    pub(crate) is_replaced: Arc<AtomicBool>,
    /// Tells the connection whether it has joined. Dropped unused if the actor ends before it
    /// decides.
    pub(crate) decision: oneshot::Sender<bool>,
}

/// A subscriber's message, and its part of the connection's byte budget, which is released when the
/// channel gets the message.
pub(crate) struct Input(pub(crate) Incoming, pub(crate) Reserved);

/// A join ends from the connection's side.
pub(crate) enum Leave {
    /// By `phx_leave`, which is answered with this `ref`.
    Asked { who: SubscriberId, reference: Term },
    /// By a message whose event is not a string, over which a Phoenix channel crashes.
    BadEvent { who: SubscriberId },
    /// Because the connection is gone.
    Gone { who: SubscriberId },
}

impl Leave {
    pub(crate) fn who(&self) -> SubscriberId {
        match self {
            Leave::Asked { who, .. } | Leave::BadEvent { who } | Leave::Gone { who } => *who,
        }
    }
}
