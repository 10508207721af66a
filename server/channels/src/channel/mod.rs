//! What a topic does: the [`Channel`] trait, and the [`Context`] it acts with.
//!
//! A channel is one value for one running topic. Its [topic actor](crate::topic) calls it for every
//! join, message and leave, one at a time, and gives it a [`Context`] to reply, push, broadcast and
//! track presence with. A channel never waits: hand work that takes time to [`Context::spawn`] or
//! [`Context::resume_later`], which call back into the channel when it is done.
//!
//! # What a channel keeps
//! - For the whole topic: its own fields.
//! - For each subscriber: [`Channel::Assigns`], which [`Channel::join`] returns. Read and change
//!   them with [`Context::assigns`] and [`Context::assigns_mut`].
//! - For each connection: [`Channel::ConnectAssigns`], which the endpoint's
//!   [`SocketHandler`](crate::SocketHandler) returned when the client connected. They do not
//!   change.
//!
//! In Phoenix the last two are one map, `socket.assigns`.
//!
//! # Panics and messages that do not fit
//! A panic in a call ends the join that caused it, with `phx_error`, and nothing else. A channel
//! that keeps state for the whole topic must therefore be consistent between any two statements
//! that can panic.
//!
//! A message that a client's serializer cannot express also ends a join: V2's binary frames have no
//! room for a topic, event, `ref` or `join_ref` longer than 255 bytes. A reply or a push ends the
//! join of its receiver, a broadcast the join on whose behalf the channel was called. Bytes that
//! are broadcast to a client of V1 are left out for that client.
//!
//! ```
//! use vestibule_channels::{
//!     Channel, Context, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload,
//!     SubscriberId,
//! };
//!
//! struct Echo;
//!
//! impl Channel for Echo {
//!     type ConnectAssigns = ();
//!     type Assigns = ();
//!
//!     fn join(
//!         &mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload,
//!     ) -> JoinResult<()> {
//!         Ok(JoinReply::empty(()))
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
//!         match &*message.event {
//!             "echo" => Ok(Handled::ok(message.payload)),
//!             "shout" => {
//!                 cx.broadcast("shout", message.payload);
//!                 Ok(Handled::empty())
//!             }
//!             _ => Ok(Handled::crash()),
//!         }
//!     }
//! }
//! ```

mod client;
mod context;
mod fan_out;
mod presence;
mod results;
mod subscribers;

use std::time::Instant;

use bytestring::ByteString;
use vestibule_phoenix::{
    message::{Payload, Term},
    socket::JoinId,
};

pub(crate) use client::AnyClient;
pub use client::{Client, Transport};
pub use context::{Call, Context, Resume};
pub(crate) use context::{Continue, Deferred, Origin};
pub use results::{ErrorReply, HandleResult, Handled, JoinReply, JoinResult, Stop};
pub use subscribers::Subscriber;
pub(crate) use subscribers::{Busy, LastWords, Parting, PendingJoin, Subscribers, Waiting};

/// Identifies one join of one connection, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId {
    /// The connection, as in [`Client::connection`].
    pub connection: u64,
    /// The connection's join.
    pub join: JoinId,
}

/// What a topic does. See the [module](self).
pub trait Channel: Sized + 'static {
    /// What a connection carries: the [`SocketHandler::Assigns`](crate::SocketHandler::Assigns) of
    /// the endpoints that route topics to this channel.
    type ConnectAssigns: Send + Sync + 'static;

    /// What this channel keeps for each subscriber, from the join to the leave.
    type Assigns: Send + 'static;

    /// Decides whether a client may join. Phoenix's `join/3`.
    ///
    /// The client receives nothing else from the topic until this is decided.
    fn join(
        &mut self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        params: &Payload,
    ) -> JoinResult<Self::Assigns>;

    /// Called once a subscriber has joined and its reply is sent. Phoenix applications send
    /// themselves `:after_join` for this.
    fn joined(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId) {}

    /// Handles a subscriber's message. Phoenix's `handle_in/3`.
    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult;

    /// Called when a join is over, for whatever reason, including a join that was refused.
    /// Phoenix's `terminate/2`.
    ///
    /// A push to a subscriber whose join was stopped, left or replaced is still sent, as from
    /// Phoenix's `terminate`: after `phx_close`, before `phx_error`, and before the `phx_close` of
    /// a replaced join.
    fn left(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId) {}

    /// Whether the topic [may rest](crate::topic): true only while no subscriber notices anything
    /// that the others do.
    fn may_rest(&self) -> bool {
        false
    }

    /// Whether the channel has nothing left to do for this subscriber, so that it may rest.
    fn is_quiet(&self, _who: SubscriberId) -> bool {
        true
    }

    /// Gives up a subscriber that is about to rest.
    ///
    /// The returned closure holds what the channel's own fields know of the subscriber (its
    /// [`Assigns`](Self::Assigns) rest with it). It is called when the subscriber wakes, in this
    /// channel or another one of the same topic, and dropped if the subscriber leaves before. This
    /// method must not call into a [`TopicRegistry`](crate::TopicRegistry).
    fn rest(&mut self, _who: SubscriberId) -> Call<Self> {
        Box::new(|_, _| {})
    }
}

/// A message from a subscriber.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The sender.
    pub from: SubscriberId,
    /// The event.
    pub event: ByteString,
    /// The payload. [`Payload::parse`] decodes it.
    pub payload: Payload,
    /// The client's `ref`, which the reply repeats.
    pub reference: Term,
    /// When the connection read the message.
    pub at: Instant,
}

impl Incoming {
    /// Where to reply later. Phoenix's `socket_ref/1`.
    pub fn reply_to(&self) -> ReplyTo {
        ReplyTo { subscriber: self.from, reference: self.reference.clone(), at: self.at }
    }
}

/// Where to reply to a message: kept by a channel that replies later, with [`Context::reply`].
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// The sender of the message.
    pub subscriber: SubscriberId,
    /// The client's `ref`.
    pub reference: Term,
    /// When the connection read the message.
    pub at: Instant,
}
