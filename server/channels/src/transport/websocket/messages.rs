//! A client's messages, assembled from frames.
//!
//! actix-http's codec decodes the frames; this module keeps memory low:
//!
//! - A frame's header is checked before its payload is buffered ([`FrameCheck`]).
//! - The fragments of a message go into one buffer. Kept separately, fragments of one byte would
//!   take a hundred bytes each.
//! - A buffer lives no longer than the messages in it: an idle connection has none.
//! - One message is handled before the next one is parsed, so that a broken frame does not discard
//!   those before it.

use std::io::ErrorKind;

use actix_codec::Decoder as _;
use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use tokio::time::timeout;

use super::{
    frame_check::{Fault, FrameCheck},
    input::Input,
};
use crate::transport::{
    Limits,
    tcp::{GOODBYE, read_to_end},
};

/// A complete message, or a control frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(ByteString),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    Close,
}

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

    /// The next message; `None` once the connection is lost. Cancel-safe: dropping the future loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Fault>> {
        loop {
            match self.end {
                Some(End::Lost) => return None,
                Some(End::Broken(fault)) => return Some(Err(fault)),
                None => {}
            }
            match self.read_message() {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => {
                    if !self.input.read(&mut self.buffer).await {
                        self.end = Some(End::Lost);
                    }
                }
                // The frame was consumed all the same, so the next one can be read.
                Err(Fault::NotUtf8) => return Some(Err(Fault::NotUtf8)),
                Err(fault) => self.end = Some(End::Broken(fault)),
            }
        }
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
    fn read_message(&mut self) -> Result<Option<Message>, Fault> {
        while let Some(frame) = self.read_frame()? {
            let message = match frame {
                Frame::Text(bytes) => text(bytes)?,
                Frame::Binary(bytes) => Message::Binary(bytes),
                Frame::Ping(bytes) => Message::Ping(bytes),
                Frame::Pong(_) => Message::Pong,
                Frame::Close(_) => Message::Close,
                Frame::Continuation(item) => match self.join_fragment(item)? {
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
    fn join_fragment(&mut self, item: Item) -> Result<Option<Message>, Fault> {
        let (is_text, bytes, is_last) = match item {
            Item::FirstText(bytes) => (true, bytes, false),
            Item::FirstBinary(bytes) | Item::Continue(bytes) => (false, bytes, false),
            Item::Last(bytes) => (false, bytes, true),
        };
        let fragments = self.fragments.get_or_insert_with(|| Fragments { is_text, bytes: BytesMut::new() });
        fragments.bytes.extend_from_slice(&bytes);
        if !is_last {
            return Ok(None);
        }
        let Some(Fragments { is_text, bytes }) = self.fragments.take() else { return Ok(None) };
        let bytes = bytes.freeze();
        if is_text { text(bytes).map(Some) } else { Ok(Some(Message::Binary(bytes))) }
    }
}

fn text(bytes: Bytes) -> Result<Message, Fault> {
    ByteString::try_from(bytes).map(Message::Text).map_err(|_| Fault::NotUtf8)
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
mod tests {
    use std::pin::Pin;

    use actix_web::{dev::Payload, error::PayloadError};
    use futures_util::{Stream, stream};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const LIMITS: usize = 208;

    /// Messages from bytes that come in pieces, after which the connection is lost.
    fn messages(pieces: Vec<Vec<u8>>) -> Messages {
        let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(pieces);
        let payload = Payload::Stream { payload };
        let input = Input::Body(payload);
        Messages::new(input, BytesMut::new(), &Limits { frame: LIMITS, message: LIMITS, ..Limits::default() })
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        let mut frame = vec![first, if length < 126 { 0x80 | length } else { 0xFE }];
        if length >= 126 {
            frame.extend(u16::from(length).to_be_bytes());
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    /// All messages up to the end of the connection, or up to the fault.
    async fn read(mut messages: Messages) -> (Vec<Message>, Option<Fault>) {
        let mut all = Vec::new();
        loop {
            match messages.next().await {
                Some(Ok(message)) => all.push(message),
                Some(Err(fault)) => return (all, Some(fault)),
                None => return (all, None),
            }
        }
    }

    #[actix_web::test]
    async fn messages_are_the_same_however_their_bytes_are_cut() {
        let bytes = [
            frame(0x81, b"one"),
            frame(0x02, b"t"),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, b"wo"),
            frame(0x01, "ä".as_bytes().split_at(1).0),
            frame(0x80, "ä".as_bytes().split_at(1).1),
            frame(0x82, &[b'x'; 200]),
            frame(0x8A, b""),
            frame(0x88, b""),
        ]
        .concat();
        for size in [1, 2, 3, 7, 100, bytes.len()] {
            let (read, fault) = read(messages(bytes.chunks(size).map(<[u8]>::to_vec).collect())).await;
            let expected = [
                Message::Text("one".into()),
                Message::Ping("ping".into()),
                Message::Binary("two".into()),
                Message::Text("ä".into()),
                Message::Binary(vec![b'x'; 200].into()),
                Message::Pong,
                Message::Close,
            ];
            assert_eq!((&read[..], fault), (&expected[..], None), "pieces of {size}");
        }
    }

    /// Otherwise the connection would be reset, and the client might not see why it was closed.
    #[actix_web::test]
    async fn what_comes_after_a_broken_frame_is_read_and_dropped() {
        let (mut client, server) = tokio::io::duplex(64);
        let unread = BytesMut::from(&frame(0xC1, b"c")[..]);
        let input = Input::Connection(Box::new(server));
        let mut messages = Messages::new(input, unread, &Limits::default());
        assert_eq!(messages.next().await, Some(Err(Fault::Malformed)));
        let sending = async move { client.write_all(&[b'x'; 10_000]).await };
        let (sent, ()) = futures_util::future::join(sending, messages.read_to_end()).await;
        sent.unwrap();
    }

    #[actix_web::test]
    async fn messages_before_a_broken_frame_are_handled() {
        let bytes = [frame(0x81, b"a"), frame(0x82, b"b"), frame(0xC1, b"c")].concat();
        let mut messages = messages(vec![bytes]);
        assert_eq!(messages.next().await, Some(Ok(Message::Text("a".into()))));
        assert_eq!(messages.next().await, Some(Ok(Message::Binary("b".into()))));
        for _ in 0..2 {
            assert_eq!(messages.next().await, Some(Err(Fault::Malformed)));
        }
    }

    #[actix_web::test]
    async fn text_that_is_not_utf8_hides_nothing_after_it() {
        let bytes = [frame(0x81, b"\xFF"), frame(0x88, b"")].concat();
        let mut messages = messages(vec![bytes]);
        assert_eq!(messages.next().await, Some(Err(Fault::NotUtf8)));
        assert_eq!(messages.next().await, Some(Ok(Message::Close)));
        assert_eq!(messages.next().await, None);
        assert_eq!(messages.next().await, None);
    }

    #[actix_web::test]
    async fn fragments_out_of_order_are_malformed() {
        for wrong in [
            frame(0x80, b"x"),
            [frame(0x01, b"x"), frame(0x81, b"x")].concat(),
            [frame(0x01, b"x"), frame(0x01, b"x")].concat(),
        ] {
            assert_eq!(read(messages(vec![wrong])).await, (vec![], Some(Fault::Malformed)));
        }
    }

    #[actix_web::test]
    async fn fragments_add_up_to_the_limit() {
        let whole = [frame(0x02, &[0; 100]), frame(0x80, &[0; 108])].concat();
        assert_eq!(read(messages(vec![whole])).await.0, [Message::Binary(vec![0; LIMITS].into())]);
        let over = [frame(0x02, &[0; 100]), frame(0x80, &[0; 109])[..6].to_vec()].concat();
        assert_eq!(read(messages(vec![over])).await, (vec![], Some(Fault::TooMuch)), "its header is enough");
    }

    #[actix_web::test]
    async fn no_buffer_outlives_its_messages() {
        let large = frame(0x82, &[b'x'; 200]);
        let mut read = messages(vec![large.clone(), frame(0x89, b"")]);
        read.next().await;
        assert_eq!(read.buffer.capacity(), 0);

        // A few bytes of the next frame do not keep the buffer of the previous ones.
        let mut read = messages(vec![[&large[..], &[0x89]].concat(), vec![0x80, 0, 0, 0, 0]]);
        read.next().await;
        assert_eq!((read.buffer.len(), read.buffer.capacity()), (1, 1));
        assert_eq!(read.next().await, Some(Ok(Message::Ping(Bytes::new()))));

        // Fragments take their own size, and the doubling of a buffer.
        let mut pieces = vec![frame(0x02, b"x")];
        pieces.extend((0..99).map(|_| frame(0x00, b"x")));
        let mut fragmented = messages(pieces);
        assert_eq!(fragmented.next().await, None);
        assert!(fragmented.fragments.unwrap().bytes.capacity() <= 200);
    }
}
