//! Phoenix's V2 serializer, text frames: `[join_ref, ref, topic, event, payload]` as JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{DecodeError, json, scan};
use crate::{
    lent::{Decoded, Kind, OutgoingRef},
    message::Json,
};

/// Decodes a text frame. Elements after the fifth are checked and ignored, as in Phoenix.
pub fn decode_text(text: &str) -> Result<Decoded<'_>, DecodeError> {
    let (elements, has_escapes) = scan::elements(text).ok_or_else(|| why(text))?;
    let [join_ref, reference, topic, event, payload] = elements;
    json::message([join_ref, reference, topic, event].map(Some), payload, has_escapes)
}

/// Why a text is not a message: `serde_json` knows where it is malformed.
#[cold]
fn why(text: &str) -> DecodeError {
    serde_json::from_str::<FiveOrMore>(text).map_or_else(Into::into, |_| DecodeError::OutOfBounds)
}

/// An array of five elements or more, of which nothing is kept.
struct FiveOrMore;

impl<'de> Deserialize<'de> for FiveOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self)
    }
}

impl<'de> Visitor<'de> for FiveOrMore {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array [join_ref, ref, topic, event, payload]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        for index in 0..5 {
            seq.next_element::<&RawValue>()?.ok_or_else(|| A::Error::invalid_length(index, &self))?;
        }
        while seq.next_element::<&RawValue>()?.is_some() {}
        Ok(self)
    }
}

/// Appends `message`, which has `payload`, as a V2 text.
pub fn encode_text(message: &OutgoingRef<'_>, payload: &Json, out: &mut Vec<u8>) {
    out.push(b'[');
    for term in [message.join_ref, message.reference, message.topic] {
        json::put_term(out, term);
        out.push(b',');
    }
    match message.kind {
        Kind::Reply(status) => {
            out.extend_from_slice(b"\"phx_reply\",");
            json::put_reply(out, payload, status);
        }
        Kind::Push(event) | Kind::Broadcast(event) => {
            json::put_text(out, event);
            out.push(b',');
            json::put(out, payload);
        }
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Message, Outgoing, Payload, Push, Reply, Status, Term};

    fn decode(text: &str) -> Result<Message, DecodeError> {
        decode_text(text).map(Decoded::into_message)
    }

    fn encode(message: impl Into<Outgoing>) -> String {
        let message = message.into();
        let mut out = Vec::new();
        encode_text(&(&message).into(), message.payload().as_json().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decodes_the_five_elements() {
        let message = decode(r#" ["1", 2 ,"room:a\u0000","ev\n",{"k": [1, 1.0]}] "#).unwrap();
        assert_eq!(message.join_ref, Term::from("1"));
        assert_eq!(message.reference, Term::Other("2".into()));
        assert_eq!(message.topic, Term::from("room:a\0"));
        assert_eq!(message.event, Term::from("ev\n"));
        assert_eq!(message.payload, Payload::Json(Json::trusted(r#"{"k": [1, 1.0]}"#.into())));
    }

    #[test]
    fn ignores_elements_after_the_fifth_but_checks_them() {
        assert!(decode(r#"[null,"1","t","e",{},"more",{"and":"more"}]"#).is_ok());
        assert!(decode(r#"[null,"1","t","e",{},"\ud800"]"#).is_err());
    }

    #[test]
    fn integers_of_any_length_pass_through() {
        let long = "7".repeat(400);
        let message = decode(&format!(r#"[{long},-{long},"t","e",{{"n":{long}}},{long}]"#)).unwrap();
        let Message { join_ref, reference, payload, .. } = message;
        let push = Push { join_ref, reference, topic: "t".into(), event: "e".into(), payload };
        assert_eq!(encode(push), format!(r#"[{long},-{long},"t","e",{{"n":{long}}}]"#));
    }

    #[test]
    fn refuses_malformed_messages() {
        for bad in [
            "",
            "[]",
            "null",
            "{}",
            r#"[null,"1","t","e"]"#,
            r#"[null,"1","t","e",{}"#,
            r#"[null,"1","t","e",{}]]"#,
            r#"[null,"1","t","e",{"a":1e400}]"#,
            r#"["\ud800","1","t","e",{}]"#,
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = format!(r#"[null,null,"t","e",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(decode(&deep).is_err());
    }

    #[test]
    fn encodes_replies_pushes_and_broadcasts() {
        let reply = Reply {
            join_ref: Term::Null,
            reference: Term::Other("0".into()),
            topic: Term::Other("{\"room\":\"x\"}".into()),
            status: Status::Error,
            response: Payload::of(&serde_json::json!({"reason": "unmatched topic"})),
        };
        assert_eq!(
            encode(reply),
            r#"[null,0,{"room":"x"},"phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]"#
        );
        let push = Push {
            join_ref: "1".into(),
            reference: Term::Null,
            topic: "room:\"q\"".into(),
            event: "pushed".into(),
            payload: Payload::empty(),
        };
        assert_eq!(encode(push), r#"["1",null,"room:\"q\"","pushed",{}]"#);
        let broadcast = Broadcast { topic: "t".into(), event: "é".into(), payload: Payload::of(&1) };
        assert_eq!(encode(broadcast), r#"[null,null,"t","é",1]"#);
    }
}
