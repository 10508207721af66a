//! Checks the header of each incoming frame before its payload is buffered.
//!
//! A codec compares a frame's length with the limit only once the frame is complete. A client could
//! announce a frame of any length, and the server would keep whatever it sends of it. Here the
//! announcement is enough.
//!
//! A message may have a certain number of small fragments, and more only if they have a minimum
//! size: each costs the work of a frame.

use vestibule_phoenix::disconnect::Disconnect;

/// How many fragments one message may have, however small they are.
const SMALL_FRAGMENTS: u64 = 1024;

/// How many bytes each further fragment must bring, on average.
const FRAGMENT: u64 = 64;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The message is too long, or has too many fragments.
    TooMuch,
    /// The frame violates the protocol.
    Malformed,
    /// The text is not UTF-8.
    NotUtf8,
}

impl Fault {
    /// How the connection ends.
    pub(super) fn disconnect(self) -> Disconnect {
        match self {
            Fault::TooMuch => Disconnect::TooBig,
            Fault::Malformed => Disconnect::Protocol,
            Fault::NotUtf8 => Disconnect::NotUtf8,
        }
    }
}

/// Checks headers (RFC 6455, section 5.2), and counts the fragments of the incomplete message.
pub(super) struct FrameCheck {
    frame_limit: u64,
    message_limit: u64,
    /// The number of its fragments, and their bytes together.
    fragments: (u64, u64),
}

impl FrameCheck {
    /// Accepts frames of up to `frame_limit` bytes, header included, as Phoenix's server counts;
    /// and fragments of a message of up to `message_limit` bytes.
    pub(super) fn new(frame_limit: usize, message_limit: usize) -> Self {
        Self { frame_limit: frame_limit as u64, message_limit: message_limit as u64, fragments: (0, 0) }
    }

    /// Checks the frame at the start of `bytes`, once, and returns its length; `None` while its
    /// header is incomplete.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        let Some(header) = Header::parse(bytes) else { return Ok(None) };
        if header.is_malformed() {
            return Err(Fault::Malformed);
        }
        let length = header.payload.saturating_add(header.length as u64);
        if length > self.frame_limit || !header.is_control() && !self.takes(&header) {
            return Err(Fault::TooMuch);
        }
        Ok(usize::try_from(length).ok())
    }

    /// Counts a frame of a message, and returns whether the message may have it.
    fn takes(&mut self, header: &Header) -> bool {
        let (number, size) = self.fragments;
        let (number, size) = (number + 1, size.saturating_add(header.payload));
        self.fragments = if header.is_last() { (0, 0) } else { (number, size) };
        let is_whole = header.is_last() && number == 1;
        let are_too_many = !header.is_last() && number > SMALL_FRAGMENTS + size / FRAGMENT;
        is_whole || size <= self.message_limit && !are_too_many
    }
}

/// A frame's header.
pub(super) struct Header {
    /// The first byte: the bit of the last fragment, three reserved bits, and the opcode.
    first: u8,
    /// The header's length.
    pub(super) length: usize,
    /// The payload's length.
    payload: u64,
    is_masked: bool,
}

impl Header {
    fn is_last(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    /// No extension is negotiated that would use the reserved bits; five opcodes are defined; a
    /// client masks; a length has 63 bits.
    fn is_malformed(&self) -> bool {
        let is_known = matches!(self.first & 0x0F, 0..=2 | 8..=10);
        let is_long_control = self.is_control() && (!self.is_last() || self.payload > MAX_CONTROL);
        self.first & 0x70 != 0
            || !is_known
            || !self.is_masked
            || self.payload > i64::MAX as u64
            || is_long_control
    }

    /// Parses the header at the start of `bytes`, if it is complete.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let is_masked = second & 0x80 != 0;
        let mask = if is_masked { 4 } else { 0 };
        let (payload, length_bytes) = match second & 0x7F {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        (rest.len() >= length_bytes + mask).then_some(Self {
            first,
            length: 2 + length_bytes + mask,
            payload,
            is_masked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(first: u8, payload: u64) -> Vec<u8> {
        let mut header = vec![first];
        match payload {
            0..126 => header.push(0x80 | u8::try_from(payload).unwrap()),
            126..65_536 => {
                header.push(0xFE);
                header.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                header.push(0xFF);
                header.extend(payload.to_be_bytes());
            }
        }
        header.extend([1, 2, 3, 4]);
        header
    }

    fn frame_check() -> FrameCheck {
        FrameCheck::new(208, 100_000)
    }

    #[test]
    fn a_byte_too_many_is_refused_at_the_header() {
        let whole = header(0x81, 200);
        assert_eq!(frame_check().check(&whole), Ok(Some(208)));
        for cut in 0..whole.len() {
            assert_eq!(frame_check().check(&whole[..cut]), Ok(None), "the header is not whole yet");
        }
        assert_eq!(frame_check().check(&header(0x81, 201)), Err(Fault::TooMuch));
    }

    #[test]
    fn an_announced_length_is_enough() {
        let most = u64::try_from(i64::MAX).unwrap();
        assert_eq!(frame_check().check(&header(0x82, most)), Err(Fault::TooMuch));
        assert_eq!(
            frame_check().check(&header(0x82, most + 1)),
            Err(Fault::Malformed),
            "a length has 63 bits"
        );
    }

    #[test]
    fn impossible_headers_are_malformed() {
        for first in
            [0xC1, 0xA1, 0x91, 0xF1, 0xC2, 0xC9, 0x90, 0xA8, 0x09, 0x0A, 0x08, 0x83, 0x87, 0x8B, 0x8F]
        {
            assert_eq!(frame_check().check(&header(first, 1)), Err(Fault::Malformed), "{first:x}");
        }
        assert_eq!(frame_check().check(&header(0x89, 126)), Err(Fault::Malformed), "a long ping");
        assert_eq!(frame_check().check(b"\x81\x01x"), Err(Fault::Malformed), "a client masks");
    }

    #[test]
    fn the_number_of_small_fragments_is_bounded() {
        let mut frames = frame_check();
        let mut take = |first| frames.check(&header(first, 1));
        for message in 0..2 {
            for fragment in 0..SMALL_FRAGMENTS {
                assert_eq!(take(u8::from(fragment == 0)), Ok(Some(7)), "{message}, {fragment}");
                assert_eq!(take(0x89), Ok(Some(7)));
            }
            if message == 0 {
                assert_eq!(take(0x80), Ok(Some(7)), "the last one starts the count anew");
            }
        }
        // They have brought 1024 bytes, which allow 16 more fragments.
        for _ in 0..16 {
            assert_eq!(take(0x00), Ok(Some(7)));
        }
        assert_eq!(take(0x00), Err(Fault::TooMuch), "one too many");
    }

    #[test]
    fn large_fragments_are_bounded_by_the_message() {
        let mut frames = frame_check();
        assert_eq!(frames.check(&header(0x01, FRAGMENT)), Ok(Some(70)));
        for _ in 1..100_000 / FRAGMENT {
            assert_eq!(frames.check(&header(0x00, FRAGMENT)), Ok(Some(70)));
        }
        assert_eq!(frames.check(&header(0x00, FRAGMENT)), Err(Fault::TooMuch));
    }
}
