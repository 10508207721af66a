//! A client's messages, assembled from frames.
//!
//! Most messages are one frame, and most frames come whole: they are handled where they were read.
//! actix-http's codec decodes the others. Memory stays low:
//!
//! - A frame's header is checked before its payload is buffered ([`FrameCheck`]).
//! - The fragments of a message go into one buffer. Kept separately, fragments of one byte would
//!   take a hundred bytes each.
//! - A buffer lives no longer than the messages in it: an idle connection has none.
//! - One message is handled before the next one is parsed, so that a broken frame does not discard
//!   those before it.

use std::{
    io::ErrorKind,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_codec::Decoder as _;
use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream as _, future::poll_fn};
use tokio::time::{Instant, timeout};

use super::{
    frame_check::{Fault, FrameCheck},
    input::{Input, Space},
    message::Message,
    whole_frame,
};
use crate::transport::{
    Limits,
    tcp::{GOODBYE, read_to_end},
};

/// One connection's incoming messages.
pub(super) struct Messages {
    input: Input,
    frame_check: FrameCheck,
    codec: Codec,
    /// Bytes that were not parsed yet.
    buffer: BytesMut,
    /// The length of the frame at the start of the buffer, once its header has been checked.
    frame: Option<usize>,
    /// The fragments of an incomplete message.
    fragments: Option<Fragments>,
    end: Option<End>,
}

struct Fragments {
    is_text: bool,
    bytes: BytesMut,
}

/// Why there are no more messages.
#[derive(Clone, Copy)]
enum End {
    /// The connection is gone.
    Lost,
    /// The next bytes cannot be parsed.
    Broken(Fault),
}

impl Messages {
    /// Reads messages from `unread` and what comes after it.
    pub(super) fn new(input: Input, unread: BytesMut, limits: &Limits) -> Self {
        Self {
            input,
            frame_check: FrameCheck::new(limits.frame, limits.message),
            codec: Codec::new().max_size(limits.frame),
            buffer: unread,
            frame: None,
            fragments: None,
            end: None,
        }
    }

    /// Hands over the messages as they come, with the time when they were read, until `handle`
    /// breaks. `None` once there are no more. Cancel-safe: dropping the future loses nothing.
    pub(super) async fn each<B>(
        &mut self,
        mut handle: impl FnMut(Result<Message<'_>, Fault>, Instant) -> ControlFlow<B>,
    ) -> Option<B> {
        poll_fn(|cx| self.poll_each(cx, &mut handle)).await
    }

    /// As [`Messages::each`].
    pub(super) fn poll_each<B>(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut impl FnMut(Result<Message<'_>, Fault>, Instant) -> ControlFlow<B>,
    ) -> Poll<Option<B>> {
        loop {
            if let ControlFlow::Break(broken) = self.handle_buffered(handle) {
                return Poll::Ready(Some(broken));
            }
            match self.end {
                Some(End::Lost) => return Poll::Ready(None),
                Some(End::Broken(fault)) => {
                    return Poll::Ready(handle(Err(fault), Instant::now()).break_value());
                }
                None => {}
            }
            if let ControlFlow::Break(broken) = ready!(self.poll_read(cx, handle)) {
                return Poll::Ready(Some(broken));
            }
        }
    }

    /// Reads once, and hands over the whole messages at the start of what came. The rest is
    /// buffered.
    fn poll_read<B>(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut impl FnMut(Result<Message<'_>, Fault>, Instant) -> ControlFlow<B>,
    ) -> Poll<ControlFlow<B>> {
        let mut space;
        let read = match &mut self.input {
            Input::Body(body) => match ready!(Pin::new(body).poll_next(cx)) {
                Some(Ok(bytes)) => {
                    append(&mut self.buffer, bytes);
                    return Poll::Ready(ControlFlow::Continue(()));
                }
                Some(Err(_)) | None => &mut [],
            },
            Input::Connection(connection) => {
                space = Space::take();
                ready!(space.poll_read(connection, cx))
            }
        };
        if read.is_empty() {
            self.end = Some(End::Lost);
            return Poll::Ready(ControlFlow::Continue(()));
        }
        let (handled, flow) = self.handle_whole(read, handle);
        self.buffer.extend_from_slice(&read[handled..]);
        Poll::Ready(flow)
    }

    /// Hands over the messages at the start of `read` that are one whole frame each, where they
    /// lie. Returns how many bytes these take up.
    fn handle_whole<B>(
        &mut self,
        read: &mut [u8],
        handle: &mut impl FnMut(Result<Message<'_>, Fault>, Instant) -> ControlFlow<B>,
    ) -> (usize, ControlFlow<B>) {
        let mut handled = 0;
        if !self.buffer.is_empty() || self.fragments.is_some() {
            return (0, ControlFlow::Continue(()));
        }
        let now = Instant::now();
        while handled < read.len() {
            let rest = &mut read[handled..];
            match self.frame_check.check(rest) {
                Ok(length) => self.frame = length,
                Err(fault) => {
                    self.end = Some(End::Broken(fault));
                    return (read.len(), ControlFlow::Continue(()));
                }
            }
            let frame = self.frame.and_then(|length| rest.get_mut(..length));
            let length = frame.as_ref().map_or(0, |frame| frame.len());
            let Some(message) = frame.and_then(whole_frame::message) else { break };
            self.frame = None;
            handled += length;
            let flow = handle(message, now);
            if flow.is_break() {
                return (handled, flow);
            }
        }
        (handled, ControlFlow::Continue(()))
    }

    /// Hands over the messages that are complete in the buffer.
    fn handle_buffered<B>(
        &mut self,
        handle: &mut impl FnMut(Result<Message<'_>, Fault>, Instant) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        while self.end.is_none() && !self.buffer.is_empty() {
            match self.read_message() {
                Ok(None) => break,
                Ok(Some(message)) => handle(message.lent(), Instant::now())?,
                // The frame was consumed all the same, so the next one can be read.
                Err(Fault::NotUtf8) => handle(Err(Fault::NotUtf8), Instant::now())?,
                Err(fault) => self.end = Some(End::Broken(fault)),
            }
        }
        ControlFlow::Continue(())
    }

    /// Drops what still comes, for a while, so that the client sees the last frames: a connection
    /// that is closed while bytes come is reset.
    pub(super) async fn read_to_end(mut self) {
        let is_lost = matches!(self.end, Some(End::Lost));
        if let (Input::Connection(connection), false) = (&mut self.input, is_lost) {
            let _ = timeout(GOODBYE, read_to_end(connection)).await;
        }
    }

    /// Reads frames until a message is complete; `None` if that takes more bytes.
    fn read_message(&mut self) -> Result<Option<Kept>, Fault> {
        while let Some(frame) = self.read_frame()? {
            let message = match frame {
                Frame::Text(bytes) => Kept::Text(bytes),
                Frame::Binary(bytes) => Kept::Binary(bytes),
                Frame::Ping(bytes) => Kept::Ping(bytes),
                Frame::Pong(_) => Kept::Pong,
                Frame::Close(_) => Kept::Close,
                Frame::Continuation(item) => match self.join_fragment(item) {
                    Some(message) => message,
                    None => continue,
                },
            };
            return Ok(Some(message));
        }
        Ok(None)
    }

    /// Takes a frame off the buffer, once it is complete.
    fn read_frame(&mut self) -> Result<Option<Frame>, Fault> {
        if self.frame.is_none() {
            self.frame = self.frame_check.check(&self.buffer)?;
        }
        let Some(length) = self.frame.filter(|length| *length <= self.buffer.len()) else { return Ok(None) };
        self.frame = None;
        let frame = self.codec.decode(&mut self.buffer).map_err(|error| fault(&error))?;
        // The rest would keep the whole buffer; copying it costs less than the frame before it did.
        if self.buffer.len() < length {
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(frame)
    }

    /// Appends a fragment to those before it, and returns the message after the last one.
    fn join_fragment(&mut self, item: Item) -> Option<Kept> {
        let (is_text, bytes, is_last) = match item {
            Item::FirstText(bytes) => (true, bytes, false),
            Item::FirstBinary(bytes) | Item::Continue(bytes) => (false, bytes, false),
            Item::Last(bytes) => (false, bytes, true),
        };
        let fragments = self.fragments.get_or_insert_with(|| Fragments { is_text, bytes: BytesMut::new() });
        fragments.bytes.extend_from_slice(&bytes);
        if !is_last {
            return None;
        }
        let Fragments { is_text, bytes } = self.fragments.take()?;
        let bytes = bytes.freeze();
        Some(if is_text { Kept::Text(bytes) } else { Kept::Binary(bytes) })
    }
}

/// A message in a buffer of its own.
enum Kept {
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    Close,
}

impl Kept {
    fn lent(&self) -> Result<Message<'_>, Fault> {
        Ok(match self {
            Kept::Text(bytes) => return Message::text(bytes),
            Kept::Binary(bytes) => Message::Binary(bytes),
            Kept::Ping(bytes) => Message::Ping(bytes),
            Kept::Pong => Message::Pong,
            Kept::Close => Message::Close,
        })
    }
}

fn append(buffer: &mut BytesMut, bytes: Bytes) {
    if buffer.is_empty() {
        *buffer = bytes.into();
    } else {
        buffer.extend_from_slice(&bytes);
    }
}

/// The codec has one error both for a close reason that is not UTF-8 and for excessive length.
fn fault(error: &ProtocolError) -> Fault {
    match error {
        ProtocolError::Io(error) if error.kind() == ErrorKind::InvalidData => Fault::NotUtf8,
        ProtocolError::Overflow | ProtocolError::Io(_) => Fault::TooMuch,
        _ => Fault::Malformed,
    }
}

#[cfg(test)]
mod tests;
