//! Shared by the JSON serializers: values that are checked and passed on as text.
//!
//! Payloads, refs and odd topics are not parsed into values: once their text is checked, it is
//! passed on unchanged. It is copied out of the frame, because a slice of a few bytes would keep
//! the whole frame, and the buffer that the frame was read into.

use std::ops::Range;

use bytestring::ByteString;
use serde_json::value::RawValue;

use super::{DecodeError, MAX_TERM, strict};
use crate::message::{Json, Message, Payload, Status, Term};

/// A payload, in a buffer of exactly its size, since it may wait for its channel.
pub(super) fn payload(raw: &RawValue) -> Result<Payload, DecodeError> {
    strict::check(raw.get())?;
    Ok(Payload::Json(Json::trusted(raw.get().into())))
}

/// The longest payload that shares a buffer with the texts of its message, in bytes. A ref that
/// waits for its reply keeps that buffer.
const MAX_SHARED: usize = 512;

/// A message of these refs, topic and event, of which a missing one is null, and this payload.
///
/// The texts share one buffer of their size, with the payload if it is small: with a buffer for
/// each, decoding a message would allocate most of all that an echo allocates. A joined channel
/// keeps its topic and its `join_ref` for hours, so the parameters of a join are not in that
/// buffer.
pub(super) fn message(terms: [Option<&RawValue>; 4], payload: &RawValue) -> Result<Message, DecodeError> {
    let raw = payload.get();
    let is_join = terms[3].is_some_and(|event| event.get() == r#""phx_join""#);
    let is_shared = raw.len() <= MAX_SHARED && !is_join;
    let shared = if is_shared { raw.len() } else { 0 };
    let mut texts =
        String::with_capacity(terms.into_iter().flatten().map(most_bytes).sum::<usize>() + shared);
    let mut parts = [const { Part::Null }; 4];
    for (part, term) in parts.iter_mut().zip(terms) {
        if let Some(term) = term {
            *part = append(&mut texts, term)?;
        }
    }
    let end_of_terms = texts.len();
    let payload = if is_shared {
        strict::check(raw)?;
        texts.push_str(raw);
        None
    } else {
        Some(self::payload(payload)?)
    };
    let texts = ByteString::from(texts);
    let slice = |range: Range<usize>| texts.slice_ref(&texts[range]);
    let [join_ref, reference, topic, event] = parts.map(|part| match part {
        Part::Null => Term::Null,
        Part::Text(range) => Term::Text(slice(range)),
        Part::Other(range) => Term::Other(slice(range)),
    });
    let payload = payload.unwrap_or_else(|| Payload::Json(Json::trusted(slice(end_of_terms..texts.len()))));
    Ok(Message { join_ref, reference, topic, event, payload })
}

/// A term, as a part of a buffer.
enum Part {
    Null,
    Text(Range<usize>),
    Other(Range<usize>),
}

/// How many bytes a term takes up: a text loses its quotes, and escapes get shorter.
fn most_bytes(raw: &RawValue) -> usize {
    match raw.get().as_bytes()[0] {
        b'n' => 0,
        b'"' => raw.get().len() - 2,
        _ => raw.get().len(),
    }
}

fn append(texts: &mut String, raw: &RawValue) -> Result<Part, DecodeError> {
    let raw = raw.get();
    if raw.len() > MAX_TERM {
        return Err(DecodeError::TermTooLong);
    }
    let start = texts.len();
    Ok(match raw.as_bytes()[0] {
        b'n' => Part::Null,
        b'"' => {
            if raw.contains('\\') {
                texts.push_str(&serde_json::from_str::<String>(raw)?);
            } else {
                texts.push_str(&raw[1..raw.len() - 1]);
            }
            Part::Text(start..texts.len())
        }
        _ => {
            strict::check(raw)?;
            texts.push_str(raw);
            Part::Other(start..texts.len())
        }
    })
}

pub(super) fn put_term(out: &mut Vec<u8>, term: &Term) {
    match term {
        Term::Null => out.extend_from_slice(b"null"),
        Term::Text(text) => put_text(out, text),
        Term::Other(json) => out.extend_from_slice(json.as_bytes()),
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let is_escaped = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    // Compared many bytes at once; hardly any text has an escape.
    if text.as_bytes().iter().filter(|byte| is_escaped(byte)).count() == 0 {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("writing to memory does not fail");
    }
}

pub(super) fn put(out: &mut Vec<u8>, json: &Json) {
    out.extend_from_slice(json.as_str().as_bytes());
}

pub(super) fn put_reply(out: &mut Vec<u8>, response: &Json, status: &Status) {
    out.extend_from_slice(b"{\"response\":");
    put(out, response);
    out.extend_from_slice(b",\"status\":");
    put_text(out, status.as_str());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(terms: [&str; 4], payload: &str) -> Message {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let terms = terms.map(raw);
        message(terms.each_ref().map(|term| Some(&**term)), &raw(payload)).unwrap()
    }

    /// How many bytes there are from the start of `first` to the end of `last`.
    fn span(first: &str, last: &str) -> usize {
        last.as_bytes().as_ptr_range().end.addr() - first.as_ptr().addr()
    }

    #[test]
    fn a_small_message_is_one_buffer_of_its_size() {
        let message = decoded([r#""1""#, "22", r#""r\u00e9:a""#, r#""event""#], r#"{"k":1}"#);
        assert_eq!((&message.join_ref, &message.reference), (&"1".into(), &Term::Other("22".into())));
        assert_eq!((&message.topic, &message.event), (&"ré:a".into(), &"event".into()));
        let payload = message.payload.as_json().unwrap().as_str();
        assert_eq!(payload, r#"{"k":1}"#);
        assert_eq!(span(message.join_ref.as_text().unwrap(), payload), r#"122ré:aevent{"k":1}"#.len());
    }

    #[test]
    fn what_is_kept_for_long_keeps_no_payload() {
        let long = format!("\"{}\"", "x".repeat(MAX_SHARED));
        for (event, payload) in [(r#""phx_join""#, "{}"), (r#""event""#, &*long)] {
            let message = decoded([r#""1""#, r#""2""#, r#""topic""#, event], payload);
            let texts = message.join_ref.as_text().unwrap().as_ptr();
            let kept = message.payload.as_json().unwrap().as_str();
            assert_eq!(kept, payload);
            let end = message.event.as_text().unwrap().as_bytes().as_ptr_range().end;
            assert!(kept.as_ptr() < texts || kept.as_ptr() > end, "{event}");
            assert_ne!(kept.as_ptr(), end, "{event}");
        }
        let null = RawValue::from_string("null".to_owned()).unwrap();
        assert_eq!(message([None; 4], &null).unwrap().topic, Term::Null);
    }

    #[test]
    fn texts_are_written_as_serde_json_writes_them() {
        for byte in 0..=char::from(0x7F) as u32 {
            let text = format!("a{}é", char::from_u32(byte).unwrap());
            let mut out = Vec::new();
            put_text(&mut out, &text);
            assert_eq!(out, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }
}
