//! Messages where they lie: a client's in the frame that it came in, the server's where its parts
//! are kept.
//!
//! Much of a client's message is only looked at. What is kept of it is copied, because a slice of a
//! few bytes would keep the whole frame, and the buffer that the frame was read into. What is kept
//! together shares one buffer of its size: with a buffer for each part, reading a message would
//! allocate most of all that an echo allocates.

use bytestring::ByteString;

use crate::message::{Broadcast, Json, Message, Outgoing, Payload, Push, Reply, Status, Term};

/// The longest payload that shares a buffer with other parts of its message, in bytes. A ref that
/// waits for its reply keeps that buffer.
const MAX_SHARED: usize = 512;

/// A [`Term`] where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermRef<'a> {
    /// `null`.
    Null,
    /// A JSON string, unescaped.
    Text(&'a str),
    /// Any other JSON value, as its text.
    Other(&'a str),
}

impl<'a> TermRef<'a> {
    /// The string, if it is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            TermRef::Text(text) => Some(text),
            TermRef::Null | TermRef::Other(_) => None,
        }
    }

    /// How many bytes it holds.
    pub fn size(self) -> usize {
        self.bytes().len()
    }

    /// A copy of its own.
    pub fn to_term(self) -> Term {
        self.with(|| self.bytes().into())
    }

    fn bytes(self) -> &'a str {
        match self {
            TermRef::Null => "",
            TermRef::Text(text) | TermRef::Other(text) => text,
        }
    }

    /// The same kind of term, with a copy of the bytes.
    fn with(self, copy: impl FnOnce() -> ByteString) -> Term {
        match self {
            TermRef::Null => Term::Null,
            TermRef::Text(_) => Term::Text(copy()),
            TermRef::Other(_) => Term::Other(copy()),
        }
    }
}

impl<'a> From<&'a Term> for TermRef<'a> {
    fn from(term: &'a Term) -> Self {
        match term {
            Term::Null => TermRef::Null,
            Term::Text(text) => TermRef::Text(text),
            Term::Other(json) => TermRef::Other(json),
        }
    }
}

/// A well-formed JSON text where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonRef<'a>(&'a str);

impl<'a> JsonRef<'a> {
    /// Takes a text that was checked.
    pub(crate) fn trusted(text: &'a str) -> Self {
        Self(text)
    }
}

/// A [`Payload`] where it lies, or one that has a buffer already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadRef<'a> {
    /// JSON in the frame.
    Json(JsonRef<'a>),
    /// A payload of its own.
    Kept(&'a Payload),
}

impl PayloadRef<'_> {
    /// How many bytes it holds.
    pub fn size(self) -> usize {
        match self {
            PayloadRef::Json(json) => json.0.len(),
            PayloadRef::Kept(payload) => payload.size(),
        }
    }

    /// A copy in a buffer of exactly its size, or a share of the buffer that it has.
    fn to_payload(self) -> Payload {
        match self {
            PayloadRef::Json(json) => Payload::Json(Json::trusted(json.0.into())),
            PayloadRef::Kept(payload) => payload.clone(),
        }
    }
}

/// A [`Message`] where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRef<'a> {
    /// The `ref` of the join that the message belongs to.
    pub join_ref: TermRef<'a>,
    /// The `ref` that the reply will repeat.
    pub reference: TermRef<'a>,
    /// The topic.
    pub topic: TermRef<'a>,
    /// The event.
    pub event: TermRef<'a>,
    /// The payload.
    pub payload: PayloadRef<'a>,
}

impl<'a> MessageRef<'a> {
    /// A message of its `join_ref`, `ref`, topic and event, and its payload.
    pub(crate) fn new(terms: [TermRef<'a>; 4], payload: PayloadRef<'a>) -> Self {
        let [join_ref, reference, topic, event] = terms;
        Self { join_ref, reference, topic, event, payload }
    }

    /// A copy of all of it.
    ///
    /// A joined channel keeps its topic and its `join_ref` for hours, so the parameters of a join
    /// are in a buffer of their own.
    pub fn to_message(&self) -> Message {
        let Self { join_ref, reference, topic, event, payload } = *self;
        let is_join = event.as_text() == Some("phx_join");
        let ([join_ref, reference, topic, event], payload) =
            copy([join_ref, reference, topic, event], payload, !is_join);
        Message { join_ref, reference, topic, event, payload }
    }

    /// A copy of what a channel gets: the event, if it is a string, the ref and the payload.
    pub fn to_input(&self) -> Option<(ByteString, Term, Payload)> {
        let ([event, reference], payload) = copy([self.event, self.reference], self.payload, true);
        match event {
            Term::Text(event) => Some((event, reference, payload)),
            Term::Null | Term::Other(_) => None,
        }
    }
}

impl<'a> From<&'a Message> for MessageRef<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            join_ref: (&message.join_ref).into(),
            reference: (&message.reference).into(),
            topic: (&message.topic).into(),
            event: (&message.event).into(),
            payload: PayloadRef::Kept(&message.payload),
        }
    }
}

/// Copies terms into one buffer, with the payload if it is small and may be there.
fn copy<const N: usize>(
    terms: [TermRef<'_>; N],
    payload: PayloadRef<'_>,
    may_share: bool,
) -> ([Term; N], Payload) {
    let shared = match payload {
        PayloadRef::Json(JsonRef(json)) if may_share && json.len() <= MAX_SHARED => Some(json),
        PayloadRef::Json(_) | PayloadRef::Kept(_) => None,
    };
    let most = shared.map_or(0, str::len);
    let mut texts = String::with_capacity(terms.iter().fold(most, |sum, term| sum + term.size()));
    for term in terms {
        texts.push_str(term.bytes());
    }
    texts.push_str(shared.unwrap_or_default());
    let texts = ByteString::from(texts);
    let mut rest = &*texts;
    let terms = terms.map(|term| {
        let bytes;
        (bytes, rest) = rest.split_at(term.size());
        term.with(|| texts.slice_ref(bytes))
    });
    let payload = match shared {
        Some(_) => Payload::Json(Json::trusted(texts.slice_ref(rest))),
        None => payload.to_payload(),
    };
    (terms, payload)
}

/// A message that was read from a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// It lies in the frame.
    Lent(MessageRef<'a>),
    /// The frame has it in another form.
    Kept(Message),
}

impl Decoded<'_> {
    /// The message.
    pub fn lent(&self) -> MessageRef<'_> {
        match self {
            Decoded::Lent(message) => *message,
            Decoded::Kept(message) => message.into(),
        }
    }

    /// The message, copied out of the frame.
    pub fn into_message(self) -> Message {
        match self {
            Decoded::Lent(message) => message.to_message(),
            Decoded::Kept(message) => message,
        }
    }
}

/// A message from the server, whose parts are kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingRef<'a> {
    /// What kind of message it is.
    pub kind: Kind<'a>,
    /// The join that it belongs to; null in a broadcast.
    pub join_ref: TermRef<'a>,
    /// The `ref`; null in a broadcast.
    pub reference: TermRef<'a>,
    /// The topic.
    pub topic: TermRef<'a>,
    /// The payload; of a reply, the response.
    pub payload: &'a Payload,
}

/// A kind of message from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A reply with this status.
    Reply(&'a Status),
    /// A message of this event to one subscriber.
    Push(&'a str),
    /// A message of this event to all subscribers.
    Broadcast(&'a str),
}

impl Kind<'_> {
    /// The event.
    pub fn event(&self) -> &str {
        match self {
            Kind::Reply(_) => "phx_reply",
            Kind::Push(event) | Kind::Broadcast(event) => event,
        }
    }
}

impl OutgoingRef<'_> {
    /// A copy of all of it.
    pub fn to_outgoing(&self) -> Outgoing {
        let (join_ref, reference, topic) = (self.join_ref.to_term(), self.reference.to_term(), self.topic);
        let payload = self.payload.clone();
        match self.kind {
            Kind::Reply(status) => {
                let (topic, status) = (topic.to_term(), status.clone());
                Reply { join_ref, reference, topic, status, response: payload }.into()
            }
            Kind::Push(event) => {
                let (topic, event) = (topic.bytes().into(), event.into());
                Push { join_ref, reference, topic, event, payload }.into()
            }
            Kind::Broadcast(event) => {
                Broadcast { topic: topic.bytes().into(), event: event.into(), payload }.into()
            }
        }
    }
}

impl<'a> From<&'a Reply> for OutgoingRef<'a> {
    fn from(Reply { join_ref, reference, topic, status, response }: &'a Reply) -> Self {
        Self {
            kind: Kind::Reply(status),
            join_ref: join_ref.into(),
            reference: reference.into(),
            topic: topic.into(),
            payload: response,
        }
    }
}

impl<'a> From<&'a Push> for OutgoingRef<'a> {
    fn from(Push { join_ref, reference, topic, event, payload }: &'a Push) -> Self {
        Self {
            kind: Kind::Push(event),
            join_ref: join_ref.into(),
            reference: reference.into(),
            topic: TermRef::Text(topic),
            payload,
        }
    }
}

impl<'a> From<&'a Broadcast> for OutgoingRef<'a> {
    fn from(Broadcast { topic, event, payload }: &'a Broadcast) -> Self {
        let (join_ref, reference) = (TermRef::Null, TermRef::Null);
        Self { kind: Kind::Broadcast(event), join_ref, reference, topic: TermRef::Text(topic), payload }
    }
}

impl<'a> From<&'a Outgoing> for OutgoingRef<'a> {
    fn from(message: &'a Outgoing) -> Self {
        match message {
            Outgoing::Reply(reply) => reply.into(),
            Outgoing::Push(push) => push.into(),
            Outgoing::Broadcast(broadcast) => broadcast.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lent<'a>(terms: [TermRef<'a>; 4], payload: &'a str) -> MessageRef<'a> {
        MessageRef::new(terms, PayloadRef::Json(JsonRef(payload)))
    }

    /// How many bytes there are from the start of `first` to the end of `last`.
    fn span(first: &str, last: &str) -> usize {
        last.as_bytes().as_ptr_range().end.addr() - first.as_ptr().addr()
    }

    #[test]
    fn a_small_message_is_one_buffer_of_its_size() {
        use TermRef::{Other, Text};
        let lent = lent([Text("1"), Other("22"), Text("ré:a"), Text("event")], r#"{"k":1}"#);
        let message = lent.to_message();
        assert_eq!((&message.join_ref, &message.reference), (&"1".into(), &Term::Other("22".into())));
        assert_eq!((&message.topic, &message.event), (&"ré:a".into(), &"event".into()));
        let payload = message.payload.as_json().unwrap().as_str();
        assert_eq!(payload, r#"{"k":1}"#);
        assert_eq!(span(message.join_ref.as_text().unwrap(), payload), r#"122ré:aevent{"k":1}"#.len());

        let (event, reference, payload) = lent.to_input().unwrap();
        assert_eq!((&*event, reference), ("event", Term::Other("22".into())));
        assert_eq!(span(&event, payload.as_json().unwrap().as_str()), r#"event22{"k":1}"#.len());
    }

    #[test]
    fn what_is_kept_for_long_keeps_no_payload() {
        let long = format!("\"{}\"", "x".repeat(MAX_SHARED));
        for (event, payload) in [("phx_join", "{}"), ("event", &*long)] {
            let terms = ["1", "2", "topic", event].map(TermRef::Text);
            let message = lent(terms, payload).to_message();
            let texts = message.join_ref.as_text().unwrap().as_ptr();
            let kept = message.payload.as_json().unwrap().as_str();
            assert_eq!(kept, payload);
            let end = message.event.as_text().unwrap().as_bytes().as_ptr_range().end;
            assert!(kept.as_ptr() < texts || kept.as_ptr() > end, "{event}");
            assert_ne!(kept.as_ptr(), end, "{event}");
        }
        assert_eq!(lent([TermRef::Null; 4], "null").to_message().topic, Term::Null);
    }

    #[test]
    fn outgoing_messages_and_their_lent_forms_are_the_same() {
        let (join_ref, reference, topic) = (Term::Null, Term::Other("2".into()), Term::from("t"));
        let payload = Payload::of(&1);
        let (status, response) = (Status::Custom("teapot".into()), payload.clone());
        let reply =
            Reply { join_ref: join_ref.clone(), reference: reference.clone(), topic, status, response };
        let (topic, event) = (ByteString::from("t"), ByteString::from("e"));
        let broadcast = Broadcast { topic: topic.clone(), event: event.clone(), payload: payload.clone() };
        let push = Push { join_ref, reference, topic, event, payload };
        for message in [Outgoing::from(reply), push.into(), broadcast.into()] {
            assert_eq!(OutgoingRef::from(&message).to_outgoing(), message);
        }
    }

    #[test]
    fn a_message_and_its_lent_form_are_the_same() {
        let terms = [TermRef::Null, TermRef::Other("2"), TermRef::Text(""), TermRef::Text("e")];
        let message = lent(terms, "[]").to_message();
        assert_eq!(MessageRef::from(&message).to_message(), message);
        assert_eq!(Decoded::Lent(lent(terms, "[]")).into_message(), message);
        assert_eq!(MessageRef::from(&message).to_input(), lent(terms, "[]").to_input());
        assert_eq!(lent([TermRef::Other("1"); 4], "[]").to_input(), None, "no event");
    }
}
