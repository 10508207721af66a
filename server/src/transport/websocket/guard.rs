//! Looks at the header of each frame that comes in, before its payload is gathered.
//!
//! The parser behind this waits until a frame is whole before it compares its length with the limit. A client could announce
//! a frame of any length and have the server keep what it sends of it. Here the announcement is enough.
//!
//! The parser also keeps each fragment of a message by itself, which for one byte takes a hundred: so there may be so many,
//! and more only of some size.
//!
//! And it takes all frames that are there before it hands out the first one, so that a broken frame takes those before it
//! along. Here it gets one frame at a time, and each good one is handled before what follows it is looked at.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError};
use bytes::Bytes;
use futures_util::Stream;

/// How many frames one message may come in, however small they are.
const SMALL_FRAGMENTS: u64 = 1024;

/// How many bytes each further one must bring, on average.
const FRAGMENT: u64 = 64;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// Why a frame may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is too long, or a fragment too many.
    TooMuch,
    /// It breaks the protocol.
    Malformed,
}

impl Fault {
    /// Payload errors have no variant for WebSockets: a malformed frame is said to be corrupt.
    fn error(self) -> PayloadError {
        match self {
            Fault::TooMuch => PayloadError::Overflow,
            Fault::Malformed => PayloadError::EncodingCorrupted,
        }
    }
}

/// A connection's incoming bytes, one frame at a time. They end with [`PayloadError::Overflow`] before a frame that is too
/// long, or a fragment that is one too many; and with [`PayloadError::EncodingCorrupted`] before one that no header may
/// announce.
pub(super) struct FrameGuard {
    payload: Payload,
    walk: Walk,
    /// What came and has not been handed on.
    rest: Bytes,
    /// Whether a frame has just been handed on whole, and is to be handled first.
    has_passed_frame: bool,
    fault: Option<Fault>,
}

impl FrameGuard {
    /// Lets frames of up to `limit` bytes through, header included, as Phoenix's server counts.
    pub(super) fn new(payload: Payload, limit: usize) -> Self {
        let walk = Walk::new(limit);
        Self { payload, walk, rest: Bytes::new(), has_passed_frame: false, fault: None }
    }
}

impl Stream for FrameGuard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_passed_frame) {
            // At "pending" the parser takes what it has. There may be more at once.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(fault) = self.fault {
            return Poll::Ready(Some(Err(fault.error())));
        }
        let this = &mut *self;
        loop {
            let advanced = if this.rest.is_empty() { Ok(0) } else { this.walk.advance(&this.rest) };
            match advanced {
                Ok(0) => match Pin::new(&mut this.payload).poll_next(cx) {
                    Poll::Ready(Some(Ok(bytes))) if this.rest.is_empty() => this.rest = bytes,
                    Poll::Ready(Some(Ok(bytes))) => this.rest = [&this.rest[..], &bytes].concat().into(),
                    other => return other,
                },
                Ok(passed) => {
                    this.has_passed_frame = this.walk.is_between_frames();
                    // Bytes that are not shared need not be copied.
                    let all = passed == this.rest.len();
                    let passed =
                        if all { std::mem::take(&mut this.rest) } else { this.rest.split_to(passed) };
                    return Poll::Ready(Some(Ok(passed)));
                }
                Err(fault) => {
                    this.fault = Some(fault);
                    return Poll::Ready(Some(Err(fault.error())));
                }
            }
        }
    }
}

/// Where in the frames the bytes so far end (RFC 6455, section 5.2).
struct Walk {
    limit: u64,
    payload_left: u64,
    /// Frames of the message that is not whole yet, and what they bring.
    fragments: (u64, u64),
}

impl Walk {
    fn new(limit: usize) -> Self {
        Self { limit: limit as u64, payload_left: 0, fragments: (0, 0) }
    }

    /// Goes on by `bytes`, to the end of the frame that they are in at most, and says how many of them that is. Of a header
    /// that is not whole yet none: the parser behind this looks at the first bytes of it, and would be the first to.
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut header = 0;
        if self.payload_left == 0 {
            let Some(frame) = Header::parse(bytes) else { return Ok(0) };
            self.check(&frame)?;
            self.payload_left = frame.payload;
            header = frame.length;
        }
        let taken = self.payload_left.min((bytes.len() - header) as u64);
        self.payload_left -= taken;
        Ok(header + usize::try_from(taken).unwrap_or(usize::MAX))
    }

    /// Whether what has passed ends with a frame.
    fn is_between_frames(&self) -> bool {
        self.payload_left == 0
    }

    /// Checks a frame by its header. What else may be wrong with it the parser behind this knows.
    fn check(&mut self, frame: &Header) -> Result<(), Fault> {
        let (is_last, is_control) = (frame.first & 0x80 != 0, frame.first & 0x08 != 0);
        // No extension is negotiated that would give the reserved bits a meaning; a length has 63 bits.
        let is_malformed = frame.first & 0x70 != 0 || frame.payload > i64::MAX as u64;
        if is_malformed || is_control && (!is_last || frame.payload > MAX_CONTROL) {
            return Err(Fault::Malformed);
        }
        let (mut number, mut size) = self.fragments;
        if !is_control {
            (number, size) = if is_last { (0, 0) } else { (number + 1, size.saturating_add(frame.payload)) };
            self.fragments = (number, size);
        }
        let is_too_long = frame.payload.saturating_add(frame.length as u64) > self.limit;
        if is_too_long || number > SMALL_FRAGMENTS + size / FRAGMENT {
            return Err(Fault::TooMuch);
        }
        Ok(())
    }
}

/// What stands before a payload.
struct Header {
    /// The first byte: the last fragment's bit, three reserved ones, and the opcode.
    first: u8,
    /// Its own length.
    length: usize,
    /// The payload's.
    payload: u64,
}

impl Header {
    /// The header at the start of `bytes`, if it is whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (payload, length_bytes) = match second & 0x7F {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        (rest.len() >= length_bytes + mask).then_some(Self {
            first,
            length: 2 + length_bytes + mask,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, stream};

    /// A masked frame of `length` bytes.
    fn frame(length: u16) -> Vec<u8> {
        let mut frame = vec![0x81, 0xFE];
        frame.extend(length.to_be_bytes());
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + usize::from(length), b'x');
        frame
    }

    /// A masked frame of one byte.
    fn small(first: u8) -> Vec<u8> {
        vec![first, 0x81, 1, 2, 3, 4, b'x']
    }

    /// How far one gets with these bytes, and what stops one.
    fn walk(walk: &mut Walk, bytes: &[u8]) -> (usize, Option<Fault>) {
        let mut at = 0;
        while at < bytes.len() {
            match walk.advance(&bytes[at..]) {
                Ok(0) => break,
                Ok(passed) => at += passed,
                Err(fault) => return (at, Some(fault)),
            }
        }
        (at, None)
    }

    /// What the guard hands on of bytes that come in pieces of a size, and the error at the end, if there is one.
    async fn guarded(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, Option<PayloadError>) {
        let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> =
            Box::pin(stream::iter(pieces));
        let mut guard = FrameGuard::new(Payload::Stream { payload }, 208);
        let mut handed = Vec::new();
        loop {
            match guard.next().await {
                Some(Ok(bytes)) => handed.push(bytes.to_vec()),
                Some(Err(error)) => return (handed, Some(error)),
                None => return (handed, None),
            }
        }
    }

    #[actix_web::test]
    async fn frames_up_to_the_limit_pass_however_they_are_cut() {
        let bytes = [frame(200), vec![0x89, 0x80, 1, 2, 3, 4], frame(192)].concat();
        for size in [1, 3, 7, 100, bytes.len()] {
            let (handed, error) = guarded(&bytes, size).await;
            assert_eq!((handed.concat(), error.is_none()), (bytes.clone(), true), "pieces of {size}");
        }
    }

    #[actix_web::test]
    async fn nothing_of_a_bad_header_passes_however_it_is_cut() {
        let bytes = [small(0x81), small(0xC1)].concat();
        for size in [1, 3, bytes.len()] {
            let (handed, error) = guarded(&bytes, size).await;
            assert_eq!(handed.concat(), small(0x81), "pieces of {size}");
            assert!(matches!(error, Some(PayloadError::EncodingCorrupted)), "pieces of {size}");
        }
    }

    #[test]
    fn one_byte_more_is_stopped_at_its_header() {
        let good = frame(200);
        let bytes = [good.clone(), frame(201)].concat();
        assert_eq!(walk(&mut Walk::new(208), &bytes), (good.len(), Some(Fault::TooMuch)));
        let mut cut = Walk::new(208);
        let head = &bytes[..good.len() + 7];
        assert_eq!(walk(&mut cut, head), (good.len(), None), "the header is not whole yet");
        assert_eq!(walk(&mut cut, &bytes[good.len()..]), (0, Some(Fault::TooMuch)));
    }

    #[test]
    fn an_announcement_is_enough() {
        let header = |first| [0x82, 0xFF, first, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4];
        let mut guard = Walk::new(10_000_000);
        assert_eq!(guard.advance(&header(0x7F)), Err(Fault::TooMuch));
        let mut guard = Walk::new(10_000_000);
        assert_eq!(guard.advance(&header(0xFF)), Err(Fault::Malformed), "a length has 63 bits");
    }

    #[test]
    fn reserved_bits_and_long_control_frames_are_malformed() {
        for first in [0xC1, 0xA1, 0x91, 0xF1, 0xC2, 0xC9, 0x90, 0xA8, 0x09, 0x0A, 0x08] {
            assert_eq!(Walk::new(208).advance(&small(first)), Err(Fault::Malformed), "{first:x}");
        }
        let mut ping = frame(126);
        ping[0] = 0x89;
        assert_eq!(Walk::new(208).advance(&ping), Err(Fault::Malformed));
    }

    #[test]
    fn a_message_comes_in_so_many_fragments_whatever_is_between_them() {
        let mut message = small(0x01);
        for _ in 1..SMALL_FRAGMENTS {
            message.extend([small(0x00), small(0x89)].concat());
        }
        let mut guard = Walk::new(208);
        for _ in 0..2 {
            assert_eq!(walk(&mut guard, &message), (message.len(), None));
            assert_eq!(walk(&mut guard, &small(0x80)), (7, None), "the last one starts the count anew");
        }
        assert_eq!(walk(&mut guard, &message), (message.len(), None));
        // They have brought 1024 bytes, which are worth 16 fragments.
        let more = small(0x00).repeat(16);
        assert_eq!(walk(&mut guard, &more), (more.len(), None));
        assert_eq!(walk(&mut guard, &small(0x00)), (0, Some(Fault::TooMuch)), "one too many");
    }

    #[test]
    fn fragments_of_some_size_may_be_as_many_as_the_message_holds() {
        let mut fragment = vec![0x00, 0x80 | 64, 1, 2, 3, 4];
        fragment.resize(70, b'x');
        let mut guard = Walk::new(208);
        let first = [&[0x01][..], &fragment[1..]].concat();
        assert_eq!(walk(&mut guard, &first), (70, None));
        for _ in 0..70_000 {
            assert_eq!(walk(&mut guard, &fragment), (70, None));
        }
    }

    #[actix_web::test]
    async fn what_is_before_a_bad_frame_is_handed_on_first() {
        let bytes = Bytes::from([small(0x81), small(0x82), small(0xC1)].concat());
        let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> =
            Box::pin(stream::iter([Ok(bytes)]));
        let payload = Payload::Stream { payload };
        let mut guard = FrameGuard::new(payload, 208);
        for first in [0x81, 0x82] {
            assert_eq!(guard.next().await.unwrap().unwrap(), small(first));
            assert!(futures_util::poll!(guard.next()).is_pending(), "time to handle it");
        }
        for _ in 0..2 {
            assert!(matches!(guard.next().await, Some(Err(PayloadError::EncodingCorrupted))));
        }
    }
}
