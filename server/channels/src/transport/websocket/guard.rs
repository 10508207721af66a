//! Checks the header of each frame that comes in, before its payload is gathered.
//!
//! A codec waits until a frame is whole before it compares its length with the limit. A client
//! could announce a frame of any length and have the server keep what it sends of it. Here the
//! announcement is enough.
//!
//! A message may come in so many fragments, and in more only if they are of some size: each costs
//! the work of a frame.

use vestibule_phoenix::disconnect::Disconnect;

/// How many frames one message may come in, however small they are.
const SMALL_FRAGMENTS: u64 = 1024;

/// How many bytes each further one must bring, on average.
const FRAGMENT: u64 = 64;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is too long, or a fragment too many.
    TooMuch,
    /// It breaks the protocol.
    Malformed,
    /// It is a text, and not UTF-8.
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

/// The rules for headers (RFC 6455, section 5.2), and the frames of the message that is not whole
/// yet.
pub(super) struct FrameGuard {
    frame_limit: u64,
    message_limit: u64,
    /// How many frames there are of it, and how many bytes they bring.
    fragments: (u64, u64),
}

impl FrameGuard {
    /// Lets frames of up to `frame_limit` bytes through, header included, as Phoenix's server
    /// counts; and fragments that bring a message of up to `message_limit`.
    pub(super) fn new(frame_limit: usize, message_limit: usize) -> Self {
        Self { frame_limit: frame_limit as u64, message_limit: message_limit as u64, fragments: (0, 0) }
    }

    /// Checks the frame at the start of `bytes`, once, and says how long it is; nothing while its
    /// header is not whole.
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

    /// Whether the message may have this frame, which is counted.
    fn takes(&mut self, header: &Header) -> bool {
        let (number, size) = self.fragments;
        let (number, size) = (number + 1, size.saturating_add(header.payload));
        self.fragments = if header.is_last() { (0, 0) } else { (number, size) };
        let is_whole = header.is_last() && number == 1;
        let are_too_many = !header.is_last() && number > SMALL_FRAGMENTS + size / FRAGMENT;
        is_whole || size <= self.message_limit && !are_too_many
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
    is_masked: bool,
}

impl Header {
    fn is_last(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    /// No extension is negotiated that would give the reserved bits a meaning, and five opcodes
    /// have one; a client masks; a length has 63 bits.
    fn is_malformed(&self) -> bool {
        let is_known = matches!(self.first & 0x0F, 0..=2 | 8..=10);
        let is_long_control = self.is_control() && (!self.is_last() || self.payload > MAX_CONTROL);
        self.first & 0x70 != 0
            || !is_known
            || !self.is_masked
            || self.payload > i64::MAX as u64
            || is_long_control
    }

    /// The header at the start of `bytes`, if it is whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
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

    /// The header of a masked frame.
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

    fn guard() -> FrameGuard {
        FrameGuard::new(208, 100_000)
    }

    #[test]
    fn one_byte_more_is_stopped_at_its_header() {
        let whole = header(0x81, 200);
        assert_eq!(guard().check(&whole), Ok(Some(208)));
        for cut in 0..whole.len() {
            assert_eq!(guard().check(&whole[..cut]), Ok(None), "the header is not whole yet");
        }
        assert_eq!(guard().check(&header(0x81, 201)), Err(Fault::TooMuch));
    }

    #[test]
    fn an_announcement_is_enough() {
        let most = u64::try_from(i64::MAX).unwrap();
        assert_eq!(guard().check(&header(0x82, most)), Err(Fault::TooMuch));
        assert_eq!(guard().check(&header(0x82, most + 1)), Err(Fault::Malformed), "a length has 63 bits");
    }

    #[test]
    fn what_no_header_may_say_is_malformed() {
        for first in
            [0xC1, 0xA1, 0x91, 0xF1, 0xC2, 0xC9, 0x90, 0xA8, 0x09, 0x0A, 0x08, 0x83, 0x87, 0x8B, 0x8F]
        {
            assert_eq!(guard().check(&header(first, 1)), Err(Fault::Malformed), "{first:x}");
        }
        assert_eq!(guard().check(&header(0x89, 126)), Err(Fault::Malformed), "a long ping");
        assert_eq!(guard().check(b"\x81\x01x"), Err(Fault::Malformed), "a client masks");
    }

    #[test]
    fn a_message_has_a_limited_number_of_fragments() {
        let mut guard = guard();
        let mut take = |first| guard.check(&header(first, 1));
        for message in 0..2 {
            for fragment in 0..SMALL_FRAGMENTS {
                assert_eq!(take(u8::from(fragment == 0)), Ok(Some(7)), "{message}, {fragment}");
                assert_eq!(take(0x89), Ok(Some(7)));
            }
            if message == 0 {
                assert_eq!(take(0x80), Ok(Some(7)), "the last one starts the count anew");
            }
        }
        // They have brought 1024 bytes, which are worth 16 fragments.
        for _ in 0..16 {
            assert_eq!(take(0x00), Ok(Some(7)));
        }
        assert_eq!(take(0x00), Err(Fault::TooMuch), "one too many");
    }

    #[test]
    fn fragments_of_some_size_may_be_as_many_as_the_message_holds() {
        let mut guard = guard();
        assert_eq!(guard.check(&header(0x01, FRAGMENT)), Ok(Some(70)));
        for _ in 1..100_000 / FRAGMENT {
            assert_eq!(guard.check(&header(0x00, FRAGMENT)), Ok(Some(70)));
        }
        assert_eq!(guard.check(&header(0x00, FRAGMENT)), Err(Fault::TooMuch));
    }
}
