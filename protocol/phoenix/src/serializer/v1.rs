//! Phoenix's V1 serializer: objects `{topic, event, payload, ref}`, which clients before phoenix.js
//! 1.4 and some in other languages use.
//!
//! A client may send a `join_ref`, which is honoured, but never receives one. The kind of frame
//! does not matter: JSON in a binary frame is JSON. V1 cannot express bytes.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DecodeError, json, strict};
use crate::{
    lent::{Decoded, Kind, OutgoingRef},
    message::Json,
};

/// The known keys; others are ignored, as in Phoenix.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    topic: &'a RawValue,
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow, rename = "ref")]
    reference: &'a RawValue,
    #[serde(borrow, default)]
    join_ref: Option<&'a RawValue>,
}

/// Decodes the text of a frame.
pub fn decode(text: &str) -> Result<Decoded<'_>, DecodeError> {
    // Serde would accept the five values in an array too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(DecodeError::Malformed(serde::de::Error::custom("expected an object")));
    }
    let Object { topic, event, payload, reference, join_ref } = serde_json::from_str(text)?;
    let terms = [join_ref, Some(reference), Some(topic), Some(event)].map(|term| term.map(RawValue::get));
    for part in terms.into_iter().flatten().chain([payload.get()]) {
        strict::check(part)?;
    }
    json::message(terms, payload.get(), text.contains('\\'))
}

/// Appends `message`, which has `payload`, with the keys in Phoenix's order.
pub fn encode(message: &OutgoingRef<'_>, payload: &Json, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"event\":");
    json::put_text(out, message.kind.event());
    out.extend_from_slice(b",\"payload\":");
    match message.kind {
        Kind::Reply(status) => json::put_reply(out, payload, status),
        Kind::Push(_) | Kind::Broadcast(_) => json::put(out, payload),
    }
    out.extend_from_slice(b",\"ref\":");
    json::put_term(out, message.reference);
    out.extend_from_slice(b",\"topic\":");
    json::put_term(out, message.topic);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Message, Outgoing, Payload, Push, Reply, Status, Term};

    fn decode(text: &str) -> Result<Message, DecodeError> {
        super::decode(text).map(Decoded::into_message)
    }

    fn encoded(message: impl Into<Outgoing>) -> String {
        let message = message.into();
        let mut out = Vec::new();
        encode(&(&message).into(), message.payload().as_json().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decodes_objects_with_and_without_a_join_ref() {
        let message = decode(r#"{"topic":"t","event":"e","payload":[1],"ref":1,"more":{}}"#).unwrap();
        assert_eq!(message.join_ref, Term::Null);
        assert_eq!(message.reference, Term::Other("1".into()));
        assert_eq!(message.payload, Payload::Json(Json::trusted("[1]".into())));
        let message = decode(r#"{"topic":"t","event":"e","payload":{},"ref":null,"join_ref":"7"}"#).unwrap();
        assert_eq!(message.join_ref, "7".into());
    }

    #[test]
    fn refuses_other_shapes_than_the_object() {
        for bad in [
            "",
            "x",
            "null",
            r#"[null,"1","phoenix","heartbeat",{}]"#,
            r#"{"event":"e","payload":{},"ref":"1"}"#,
            r#"{"topic":"t","payload":{},"ref":"1"}"#,
            r#"{"topic":"t","event":"e","ref":"1"}"#,
            r#"{"topic":"t","event":"e","payload":{}}"#,
            r#"{"topic":"t","event":"e","payload":{"a":1e400},"ref":"1"}"#,
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn never_sends_a_join_ref() {
        let reply = Reply {
            join_ref: "1".into(),
            reference: "2".into(),
            topic: "t".into(),
            status: Status::Ok,
            response: Payload::of(&1),
        };
        assert_eq!(
            encoded(reply),
            r#"{"event":"phx_reply","payload":{"response":1,"status":"ok"},"ref":"2","topic":"t"}"#
        );
        let push = Push {
            join_ref: "1".into(),
            reference: "1".into(),
            topic: "t".into(),
            event: "phx_close".into(),
            payload: Payload::empty(),
        };
        assert_eq!(encoded(push), r#"{"event":"phx_close","payload":{},"ref":"1","topic":"t"}"#);
        let broadcast = Broadcast { topic: "t".into(), event: "e".into(), payload: Payload::empty() };
        assert_eq!(encoded(broadcast), r#"{"event":"e","payload":{},"ref":null,"topic":"t"}"#);
    }
}
