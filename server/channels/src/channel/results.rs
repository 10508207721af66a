//! What a channel returns: decisions on joins and on messages.

use serde::Serialize;
use serde_json::json;
use vestibule_phoenix::message::{Payload, PayloadError, Status};

/// A channel's decision on a join. An error refuses the join, and the client gets its payload.
pub type JoinResult<A> = Result<JoinReply<A>, ErrorReply>;

/// A channel's decision on a message. An error becomes an error reply, and the client may go on.
pub type HandleResult = Result<Handled, ErrorReply>;

/// How a join goes on that is not refused. `A` is [`Channel::Assigns`](super::Channel::Assigns).
#[derive(Debug)]
pub enum JoinReply<A> {
    /// The client has joined. Phoenix's `{:ok, reply, socket}`.
    Ok(A, Payload),
    /// The decision takes time: [`Context::admit`](super::Context::admit) or
    /// [`Context::refuse`](super::Context::refuse) follows.
    Later,
}

impl<A> JoinReply<A> {
    /// Lets the client join, and replies `{}`. Phoenix's `{:ok, socket}`.
    pub fn empty(assigns: A) -> Self {
        JoinReply::Ok(assigns, Payload::empty())
    }
}

/// What follows from a message.
#[derive(Debug)]
pub enum Handled {
    /// Reply. Phoenix's `{:reply, {status, response}, socket}`.
    Reply(Status, Payload),
    /// Do not reply, or reply later with [`Context::reply`](super::Context::reply). Phoenix's
    /// `{:noreply, socket}`.
    NoReply,
    /// Hold this subscriber's next messages back until
    /// [`Context::proceed`](super::Context::proceed), as a Phoenix channel does that blocks.
    Wait,
    /// End this subscriber's join. Phoenix's `{:stop, reason, reply, socket}`.
    Stop {
        /// The reply that goes before.
        reply: Option<(Status, Payload)>,
        /// What the client is told: `phx_close` or `phx_error`.
        how: Stop,
    },
}

/// How a join ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// With `phx_close`: the client does not rejoin. Phoenix's reasons `:normal` and `:shutdown`.
    Normal,
    /// With `phx_error`: the client rejoins after a while. Any other reason in Phoenix.
    Crash,
}

impl Handled {
    /// Replies `ok` with this response.
    pub fn ok(response: Payload) -> Self {
        Handled::Reply(Status::Ok, response)
    }

    /// Replies `ok` with `{}`. Phoenix's `{:reply, :ok, socket}`.
    pub fn empty() -> Self {
        Handled::ok(Payload::empty())
    }

    /// Replies `error` with this response; the client may go on.
    pub fn error(response: Payload) -> Self {
        Handled::Reply(Status::Error, response)
    }

    /// Ends the join with `phx_error`, as a Phoenix channel that crashes. This is what Phoenix does
    /// on an event that no clause of `handle_in` matches.
    pub fn crash() -> Self {
        Handled::Stop { reply: None, how: Stop::Crash }
    }
}

/// The response of an error reply. `?` turns a [`PayloadError`] or a [`Payload`] into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply(pub Payload);

impl ErrorReply {
    /// The response is the JSON of `value`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self(Payload::of(value))
    }

    /// The response is `{"reason": reason}`, Phoenix's custom.
    pub fn reason(reason: &str) -> Self {
        Self::of(&json!({ "reason": reason }))
    }
}

impl From<Payload> for ErrorReply {
    fn from(response: Payload) -> Self {
        Self(response)
    }
}

impl From<PayloadError> for ErrorReply {
    /// As [`PayloadError::response`].
    fn from(error: PayloadError) -> Self {
        Self(error.response())
    }
}
