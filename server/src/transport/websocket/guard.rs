//! Looks at the header of each frame that comes in, before its payload is gathered.
//!
//! The parser behind this waits until a frame is whole before it compares its length with the limit. A client could announce
//! a frame of any length and have the server keep what it sends of it. Here the announcement is enough.
//!
//! The parser also keeps each fragment of a message by itself, which for one byte takes a hundred: so there may be so many.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError};
use bytes::Bytes;
use futures_util::Stream;

/// The most frames that one message may come in. Who sends in pieces has pieces of some size.
const MAX_FRAGMENTS: usize = 1024;

/// A connection's incoming bytes, which end with [`PayloadError::Overflow`] before a frame that is too long, or a fragment
/// that is one too many.
pub(super) struct FrameGuard {
    payload: Payload,
    walk: Walk,
    has_overflowed: bool,
}

impl FrameGuard {
    /// Lets frames of up to `limit` bytes through, header included, as Phoenix's server counts.
    pub(super) fn new(payload: Payload, limit: usize) -> Self {
        Self { payload, walk: Walk::new(limit), has_overflowed: false }
    }
}

impl Stream for FrameGuard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_overflowed {
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        let Poll::Ready(Some(Ok(bytes))) = polled else { return polled };
        let passed = self.walk.advance(&bytes);
        if passed == bytes.len() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        // The frames before that one are still good.
        self.has_overflowed = true;
        match passed {
            0 => Poll::Ready(Some(Err(PayloadError::Overflow))),
            _ => Poll::Ready(Some(Ok(bytes.slice(..passed)))),
        }
    }
}

/// Where in the frames the bytes so far end (RFC 6455, section 5.2).
struct Walk {
    limit: u64,
    header: Vec<u8>,
    payload_left: u64,
    /// Frames of the message that is not whole yet.
    fragments: usize,
}

impl Walk {
    fn new(limit: usize) -> Self {
        Self { limit: limit as u64, header: Vec::with_capacity(14), payload_left: 0, fragments: 0 }
    }

    /// Goes on by `bytes`, and says how many of them may pass: all, or those before the first frame that may not.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut frame_start = 0;
        let mut at = 0;
        while at < bytes.len() {
            if self.payload_left > 0 {
                let rest = (bytes.len() - at) as u64;
                let taken = self.payload_left.min(rest);
                self.payload_left -= taken;
                at += usize::try_from(taken).unwrap_or(usize::MAX);
                frame_start = at;
                continue;
            }
            self.header.push(bytes[at]);
            at += 1;
            if let Some(length) = announced(&self.header) {
                self.count_fragment();
                let is_too_long = length.saturating_add(self.header.len() as u64) > self.limit;
                if is_too_long || self.fragments > MAX_FRAGMENTS {
                    return frame_start;
                }
                self.payload_left = length;
                self.header.clear();
                frame_start = at;
            }
        }
        bytes.len()
    }

    /// Counts the frame whose header is whole, unless it is a control frame: those come between fragments.
    fn count_fragment(&mut self) {
        let (is_last, is_control) = (self.header[0] & 0x80 != 0, self.header[0] & 0x08 != 0);
        if !is_control {
            self.fragments = if is_last { 0 } else { self.fragments + 1 };
        }
    }
}

/// The payload's length, once the header is whole.
fn announced(header: &[u8]) -> Option<u64> {
    let (_, rest) = header.split_first()?;
    let (second, rest) = rest.split_first()?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, length_bytes) = match second & 0x7F {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        short => (u64::from(short), 0),
    };
    (rest.len() >= length_bytes + mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame of `length` bytes.
    fn frame(length: u16) -> Vec<u8> {
        let mut frame = vec![0x81, 0xFE];
        frame.extend(length.to_be_bytes());
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + usize::from(length), b'x');
        frame
    }

    #[test]
    fn frames_up_to_the_limit_pass_however_they_are_cut() {
        let bytes = [frame(200), vec![0x89, 0x80, 1, 2, 3, 4], frame(192)].concat();
        for size in [1, 3, 7, 100, bytes.len()] {
            let mut walk = Walk::new(208);
            for piece in bytes.chunks(size) {
                assert_eq!(walk.advance(piece), piece.len(), "pieces of {size}");
            }
        }
    }

    #[test]
    fn one_byte_more_is_stopped_at_its_header() {
        let good = frame(200);
        let bytes = [good.clone(), frame(201)].concat();
        assert_eq!(Walk::new(208).advance(&bytes), good.len());
        let mut walk = Walk::new(208);
        assert_eq!(walk.advance(&bytes[..good.len() + 7]), good.len() + 7, "the header is not whole yet");
        assert_eq!(walk.advance(&bytes[good.len() + 7..]), 0);
    }

    #[test]
    fn an_announcement_is_enough() {
        let header = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4];
        assert_eq!(Walk::new(10_000_000).advance(&header), 0);
    }

    #[test]
    fn a_message_comes_in_so_many_fragments_whatever_is_between_them() {
        let fragment = |opcode: u8| vec![opcode, 0x81, 1, 2, 3, 4, b'x'];
        let ping = vec![0x89, 0x80, 1, 2, 3, 4];
        let mut message = fragment(0x01);
        for _ in 1..MAX_FRAGMENTS {
            message.extend([fragment(0x00), ping.clone()].concat());
        }
        let mut walk = Walk::new(208);
        for _ in 0..2 {
            assert_eq!(walk.advance(&message), message.len());
            assert_eq!(walk.advance(&fragment(0x80)), 7, "the last one starts the count anew");
        }
        assert_eq!(walk.advance(&message), message.len());
        assert_eq!(walk.advance(&[ping, fragment(0x00)].concat()), 6, "one too many");
    }
}
