//! What both JSON serializers share: values that are checked and passed on as text.
//!
//! Payloads, refs and odd topics are not rebuilt: their text is passed on as it came, once it has been checked.

use bytestring::ByteString;
use serde_json::value::RawValue;

use super::{DecodeError, strict};
use crate::message::{Json, Payload, Status, Term};

/// A payload that is a part of `frame`, whose memory it shares.
pub(super) fn payload(frame: &ByteString, raw: &RawValue) -> Result<Payload, DecodeError> {
    strict::check(raw.get())?;
    Ok(Payload::Json(Json::trusted(frame.slice_ref(raw.get()))))
}

/// Copies the term out of the frame: a joined channel keeps its topic and `join_ref` for hours, and a slice would keep the
/// whole frame with it.
pub(super) fn term(raw: &RawValue) -> Result<Term, DecodeError> {
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

/// The payload of `phx_reply`.
pub(super) fn put_reply(out: &mut Vec<u8>, response: &Json, status: &Status) {
    out.extend_from_slice(b"{\"response\":");
    put(out, response);
    out.extend_from_slice(b",\"status\":");
    put_text(out, status.as_str());
    out.push(b'}');
}
