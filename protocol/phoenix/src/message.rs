//! The messages on a socket: from clients, and replies, pushes and broadcasts to them.

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use thiserror::Error;

/// One WebSocket message, or one line of a long-poll body, before decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame.
    Text(ByteString),
    /// A binary frame.
    Binary(Bytes),
}

/// A frame that is read where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRef<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
}

impl FrameRef<'_> {
    /// How many bytes it has.
    pub fn size(self) -> usize {
        match self {
            FrameRef::Text(text) => text.len(),
            FrameRef::Binary(bytes) => bytes.len(),
        }
    }
}

impl<'a> From<&'a Frame> for FrameRef<'a> {
    fn from(frame: &'a Frame) -> Self {
        match frame {
            Frame::Text(text) => FrameRef::Text(text),
            Frame::Binary(bytes) => FrameRef::Binary(bytes),
        }
    }
}

/// A JSON value that the server repeats without interpreting it: a `ref`, a `join_ref`, and the odd
/// topic or event that is not a string.
///
/// Phoenix compares them strictly (`1`, `"1"` and `1.0` are three refs) and returns them with value
/// and type unchanged. Strings are compared after unescaping, other values by their JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Term {
    /// `null`, which means "none" wherever a term can stand.
    #[default]
    Null,
    /// A JSON string, unescaped.
    Text(ByteString),
    /// Any other JSON value, as its text.
    Other(ByteString),
}

impl Term {
    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&ByteString> {
        match self {
            Term::Text(text) => Some(text),
            Term::Null | Term::Other(_) => None,
        }
    }

    /// This term, or `other` if this one is `null` or `false`: Elixir's
    /// `||`, which takes both for "none".
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match &self {
            Term::Null => other,
            Term::Other(json) if &**json == "false" => other,
            Term::Text(_) | Term::Other(_) => self,
        }
    }

    /// How many bytes it holds.
    pub fn size(&self) -> usize {
        match self {
            Term::Null => 0,
            Term::Text(text) | Term::Other(text) => text.len(),
        }
    }

    /// Whether this is `null`, which stands for "none".
    pub fn is_null(&self) -> bool {
        matches!(self, Term::Null)
    }
}

impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Term::Text(text.into())
    }
}

impl From<ByteString> for Term {
    fn from(text: ByteString) -> Self {
        Term::Text(text)
    }
}

/// A well-formed JSON text that is passed on unchanged, shared and not parsed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(ByteString);

impl Json {
    /// The empty object `{}`, Phoenix's payload for "nothing".
    pub fn empty() -> Self {
        Json(ByteString::from_static("{}"))
    }

    /// The JSON text of `value`.
    ///
    /// # Panics
    /// If `value` does not serialize, as a map whose keys are not strings: a mistake in the server,
    /// never in a client's data.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Json(serde_json::to_string(value).expect("our own payloads are JSON").into())
    }

    /// Takes a text that a JSON parser has already accepted as one value.
    pub(crate) fn trusted(text: ByteString) -> Self {
        Json(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Json(String::from(Box::<str>::from(raw)).into())
    }
}

/// A broadcast in the dialect of Supabase's realtime-js: a user-defined event inside the event
/// `broadcast`, with a payload of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserBroadcast {
    /// The user-defined event.
    pub event: ByteString,
    /// JSON that the client adds, or nothing.
    pub metadata: ByteString,
    /// The payload.
    pub bytes: Bytes,
}

/// The content of a message: JSON, or bytes in a binary frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Any JSON value; Phoenix does not require an object.
    Json(Json),
    /// Bytes as they came in a binary frame.
    Binary(Bytes),
    /// Bytes in Supabase's dialect. Boxed: it is rare, and three times as large as the others,
    /// which are moved with every message.
    User(Box<UserBroadcast>),
}

impl Payload {
    /// The empty object `{}`.
    pub fn empty() -> Self {
        Payload::Json(Json::empty())
    }

    /// The JSON of `value`; see [`Json::of`] for when it panics.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Payload::Json(Json::of(value))
    }

    /// How many bytes it holds.
    pub fn size(&self) -> usize {
        match self {
            Payload::Json(json) => json.as_str().len(),
            Payload::Binary(bytes) => bytes.len(),
            Payload::User(user) => user.event.len() + user.metadata.len() + user.bytes.len(),
        }
    }

    /// Decodes the payload as a `T`, which may borrow from it.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use vestibule_phoenix::message::Payload;
    ///
    /// #[derive(Deserialize)]
    /// struct Say {
    ///     text: String,
    /// }
    ///
    /// let payload = Payload::of(&serde_json::json!({ "text": "hello" }));
    /// assert_eq!(payload.parse::<Say>()?.text, "hello");
    ///
    /// let error = Payload::empty().parse::<Say>().err().unwrap();
    /// assert_eq!(error.to_string(), "missing field `text` at line 1 column 2");
    /// # Ok::<(), vestibule_phoenix::message::PayloadError>(())
    /// ```
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, PayloadError> {
        let json = self.as_json().ok_or(PayloadError::NotJson)?;
        Ok(serde_json::from_str(json.as_str())?)
    }

    /// The JSON, if it is JSON.
    pub fn as_json(&self) -> Option<&Json> {
        match self {
            Payload::Json(json) => Some(json),
            Payload::Binary(_) | Payload::User(_) => None,
        }
    }
}

/// A payload that does not have the shape that a channel expects. The text is for the client's
/// developers.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// The payload is bytes, and the channel expects JSON.
    #[error("expected JSON, found bytes")]
    NotJson,
    /// A field is missing or has the wrong type.
    #[error(transparent)]
    Shape(#[from] serde_json::Error),
}

impl PayloadError {
    /// The error as the response of a reply: `{"reason": "bad payload", "detail": "…"}`.
    pub fn response(&self) -> Payload {
        Payload::of(&json!({ "reason": "bad payload", "detail": self.to_string() }))
    }
}

/// A message from a client, in the order of Phoenix's V2 array: `[join_ref, ref, topic, event,
/// payload]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The `ref` of the join that the message belongs to.
    pub join_ref: Term,
    /// The `ref` that the reply will repeat.
    pub reference: Term,
    /// The topic; a string in every sane client.
    pub topic: Term,
    /// The event; a string in every sane client.
    pub event: Term,
    /// The payload.
    pub payload: Payload,
}

/// A reply's `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// `"ok"`.
    Ok,
    /// `"error"`.
    Error,
    /// Another status, which Phoenix allows channels to use.
    Custom(ByteString),
}

impl Status {
    /// The status on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Status::Ok => "ok",
            Status::Error => "error",
            Status::Custom(text) => text,
        }
    }
}

/// `phx_reply`: the reply to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The join that the message belonged to.
    pub join_ref: Term,
    /// The `ref` of the message.
    pub reference: Term,
    /// The topic, as the client sent it.
    pub topic: Term,
    /// Whether it succeeded.
    pub status: Status,
    /// The response.
    pub response: Payload,
}

/// A message to one connection that is not a reply. Its `ref` is null, except for `phx_close` and
/// `phx_error`, whose `ref` is the `join_ref` of the join they end: otherwise a late close would
/// end a newer join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The receiver's join.
    pub join_ref: Term,
    /// Null, except for `phx_close` and `phx_error`.
    pub reference: Term,
    /// The topic.
    pub topic: ByteString,
    /// The event.
    pub event: ByteString,
    /// The payload.
    pub payload: Payload,
}

/// A message to all subscribers of a topic: the same bytes for each of them, so without refs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The topic.
    pub topic: ByteString,
    /// The event.
    pub event: ByteString,
    /// The payload.
    pub payload: Payload,
}

/// Any message from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A reply to a message.
    Reply(Reply),
    /// A message to one subscriber.
    Push(Push),
    /// A message to all subscribers.
    Broadcast(Broadcast),
}

impl Outgoing {
    /// The payload; of a reply, the response.
    pub fn payload(&self) -> &Payload {
        match self {
            Outgoing::Reply(reply) => &reply.response,
            Outgoing::Push(push) => &push.payload,
            Outgoing::Broadcast(broadcast) => &broadcast.payload,
        }
    }
}

impl From<Reply> for Outgoing {
    fn from(reply: Reply) -> Self {
        Outgoing::Reply(reply)
    }
}

impl From<Push> for Outgoing {
    fn from(push: Push) -> Self {
        Outgoing::Push(push)
    }
}

impl From<Broadcast> for Outgoing {
    fn from(broadcast: Broadcast) -> Self {
        Outgoing::Broadcast(broadcast)
    }
}

#[cfg(test)]
mod tests {
    use super::Term;

    #[test]
    fn null_and_false_are_none() {
        let other = |json: &str| Term::Other(json.into());
        let fallback = Term::from("1");
        for none in [Term::Null, other("false")] {
            assert_eq!(none.or(fallback.clone()), fallback);
        }
        for some in [Term::from(""), Term::from("false"), other("0"), other("true"), other("[]")] {
            assert_eq!(some.clone().or(fallback.clone()), some);
        }
    }
}
