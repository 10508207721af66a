//! The bodies of Phoenix's long poll: of a POST, and of the answer to a GET.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;
use thiserror::Error;

use crate::message::Frame;

/// The most lines of one batch; Phoenix drops further ones silently.
pub const MAX_LINES: usize = 100;

/// The content type of a batch. A body of any other type is one message; so is one of this type
/// with a parameter.
pub const BATCH: &str = "application/x-ndjson";

/// A body that is not text, or a line of a batch that is neither JSON nor base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed long-poll body")]
pub struct MalformedBody;

/// The messages of a POST.
///
/// A batch has one line for each message: a text if it starts with `[`, otherwise base64 of a
/// binary message. phoenix.js sends no newline after the last line; a newline there makes an empty
/// message, as in Phoenix.
pub fn decode(content_type: Option<&str>, body: &Bytes) -> Result<Vec<Frame>, MalformedBody> {
    let text = ByteString::try_from(body.clone()).map_err(|_| MalformedBody)?;
    if content_type != Some(BATCH) {
        return Ok(vec![Frame::Text(text)]);
    }
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    lines.take(MAX_LINES).map(|line| decode_line(&text, line)).collect()
}

fn decode_line(body: &ByteString, line: &str) -> Result<Frame, MalformedBody> {
    if line.starts_with('[') {
        return Ok(Frame::Text(body.slice_ref(line)));
    }
    let bytes = STANDARD.decode(line).or_else(|_| STANDARD_NO_PAD.decode(line)).map_err(|_| MalformedBody)?;
    Ok(Frame::Binary(bytes.into()))
}

/// The status inside an answer. The HTTP status is always 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// There are messages, or the messages are handled.
    Ok,
    /// There were no messages within the window.
    NoContent,
    /// The connection is refused.
    Forbidden,
    /// The session ended over the messages of this POST.
    Timeout,
    /// There is no such session. The answer to a GET has the token of a new one.
    Gone,
    /// The session ended while its client waited.
    Over,
}

impl Status {
    /// The number, taken from HTTP.
    pub fn code(self) -> u16 {
        match self {
            Status::Ok => 200,
            Status::NoContent => 204,
            Status::Forbidden => 403,
            Status::Timeout => 408,
            Status::Gone => 410,
            Status::Over => 500,
        }
    }
}

/// The answer to a GET or POST.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<&'a [&'a str]>,
}

impl<'a> Answer<'a> {
    /// A status alone.
    pub fn status(status: Status) -> Self {
        Self { status: status.code(), token: None, messages: None }
    }

    /// The answer to a GET of a session: each message is a text of its own.
    pub fn poll(status: Status, token: &'a str, messages: &'a [&'a str]) -> Self {
        Self { status: status.code(), token: Some(token), messages: Some(messages) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(body: &'static str) -> Result<Vec<Frame>, MalformedBody> {
        decode(Some(BATCH), &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn anything_but_a_batch_is_one_text() {
        for content_type in [None, Some("application/json"), Some("application/x-ndjson; charset=utf-8")] {
            let frames = decode(content_type, &Bytes::from_static(b"[1]\n[2]")).unwrap();
            assert_eq!(frames, [Frame::Text("[1]\n[2]".into())]);
        }
        assert_eq!(decode(None, &Bytes::from_static(b"\xff")), Err(MalformedBody));
    }

    #[test]
    fn a_batch_is_texts_and_base64() {
        let two = [Frame::Text("[1]".into()), Frame::Binary(Bytes::from_static(b"\x00\x01"))];
        for body in ["[1]\nAAE=", "[1]\nAAE", "[1]\r\nAAE="] {
            assert_eq!(batch(body).unwrap(), two, "{body}");
        }
        assert_eq!(batch("[1]\n").unwrap()[1], Frame::Binary(Bytes::new()));
        for bad in [" [1]", "{}", "!"] {
            assert_eq!(batch(bad), Err(MalformedBody), "{bad}");
        }
    }

    #[test]
    fn lines_after_the_hundredth_are_dropped() {
        let body = vec!["[]"; MAX_LINES + 5].join("\n");
        assert_eq!(decode(Some(BATCH), &body.into()).unwrap().len(), MAX_LINES);
    }

    #[test]
    fn answers_look_like_phoenix() {
        let text = |answer: &Answer<'_>| serde_json::to_string(answer).unwrap();
        assert_eq!(text(&Answer::status(Status::Forbidden)), r#"{"status":403}"#);
        let messages = Answer::poll(Status::Ok, "t", &["[null]"]);
        assert_eq!(text(&messages), r#"{"status":200,"token":"t","messages":["[null]"]}"#);
    }
}
