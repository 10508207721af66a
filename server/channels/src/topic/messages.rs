//! What connections tell rooms.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use actix::Message;
use tokio::sync::oneshot;
use vestibule_phoenix::message::{Payload, Term};

use super::Share;
use crate::{
    channel::{Client, SubscriberId},
    outbox::Outbox,
};

/// A connection wants in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Join {
    /// The name of the join.
    pub who: SubscriberId,
    /// The connection.
    pub client: Arc<Client>,
    /// Its way out.
    pub outbox: Outbox,
    /// The `join_ref` as it came.
    pub join_ref: Term,
    /// The `ref` of the join.
    pub reference: Term,
    /// The join's parameters.
    pub params: Payload,
    /// The connection's earlier join of this topic, which ends.
    pub replaces: Option<SubscriberId>,
    /// Set once a later join of the connection replaces this one: a leave that the room has not handled by then is not
    /// answered any more, as Phoenix kills a channel that is about to be joined anew.
    pub is_replaced: Arc<AtomicBool>,
    /// Tells the connection whether it is in. Dropped unused where the room ends before it decides.
    pub decision: oneshot::Sender<bool>,
}

/// A message from a connection that is in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Input {
    /// Who sends it.
    pub who: SubscriberId,
    /// The event.
    pub event: Term,
    /// The payload.
    pub payload: Payload,
    /// Its `ref`.
    pub reference: Term,
    /// When it came.
    pub at: Instant,
    /// Its share of what its connection may have under way, given back when the channel gets the message.
    pub share: Share,
}

/// A connection is out.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Leave {
    /// By its own `phx_leave`, which is answered.
    Asked {
        /// Who leaves.
        who: SubscriberId,
        /// The leave's `ref`.
        reference: Term,
    },
    /// The connection is gone.
    Gone {
        /// Whose.
        who: SubscriberId,
    },
}

impl Leave {
    /// Who is out.
    pub fn who(&self) -> SubscriberId {
        match self {
            Leave::Asked { who, .. } | Leave::Gone { who } => *who,
        }
    }
}
