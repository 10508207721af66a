//! MessagePack: the V2 array `[join_ref, ref, topic, event, payload]` as one value in a binary
//! frame.
//!
//! A payload of bytes is MessagePack's `bin`. Inside a larger payload, `bin` becomes base64url
//! text, as bytes are written in Vestibule's JSON, so that clients may send ids, keys and
//! signatures as bytes. Channels get the same JSON as from other clients.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{
    Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap as _,
};

use super::{DecodeError, EncodeError, MAX_TERM, strict::without_long_integers};
use crate::{
    lent::{Kind, OutgoingRef, TermRef},
    message::{Json, Message, Payload, Term},
};

/// How deep a payload may nest, as in JSON.
const MAX_DEPTH: usize = 128;

/// How many times its frame's length a payload may take up as JSON. A bool is one byte in
/// MessagePack and five in JSON.
const GROWTH: usize = 4;
/// How long a payload may be as JSON, whatever its frame's length.
const SMALL: usize = 64 * 1024;

/// Decodes a frame. Elements after the fifth are ignored, as in V2.
///
/// The JSON is written while the value is read: a tree of the value would take many times the
/// frame's bytes.
pub fn decode(frame: &[u8]) -> Result<Message, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(frame);
    deserializer.set_max_depth(MAX_DEPTH);
    let limit = SMALL.max(frame.len().saturating_mul(GROWTH));
    Ok(deserializer.deserialize_seq(FiveOrMore { limit })?)
}

/// The message's array. Its payload has at most this many bytes as JSON.
struct FiveOrMore {
    limit: usize,
}

impl<'de> Visitor<'de> for FiveOrMore {
    type Value = Message;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of at least five elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Message, A::Error> {
        let mut next = |index, limit| {
            let missing = || A::Error::invalid_length(index, &self);
            seq.next_element_seed(Element { limit })?.ok_or_else(missing)
        };
        let terms = [next(0, MAX_TERM)?, next(1, MAX_TERM)?, next(2, MAX_TERM)?, next(3, MAX_TERM)?];
        let [join_ref, reference, topic, event] = terms.map(Value::into_term);
        let payload = next(4, self.limit)?.into_payload();
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Message { join_ref, reference, topic, event, payload })
    }
}

/// One of the five elements.
enum Value {
    Text(String),
    Bytes(Bytes),
    Json(String),
}

impl Value {
    fn into_term(self) -> Term {
        match self {
            Value::Text(text) => Term::Text(text.into()),
            Value::Bytes(bytes) => Term::Text(BASE64_URL_SAFE_NO_PAD.encode(&bytes).into()),
            Value::Json(json) if json == "null" => Term::Null,
            Value::Json(json) => Term::Other(json.into()),
        }
    }

    fn into_payload(self) -> Payload {
        match self {
            Value::Text(text) => Payload::of(&text),
            Value::Bytes(bytes) => Payload::Binary(bytes),
            Value::Json(json) => Payload::Json(Json::trusted(json.into())),
        }
    }
}

/// Reads one of the five elements, which has at most this many bytes.
struct Element {
    limit: usize,
}

impl Element {
    fn bounded<T, E: de::Error>(&self, size: usize, value: impl FnOnce() -> T) -> Result<T, E> {
        if size > self.limit { Err(too_large()) } else { Ok(value()) }
    }

    fn json<E: de::Error>(&self, write: impl FnOnce(ToJson<'_>) -> Result<(), E>) -> Result<Value, E> {
        let mut out = Vec::new();
        write(ToJson { out: &mut out, limit: self.limit })?;
        // It grew by doubling, and may be kept.
        out.shrink_to_fit();
        Ok(Value::Json(String::from_utf8(out).expect("JSON is text")))
    }
}

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has a form for")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.json(|to| to.visit_unit())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.json(|to| to.visit_bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.json(|to| to.visit_i64(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.json(|to| to.visit_u64(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.json(|to| to.visit_f64(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.bounded(value.len(), || Value::Text(value.to_owned()))
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value, E> {
        self.bounded(value.len(), || Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        self.json(|to| to.visit_seq(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.json(|to| to.visit_map(map))
    }
}

/// Appends a value to what is written already, up to a length of both together.
struct ToJson<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
}

impl ToJson<'_> {
    fn put<E: de::Error>(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(&mut *self.out, value).map_err(E::custom)?;
        self.check()
    }

    fn put_byte<E: de::Error>(&mut self, byte: u8) -> Result<(), E> {
        self.out.push(byte);
        self.check()
    }

    fn check<E: de::Error>(&self) -> Result<(), E> {
        if self.out.len() > self.limit { Err(too_large()) } else { Ok(()) }
    }

    fn again(&mut self) -> ToJson<'_> {
        ToJson { out: self.out, limit: self.limit }
    }
}

fn too_large<E: de::Error>() -> E {
    E::custom("a value that is too large")
}

impl<'de> DeserializeSeed<'de> for ToJson<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ToJson<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has a form for")
    }

    fn visit_unit<E: de::Error>(mut self) -> Result<(), E> {
        self.put(&())
    }

    fn visit_bool<E: de::Error>(mut self, value: bool) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_i64<E: de::Error>(mut self, value: i64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_u64<E: de::Error>(mut self, value: u64) -> Result<(), E> {
        self.put(&value)
    }

    fn visit_f64<E: de::Error>(mut self, value: f64) -> Result<(), E> {
        if value.is_finite() { self.put(&value) } else { Err(E::custom("a number that is none")) }
    }

    fn visit_str<E: de::Error>(mut self, value: &str) -> Result<(), E> {
        self.put(value)
    }

    fn visit_bytes<E: de::Error>(mut self, value: &[u8]) -> Result<(), E> {
        self.put(&BASE64_URL_SAFE_NO_PAD.encode(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.put_byte(b'[')?;
        let mut is_first = true;
        while let Some(()) = seq.next_element_seed(Next { to: self.again(), is_first })? {
            is_first = false;
        }
        self.put_byte(b']')
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.put_byte(b'{')?;
        let mut is_first = true;
        while let Some(()) = map.next_key_seed(Key(Next { to: self.again(), is_first }))? {
            self.put_byte(b':')?;
            map.next_value_seed(self.again())?;
            is_first = false;
        }
        self.put_byte(b'}')
    }
}

/// A further element, after a comma unless it is the first.
struct Next<'a> {
    to: ToJson<'a>,
    is_first: bool,
}

impl<'a> Next<'a> {
    fn behind_a_comma<E: de::Error>(mut self) -> Result<ToJson<'a>, E> {
        if !self.is_first {
            self.to.put_byte(b',')?;
        }
        Ok(self.to)
    }
}

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.behind_a_comma()?.deserialize(deserializer)
    }
}

/// The key of a map, which is a string in JSON.
struct Key<'a>(Next<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<(), E> {
        self.0.behind_a_comma()?.put(key)
    }
}

/// Appends `message` as one MessagePack value.
pub fn encode(message: &OutgoingRef<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(out);
    let OutgoingRef { kind, join_ref, reference, topic, payload } = *message;
    let (join_ref, reference, topic) = (Echo(join_ref), Echo(reference), Echo(topic));
    let encoded = match kind {
        Kind::Reply(status) => {
            let payload = ReplyPayload { response: payload, status: status.as_str() };
            (join_ref, reference, topic, kind.event(), payload).serialize(&mut serializer)
        }
        Kind::Push(_) | Kind::Broadcast(_) => {
            (join_ref, reference, topic, kind.event(), Carried(payload)).serialize(&mut serializer)
        }
    };
    encoded.map_err(|_| EncodeError::DoesNotFit)
}

struct Echo<'a>(TermRef<'a>);

impl Serialize for Echo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            TermRef::Null => serializer.serialize_unit(),
            TermRef::Text(text) => serializer.serialize_str(text),
            TermRef::Other(json) => value::<S::Error>(json)?.serialize(serializer),
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

/// The value of a text that was checked when it came in. MessagePack's integers have 64 bits: a
/// longer one becomes a float, and one that is too large for that a string of its digits.
fn value<E: serde::ser::Error>(json: &str) -> Result<serde_json::Value, E> {
    serde_json::from_str(json)
        .or_else(|_| serde_json::from_str(&without_long_integers(json)))
        .map_err(|_| E::custom("no value"))
}

#[cfg(test)]
mod tests;
