//! What a client sends, after its frames.

use super::frame_check::Fault;

/// A complete message, or a control frame, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close,
}

impl<'a> Message<'a> {
    pub(super) fn text(bytes: &'a [u8]) -> Result<Self, Fault> {
        str::from_utf8(bytes).map(Message::Text).map_err(|_| Fault::NotUtf8)
    }
}
