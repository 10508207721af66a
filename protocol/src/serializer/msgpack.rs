//! MessagePack: the V2 array `[join_ref, ref, topic, event, payload]` as one value in a binary frame.
//!
//! A payload of bytes is MessagePack's `bin`. Inside a larger payload `bin` becomes base64url text, the form in which this
//! protocol's JSON has bytes, so that a client may send ids, keys and signatures as bytes. Channels see JSON as from any
//! other client.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::{Number, Value};

use super::{DecodeError, EncodeError, strict::without_long_integers};
use crate::{
    base64url,
    message::{Message, Outgoing, Payload, Term},
};

/// How deep a payload may nest, as in our JSON.
const MAX_DEPTH: usize = 128;

/// Decodes a frame. Elements after the fifth are ignored, as in V2.
pub fn decode(frame: &Bytes) -> Result<Message, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(frame);
    deserializer.set_max_depth(MAX_DEPTH);
    let Any::Array(elements) = Any::deserialize(&mut deserializer)? else {
        return Err(rmp_serde::decode::Error::custom("expected an array").into());
    };
    let mut elements = elements.into_iter();
    let mut next =
        || elements.next().ok_or_else(|| rmp_serde::decode::Error::custom("expected five elements"));
    let (join_ref, reference, topic, event, payload) = (next()?, next()?, next()?, next()?, next()?);
    let payload = match payload {
        Any::Bytes(bytes) => Payload::Binary(bytes.into()),
        other => Payload::of(&Value::from(other)),
    };
    Ok(Message {
        join_ref: term(join_ref),
        reference: term(reference),
        topic: term(topic),
        event: term(event),
        payload,
    })
}

fn term(any: Any) -> Term {
    match Value::from(any) {
        Value::Null => Term::Null,
        Value::String(text) => Term::Text(text.into()),
        other => Term::Other(other.to_string().into()),
    }
}

/// Any value that has a form in JSON, and bytes.
enum Any {
    Bytes(Vec<u8>),
    Array(Vec<Any>),
    Object(Vec<(String, Any)>),
    Plain(Value),
}

impl From<Any> for Value {
    fn from(any: Any) -> Self {
        match any {
            Any::Bytes(bytes) => Value::String(base64url::encode(&bytes)),
            Any::Array(elements) => elements.into_iter().map(Value::from).collect(),
            Any::Object(entries) => {
                entries.into_iter().map(|(key, value)| (key, Value::from(value))).collect()
            }
            Any::Plain(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has a form for")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::Plain(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Any, E> {
        Ok(Any::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Any, E> {
        Ok(Any::Plain(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Any, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number that is none"))?;
        Ok(Any::Plain(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Any, E> {
        Ok(Any::Plain(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Any, E> {
        Ok(Any::Bytes(value.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Any::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Any::Object(entries))
    }
}

/// Appends `message`.
pub fn encode(message: &Outgoing, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(out);
    let encoded = match message {
        Outgoing::Reply(reply) => {
            let payload = ReplyPayload { response: &reply.response, status: reply.status.as_str() };
            (Echo(&reply.join_ref), Echo(&reply.reference), Echo(&reply.topic), "phx_reply", payload)
                .serialize(&mut serializer)
        }
        Outgoing::Push(push) => {
            let topic: &str = &push.topic;
            (Echo(&push.join_ref), Echo(&push.reference), topic, &*push.event, Carried(&push.payload))
                .serialize(&mut serializer)
        }
        Outgoing::Broadcast(broadcast) => {
            let topic: &str = &broadcast.topic;
            ((), (), topic, &*broadcast.event, Carried(&broadcast.payload)).serialize(&mut serializer)
        }
    };
    encoded.map_err(|_| EncodeError::DoesNotFit)
}

struct Echo<'a>(&'a Term);

impl Serialize for Echo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Term::Null => serializer.serialize_unit(),
            Term::Text(text) => serializer.serialize_str(text),
            Term::Other(json) => value::<S::Error>(json)?.serialize(serializer),
        }
    }
}

struct ReplyPayload<'a> {
    response: &'a Payload,
    status: &'a str,
}

impl Serialize for ReplyPayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("response", &Carried(self.response))?;
        map.serialize_entry("status", self.status)?;
        map.end()
    }
}

struct Carried<'a>(&'a Payload);

impl Serialize for Carried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Payload::Json(json) => value::<S::Error>(json.as_str())?.serialize(serializer),
            Payload::Binary(bytes) => serializer.serialize_bytes(bytes),
            Payload::User(_) => Err(serde::ser::Error::custom("no form for Supabase's dialect")),
        }
    }
}

/// The value of a text that was checked when it came in. MessagePack's integers have 64 bits: a longer one becomes a float,
/// and one that is too large for that as well a text of its digits.
fn value<E: serde::ser::Error>(json: &str) -> Result<Value, E> {
    serde_json::from_str(json)
        .or_else(|_| serde_json::from_str(&without_long_integers(json)))
        .map_err(|_| E::custom("no value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Json, Reply, Status};

    fn encoded(message: impl Into<Outgoing>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&message.into(), &mut out).unwrap();
        out
    }

    #[test]
    fn decodes_the_array() {
        let frame =
            b"\x95\xa11\x02\xa1t\xa1e\x82\xa1a\x93\x01\xc0\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc4\x02\xff\xef";
        let message = decode(&Bytes::from_static(frame)).unwrap();
        assert_eq!(message.join_ref, "1".into());
        assert_eq!(message.reference, Term::Other("2".into()));
        assert_eq!(message.payload, Payload::Json(Json::trusted(r#"{"a":[1,null,1.5],"b":"_-8"}"#.into())));
    }

    #[test]
    fn a_payload_of_bytes_is_bin() {
        let message = decode(&Bytes::from_static(b"\x95\xc0\xc0\xa1t\xa1e\xc4\x01\x07")).unwrap();
        assert_eq!(message.payload, Payload::Binary(Bytes::from_static(&[7])));
    }

    #[test]
    fn refuses_what_is_no_message() {
        let nan = b"\x95\xc0\xc0\xa1t\xa1e\xcb\x7f\xf8\0\0\0\0\0\0";
        let deep = [b"\x95\xc0\xc0\xa1t\xa1e".to_vec(), vec![0x91; 100_000], vec![0xc0]].concat();
        let ext = b"\x95\xc0\xc0\xa1t\xa1e\xd4\x01\x00";
        let key = b"\x95\xc0\xc0\xa1t\xa1e\x81\x01\x02";
        for bad in [&b""[..], b"\xc0", b"\x94\xc0\xc0\xa1t\xa1e", b"\x95\xc0", nan, &deep, ext, key, b"\xc1"]
        {
            assert!(decode(&Bytes::copy_from_slice(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn encodes_replies_and_broadcasts() {
        let reply = Reply {
            join_ref: Term::Null,
            reference: Term::Other("7".into()),
            topic: "t".into(),
            status: Status::Ok,
            response: Payload::of(&serde_json::json!({ "a": [1.5] })),
        };
        let head = b"\x95\xc0\x07\xa1t\xa9phx_reply\x82\xa8response\x81\xa1a\x91\xcb\x3f\xf8\0\0\0\0\0\0";
        assert_eq!(encoded(reply), [&head[..], b"\xa6status\xa2ok"].concat());
        let payload = Payload::Json(Json::trusted(format!("[{}]", "9".repeat(400)).into()));
        let long = Broadcast { topic: "t".into(), event: "e".into(), payload };
        let text = [&b"\x91\xda\x01\x90"[..], "9".repeat(400).as_bytes()].concat();
        assert_eq!(encoded(long), [&b"\x95\xc0\xc0\xa1t\xa1e"[..], &text].concat());
        let payload = Payload::Binary(Bytes::from_static(&[7]));
        let broadcast = Broadcast { topic: "t".into(), event: "e".into(), payload };
        assert_eq!(encoded(broadcast), b"\x95\xc0\xc0\xa1t\xa1e\xc4\x01\x07");
    }
}
