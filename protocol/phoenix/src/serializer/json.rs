//! Shared by the JSON serializers: values that are checked and passed on as text.
//!
//! Payloads, refs and odd topics are not parsed into values: once their text is checked, it is
//! passed on unchanged. It is copied out of the frame, because a slice of a few bytes would keep
//! the whole frame, and the buffer that the frame was read into.

use serde_json::value::RawValue;

use super::{DecodeError, MAX_TERM, strict};
use crate::message::{Json, Payload, Status, Term};

/// A payload, in a buffer of exactly its size, since it may wait for its channel.
pub(super) fn payload(raw: &RawValue) -> Result<Payload, DecodeError> {
    strict::check(raw.get())?;
    Ok(Payload::Json(Json::trusted(raw.get().into())))
}

/// A ref, a topic or an event. A joined channel keeps its topic and its `join_ref` for hours.
pub(super) fn term(raw: &RawValue) -> Result<Term, DecodeError> {
    if raw.get().len() > MAX_TERM {
        return Err(DecodeError::TermTooLong);
    }
    Ok(match raw.get().as_bytes()[0] {
        b'n' => Term::Null,
        b'"' => Term::Text(serde_json::from_str::<String>(raw.get())?.into()),
        _ => {
            strict::check(raw.get())?;
            Term::Other(raw.get().into())
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
