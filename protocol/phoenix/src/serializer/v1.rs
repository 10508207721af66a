//! Phoenix's V1 serializer: objects `{topic, event, payload, ref}`, which clients before phoenix.js
//! 1.4 and some in other languages use.
//!
//! A client may send a `join_ref`, which is honoured, but never receives one. The kind of frame
//! does not matter: JSON in a binary frame is JSON. V1 cannot express bytes.

use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DecodeError, json};
use crate::message::{Json, Message, Outgoing, Term};

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
pub fn decode(text: &ByteString) -> Result<Message, DecodeError> {
    // Serde would accept the five values in an array too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(DecodeError::Malformed(serde::de::Error::custom("expected an object")));
    }
    let Object { topic, event, payload, reference, join_ref } = serde_json::from_str(text)?;
    json::message([join_ref, Some(reference), Some(topic), Some(event)], payload)
}

/// Appends `message`, which has `payload`, with the keys in Phoenix's order.
pub fn encode(message: &Outgoing, payload: &Json, out: &mut Vec<u8>) {
    match message {
        Outgoing::Reply(reply) => {
            put_event(out, "phx_reply");
            json::put_reply(out, payload, &reply.status);
            put_rest(out, &reply.reference, &reply.topic);
        }
        Outgoing::Push(push) => {
            put_event(out, &push.event);
            json::put(out, payload);
            put_rest(out, &push.reference, &Term::Text(push.topic.clone()));
        }
        Outgoing::Broadcast(broadcast) => {
            put_event(out, &broadcast.event);
            json::put(out, payload);
            put_rest(out, &Term::Null, &Term::Text(broadcast.topic.clone()));
        }
    }
}

fn put_event(out: &mut Vec<u8>, event: &str) {
    out.extend_from_slice(b"{\"event\":");
    json::put_text(out, event);
    out.extend_from_slice(b",\"payload\":");
}

fn put_rest(out: &mut Vec<u8>, reference: &Term, topic: &Term) {
    out.extend_from_slice(b",\"ref\":");
    json::put_term(out, reference);
    out.extend_from_slice(b",\"topic\":");
    json::put_term(out, topic);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Payload, Push, Reply, Status};

    fn encoded(message: impl Into<Outgoing>) -> String {
        let message = message.into();
        let mut out = Vec::new();
        encode(&message, message.payload().as_json().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decodes_objects_with_and_without_a_join_ref() {
        let message = decode(&r#"{"topic":"t","event":"e","payload":[1],"ref":1,"more":{}}"#.into()).unwrap();
        assert_eq!(message.join_ref, Term::Null);
        assert_eq!(message.reference, Term::Other("1".into()));
        assert_eq!(message.payload, Payload::Json(Json::trusted("[1]".into())));
        let message =
            decode(&r#"{"topic":"t","event":"e","payload":{},"ref":null,"join_ref":"7"}"#.into()).unwrap();
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
            assert!(decode(&bad.into()).is_err(), "{bad}");
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
