//! What a topic does: the [`Channel`] trait, and what it is handed to do it with.
//!
//! A channel is one value for one topic. It lives in that topic's [room](crate::topic), which calls it for every join,
//! message and leave, one at a time, and gives it a [`Context`] to answer, push, broadcast and track presence with. A
//! channel never waits: what takes time is handed to [`Context::spawn`] or [`Context::resume_later`], and comes back as
//! another call.
//!
//! A panic in a call ends the join that caused it, with `phx_error`, and nothing else. A channel that keeps state across
//! its members must therefore be whole between any two statements that can panic.
//!
//! So does a message that a client's serializer has no form for, as one of bytes has none in V2 whose topic, event, `ref` or
//! `join_ref` is longer than 255 bytes: a reply or a push ends the join of its receiver, a broadcast the join on whose behalf
//! the channel was called. Bytes that are broadcast to a client of V1 are left out for it.
//!
//! ```
//! use vestibule::channel::{Channel, Context, Incoming, JoinReply, SubscriberId, HandleResult};
//! use vestibule_phoenix::message::Payload;
//!
//! struct Echo;
//!
//! impl Channel for Echo {
//!     fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, _params: &Payload) -> JoinReply {
//!         JoinReply::Ok(Payload::empty())
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
//!         match &*message.event {
//!             "echo" => HandleResult::ok(message.payload),
//!             "shout" => {
//!                 cx.broadcast("shout", message.payload);
//!                 HandleResult::ok(Payload::empty())
//!             }
//!             _ => HandleResult::crash(),
//!         }
//!     }
//! }
//! ```

mod attendance;
mod client;
mod context;
mod fan_out;
mod member;

use std::time::Instant;

use bytestring::ByteString;
use vestibule_phoenix::{
    message::{Payload, Status, Term},
    socket::JoinId,
};

pub use client::{Client, Transport};
pub use context::{Call, Context, Resume};
pub(crate) use context::{Continue, Deferred, Origin};
pub use member::Subscriber;
pub(crate) use member::{Busy, Parting, PendingJoin, Subscribers, Waiting};

/// Names one join of one connection, among all of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId {
    /// The connection, as in [`Client::connection`].
    pub connection: u64,
    /// The connection's join.
    pub join: JoinId,
}

/// What a topic does. See the [module](self).
pub trait Channel: Sized + Unpin + 'static {
    /// Somebody wants in. The client hears nothing else until this is decided.
    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply;

    /// Somebody is in, and has been told.
    fn joined(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId) {}

    /// A message from somebody who is in.
    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult;

    /// Somebody is out, for whatever reason; also who was not let in.
    ///
    /// What is sent to a member whose join was stopped, left or replaced still goes out, as from Phoenix's `terminate`: after
    /// `phx_close`, before `phx_error`, and before the `phx_close` of a replaced join.
    fn left(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId) {}

    /// Whether members [may rest](crate::topic): nobody in the room hears of what the others do.
    fn may_rest(&self) -> bool {
        false
    }

    /// Whether nothing is left to do for a member that may rest.
    fn is_quiet(&self, _who: SubscriberId) -> bool {
        true
    }

    /// Gives up a member that goes to rest. What is given back holds what the channel knows of it, and is called when the member
    /// is awake again, in the same channel or another one; or dropped when the member is gone by then. Must not look for rooms.
    fn rest(&mut self, _who: SubscriberId) -> Call<Self> {
        Box::new(|_, _| {})
    }
}

/// A message to a channel.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Who sent it.
    pub from: SubscriberId,
    /// The event.
    pub event: ByteString,
    /// The payload.
    pub payload: Payload,
    /// What an answer has to name; see [`Context::reply`].
    pub reference: Term,
    /// When its connection had it.
    pub at: Instant,
}

impl Incoming {
    /// Where to answer it later.
    pub fn reply_to(&self) -> ReplyTo {
        ReplyTo { member: self.from, reference: self.reference.clone(), at: self.at }
    }
}

/// Where a message is answered: kept by a channel that answers later.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// Who sent it.
    pub member: SubscriberId,
    /// Its `ref`.
    pub reference: Term,
    /// When it came.
    pub at: Instant,
}

/// A channel's decision about a join.
#[derive(Debug)]
pub enum JoinReply {
    /// Come in.
    Ok(Payload),
    /// Stay out, and why.
    Error(Payload),
    /// It takes time: [`Context::admit`] or [`Context::refuse`] follows.
    Later,
}

/// What follows from a message.
#[derive(Debug)]
pub enum HandleResult {
    /// Answer it.
    Reply(Status, Payload),
    /// No answer, or one given later with [`Context::reply`].
    NoReply,
    /// Hand this member's next message over only after [`Context::proceed`].
    Wait,
    /// End this member's join.
    Stop {
        /// The answer before that.
        reply: Option<(Status, Payload)>,
        /// What the client is told: `phx_close` or `phx_error`.
        how: Stop,
    },
}

/// How a join ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `phx_close`: the client does not rejoin.
    Normal,
    /// `phx_error`: the client rejoins after a while.
    Crash,
}

impl HandleResult {
    /// Answers with ok.
    pub fn ok(response: Payload) -> Self {
        HandleResult::Reply(Status::Ok, response)
    }

    /// Answers with error; the client may go on.
    pub fn error(response: Payload) -> Self {
        HandleResult::Reply(Status::Error, response)
    }

    /// Ends the join as a crashed Phoenix channel does.
    pub fn crash() -> Self {
        HandleResult::Stop { reply: None, how: Stop::Crash }
    }
}
