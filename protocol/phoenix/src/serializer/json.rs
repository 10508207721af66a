//! Shared by the JSON serializers: values that are checked and passed on as text.
//!
//! Payloads, refs and odd topics are not parsed into values: once their text is checked, it is
//! passed on unchanged. It is copied out of the frame, because a slice of a few bytes would keep
//! the whole frame, and the buffer that the frame was read into.

use std::ops::Range;

use bytestring::ByteString;
use serde_json::value::RawValue;

use super::{DecodeError, MAX_TERM, strict};
use crate::message::{Json, Payload, Status, Term};

/// A payload, in a buffer of exactly its size, since it may wait for its channel.
pub(super) fn payload(raw: &RawValue) -> Result<Payload, DecodeError> {
    strict::check(raw.get())?;
    Ok(Payload::Json(Json::trusted(raw.get().into())))
}

/// The refs, the topic and the event of a message; a missing one is null.
///
/// They share one buffer of their size: with one for each, decoding a message would allocate most
/// of all that an echo allocates. A joined channel keeps its topic and its `join_ref` for hours, and
/// little more with them: its event was `phx_join`.
pub(super) fn terms<const COUNT: usize>(
    raw: [Option<&RawValue>; COUNT],
) -> Result<[Term; COUNT], DecodeError> {
    let mut texts = String::with_capacity(raw.into_iter().flatten().map(most_bytes).sum());
    let mut parts = [const { Part::Null }; COUNT];
    for (part, raw) in parts.iter_mut().zip(raw) {
        if let Some(raw) = raw {
            *part = append(&mut texts, raw)?;
        }
    }
    let texts = ByteString::from(texts);
    let slice = |range: Range<usize>| texts.slice_ref(&texts[range]);
    Ok(parts.map(|part| match part {
        Part::Null => Term::Null,
        Part::Text(range) => Term::Text(slice(range)),
        Part::Other(range) => Term::Other(slice(range)),
    }))
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
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
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

    #[test]
    fn terms_share_one_buffer_of_their_size() {
        let raw: Vec<&RawValue> = serde_json::from_str(r#"["1",22,"r\u00e9:a",null,"event"]"#).unwrap();
        let raw: [&RawValue; 5] = raw.try_into().unwrap();
        let [one, number, topic, null, event] = terms(raw.map(Some)).unwrap();
        assert_eq!((&one, &number), (&Term::from("1"), &Term::Other("22".into())));
        assert_eq!((&topic, &null, &event), (&Term::from("ré:a"), &Term::Null, &Term::from("event")));
        let start = one.as_text().unwrap().as_ptr();
        let end = event.as_text().unwrap().as_bytes().as_ptr_range().end;
        assert_eq!(end.addr() - start.addr(), "122ré:aevent".len());
        assert_eq!(terms([None]).unwrap(), [Term::Null]);
    }
}
