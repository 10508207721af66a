//! Shared by the JSON serializers: values that are checked and passed on as text.

use super::{DecodeError, MAX_TERM, scan::is_plain_text};
use crate::{
    lent::{Decoded, JsonRef, MessageRef, PayloadRef, TermRef},
    message::{Json, Status},
};

/// A message of these refs, topic and event, of which a missing one is null, and this payload.
///
/// All of them are JSON that was checked: see [`strict`](super::strict) and [`scan`](super::scan).
/// `has_escapes` is false only if no string among them has an escape.
pub(super) fn message<'a>(
    terms: [Option<&'a str>; 4],
    payload: &'a str,
    has_escapes: bool,
) -> Result<Decoded<'a>, DecodeError> {
    if terms.iter().flatten().any(|term| term.len() > MAX_TERM) {
        return Err(DecodeError::TermTooLong);
    }
    let payload = PayloadRef::Json(JsonRef::trusted(payload));
    if !has_escapes || !terms.iter().flatten().any(|term| term.contains('\\')) {
        return Ok(Decoded::Lent(MessageRef::new(terms.map(plain), payload)));
    }
    let mut strings = [const { None::<String> }; 4];
    for (string, term) in strings.iter_mut().zip(terms) {
        let quoted = term.filter(|term| term.starts_with('"'));
        *string = quoted.map(serde_json::from_str).transpose()?;
    }
    let term = |index: usize| strings[index].as_deref().map_or_else(|| plain(terms[index]), TermRef::Text);
    Ok(Decoded::Kept(MessageRef::new([term(0), term(1), term(2), term(3)], payload).to_message()))
}

/// A term without escapes.
fn plain(term: Option<&str>) -> TermRef<'_> {
    let Some(term) = term else { return TermRef::Null };
    match term.as_bytes() {
        [b'n', ..] => TermRef::Null,
        [b'"', ..] => TermRef::Text(&term[1..term.len() - 1]),
        _ => TermRef::Other(term),
    }
}

pub(super) fn put_term(out: &mut Vec<u8>, term: TermRef<'_>) {
    match term {
        TermRef::Null => out.extend_from_slice(b"null"),
        TermRef::Text(text) => put_text(out, text),
        TermRef::Other(json) => out.extend_from_slice(json.as_bytes()),
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    // Hardly any text has an escape.
    if is_plain_text(text) {
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
    match status {
        Status::Ok => out.extend_from_slice(b",\"status\":\"ok\"}"),
        Status::Error | Status::Custom(_) => {
            out.extend_from_slice(b",\"status\":");
            put_text(out, status.as_str());
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Term;

    #[test]
    fn only_what_is_escaped_is_copied() {
        let terms = [None, Some("1"), Some(r#""ré""#), Some(r#""e""#)];
        let Ok(Decoded::Lent(lent)) = message(terms, r#"{"k":"\n"}"#, true) else { panic!() };
        assert_eq!((lent.join_ref, lent.reference), (TermRef::Null, TermRef::Other("1")));
        assert_eq!((lent.topic, lent.event), (TermRef::Text("ré"), TermRef::Text("e")));
        let terms = [Some("null"), Some(r#"["\n"]"#), Some(r#""r\u00e9""#), Some(r#""e""#)];
        let Ok(Decoded::Kept(kept)) = message(terms, "{}", true) else { panic!() };
        assert_eq!((kept.join_ref, kept.reference), (Term::Null, Term::Other(r#"["\n"]"#.into())));
        assert_eq!((kept.topic, kept.event), ("ré".into(), "e".into()));
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
