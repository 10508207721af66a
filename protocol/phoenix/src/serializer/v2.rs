//! Phoenix's V2 serializer, text frames: `[join_ref, ref, topic, event, payload]` as JSON.

use std::fmt;

use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{DecodeError, json, strict};
use crate::message::{Json, Message, Outgoing, Term};

/// Decodes a text frame. Elements after the fifth are checked and ignored, as in Phoenix.
pub fn decode_text(text: &ByteString) -> Result<Message, DecodeError> {
    let [join_ref, reference, topic, event, payload] = serde_json::from_str::<Array<'_>>(text)?.0;
    json::message([join_ref, reference, topic, event].map(Some), payload)
}

/// The five elements, not parsed yet.
struct Array<'a>([&'a RawValue; 5]);

impl<'de> Deserialize<'de> for Array<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FiveOrMore;

        impl<'de> Visitor<'de> for FiveOrMore {
            type Value = Array<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array [join_ref, ref, topic, event, payload]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<'de>, A::Error> {
                let mut next = |index| {
                    seq.next_element::<&RawValue>()?.ok_or_else(|| A::Error::invalid_length(index, &self))
                };
                let elements = [next(0)?, next(1)?, next(2)?, next(3)?, next(4)?];
                while let Some(more) = seq.next_element::<&RawValue>()? {
                    strict::check(more.get()).map_err(A::Error::custom)?;
                }
                Ok(Array(elements))
            }
        }

        deserializer.deserialize_seq(FiveOrMore)
    }
}

/// Appends `message`, which has `payload`, as a V2 text.
pub fn encode_text(message: &Outgoing, payload: &Json, out: &mut Vec<u8>) {
    out.push(b'[');
    match message {
        Outgoing::Reply(reply) => {
            put_head(out, &reply.join_ref, &reply.reference, &reply.topic, "phx_reply");
            json::put_reply(out, payload, &reply.status);
        }
        Outgoing::Push(push) => {
            put_head(out, &push.join_ref, &push.reference, &Term::Text(push.topic.clone()), &push.event);
            json::put(out, payload);
        }
        Outgoing::Broadcast(broadcast) => {
            let topic = Term::Text(broadcast.topic.clone());
            put_head(out, &Term::Null, &Term::Null, &topic, &broadcast.event);
            json::put(out, payload);
        }
    }
    out.push(b']');
}

fn put_head(out: &mut Vec<u8>, join_ref: &Term, reference: &Term, topic: &Term, event: &str) {
    for term in [join_ref, reference, topic] {
        json::put_term(out, term);
        out.push(b',');
    }
    json::put_text(out, event);
    out.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Payload, Push, Reply, Status};

    fn decode(text: &str) -> Result<Message, DecodeError> {
        decode_text(&ByteString::from(text))
    }

    fn encode(message: impl Into<Outgoing>) -> String {
        let message = message.into();
        let mut out = Vec::new();
        encode_text(&message, message.payload().as_json().unwrap(), &mut out);
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
