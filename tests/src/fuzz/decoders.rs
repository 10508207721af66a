//! Targets for the decoders: no input makes them panic, and whatever they accept can be encoded
//! again.

use serde_json::{Value, value::RawValue};
use vestibule_phoenix::{
    lent::Decoded,
    longpoll::{self, MAX_LINES},
    message::{FrameRef, Json, Message, Outgoing, Payload, Push, Reply, Status, Term},
    serializer::{MAX_TERM, Serializer},
};

/// V1's decoder.
pub fn v1(bytes: &[u8]) {
    if let Some(message) = text(Serializer::V1, bytes) {
        passes_on(&message);
    }
}

/// V2's decoder of text frames, which must read what `serde_json` does, and its own encoding back
/// as the same message.
///
/// # Panics
/// If a promise is broken.
pub fn v2(bytes: &[u8]) {
    let decoded = text(Serializer::V2, bytes);
    agrees_with_serde_json(bytes, decoded.as_ref());
    let Some(message) = decoded else { return };
    passes_on(&message);
    if let (Term::Text(topic), Term::Text(event)) = (message.topic.clone(), message.event.clone()) {
        let Message { join_ref, reference, payload, .. } = message.clone();
        let push = Push { join_ref, reference, topic, event, payload };
        let again = encoded(Serializer::V2, &push.into()).and_then(|bytes| text(Serializer::V2, &bytes));
        assert_eq!(again, Some(message));
    }
}

/// V2's decoder of binary frames.
pub fn binary(bytes: &[u8]) {
    decode_binary(Serializer::V2, bytes);
}

/// `MessagePack`'s decoder.
pub fn msgpack(bytes: &[u8]) {
    decode_binary(Serializer::MessagePack, bytes);
}

/// The long-poll bodies: the first byte chooses the content type.
///
/// # Panics
/// If a promise is broken.
pub fn longpoll(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let is_batch = choice % 2 == 0;
    let content_type = if is_batch { longpoll::BATCH } else { "application/json" };
    let Ok(frames) = longpoll::decode(Some(content_type), &body.to_vec().into()) else { return };
    assert!((1..=MAX_LINES).contains(&frames.len()));
    assert!(is_batch || frames.len() == 1);
}

/// Asserts that a text is decoded if `serde_json` builds values from it, and that the message has
/// the texts that `serde_json` finds.
fn agrees_with_serde_json(bytes: &[u8], decoded: Option<&Message>) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let raw = serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default();
    let Some(message) = decoded else {
        let is_built = serde_json::from_str::<Vec<Value>>(text).is_ok_and(|values| values.len() >= 5);
        let is_short = || raw.iter().take(4).all(|term| term.get().len() <= MAX_TERM);
        assert!(!is_built || !is_short(), "serde_json reads {text:?}");
        return;
    };
    let Message { join_ref, reference, topic, event, payload } = message;
    let terms = [join_ref, reference, topic, event].map(|term| match term {
        Term::Null => Value::Null.to_string(),
        Term::Text(text) => Value::from(&**text).to_string(),
        Term::Other(json) => json.to_string(),
    });
    for (term, raw) in terms.iter().zip(&raw) {
        let string = serde_json::from_str::<String>(raw.get());
        let raw = string.map_or_else(|_| raw.get().to_owned(), |text| Value::from(text).to_string());
        assert_eq!(*term, raw);
    }
    assert_eq!(payload.as_json().map(Json::as_str), raw.get(4).map(|raw| raw.get()));
}

fn text(serializer: Serializer, bytes: &[u8]) -> Option<Message> {
    let text = std::str::from_utf8(bytes).ok()?;
    serializer.decode(FrameRef::Text(text)).ok().map(Decoded::into_message)
}

fn decode_binary(serializer: Serializer, bytes: &[u8]) {
    if let Ok(message) = serializer.decode(FrameRef::Binary(bytes)) {
        passes_on(&message.into_message());
    }
}

/// Asserts that a reply which echoes the message can be encoded in each serializer that has a form
/// for it, and that encoded JSON is valid JSON.
fn passes_on(message: &Message) {
    let reply = Outgoing::from(Reply {
        join_ref: message.join_ref.clone(),
        reference: message.reference.clone(),
        topic: message.topic.clone(),
        status: Status::Ok,
        response: message.payload.clone(),
    });
    for serializer in [Serializer::V1, Serializer::V2, Serializer::MessagePack] {
        let Some(bytes) = encoded(serializer, &reply) else { continue };
        if serializer != Serializer::MessagePack && matches!(message.payload, Payload::Json(_)) {
            serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).expect("what is sent as JSON is JSON");
        }
    }
}

fn encoded(serializer: Serializer, message: &Outgoing) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    serializer.encode(message, &mut out).ok().map(|_| out)
}
