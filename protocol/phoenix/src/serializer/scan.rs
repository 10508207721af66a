//! Reads the elements of a JSON array in one pass, without `serde_json`.
//!
//! Every message of V2 comes through here. What is accepted is what `serde_json` accepts as raw
//! values and [`strict`](super::strict) lets through: no lone surrogate, no float out of range, no
//! nesting that is too deep. So a payload that is passed on unparsed does not make its receivers
//! fail. Nothing is built, and nothing recurses: a stack of bits remembers what is open.
//!
//! Why a text is refused is not known here.

use super::strict::{MAX_DEPTH, MAX_DIGITS, is_finite};

/// What is open, the innermost last: a bit for each, set for an object.
type Open = u128;

const _: () = assert!(MAX_DEPTH < Open::BITS as usize);

/// The texts of an array's first `N` elements, and whether a string anywhere has an escape; `None`
/// if the text is not a strict array of at least as many.
pub(super) fn elements<const N: usize>(text: &str) -> Option<([&str; N], bool)> {
    let mut scan = Scan { bytes: text.as_bytes(), has_escapes: false };
    let mut elements = [""; N];
    let mut at = scan.expect(b'[', scan.space(0))?;
    let mut count = 0;
    loop {
        let start = scan.space(at);
        let is_string = scan.peek(start)? == b'"';
        let end = if is_string { scan.string(start + 1) } else { scan.value(start) }?;
        if let Some(element) = elements.get_mut(count) {
            *element = text.get(start..end)?;
            count += 1;
        }
        let (byte, next) = scan.next(scan.space(end))?;
        at = next;
        match byte {
            b',' => {}
            b']' => break,
            _ => return None,
        }
    }
    (count == N && scan.space(at) == text.len()).then_some((elements, scan.has_escapes))
}

/// A text. Everything that reads takes the place to read from, and returns the place behind what it
/// has read.
struct Scan<'a> {
    bytes: &'a [u8],
    has_escapes: bool,
}

impl Scan<'_> {
    /// Reads one value, whatever is in it.
    fn value(&mut self, mut at: usize) -> Option<usize> {
        let (mut open, mut depth): (Open, usize) = (0, 0);
        loop {
            let (first, next) = self.next(at)?;
            let begun = match first {
                b'"' => {
                    at = self.string(next)?;
                    None
                }
                b'{' => Some((1, b'}')),
                b'[' => Some((0, b']')),
                _ => {
                    at = self.scalar(at)?;
                    None
                }
            };
            if let Some((kind, end)) = begun {
                depth += 1;
                if depth > MAX_DEPTH {
                    return None;
                }
                open = open << 1 | kind;
                at = self.space(next);
                if self.peek(at)? != end {
                    at = self.key_if(kind == 1, at)?;
                    continue;
                }
            }
            // The value is over, and with it perhaps what it is in.
            while depth > 0 {
                let is_object = open & 1 == 1;
                let (byte, next) = self.next(self.space(at))?;
                at = next;
                match byte {
                    b',' => {
                        at = self.key_if(is_object, self.space(at))?;
                        break;
                    }
                    b'}' if is_object => {}
                    b']' if !is_object => {}
                    _ => return None,
                }
                open >>= 1;
                depth -= 1;
            }
            if depth == 0 {
                return Some(at);
            }
        }
    }

    /// Reads a key, with its colon and space, if there must be one.
    fn key_if(&mut self, is_object: bool, at: usize) -> Option<usize> {
        if !is_object {
            return Some(at);
        }
        let at = self.string(self.expect(b'"', at)?)?;
        let at = self.expect(b':', self.space(at))?;
        Some(self.space(at))
    }

    /// Reads the rest of a string, after its opening quote.
    fn string(&mut self, mut at: usize) -> Option<usize> {
        loop {
            at = self.plain(at);
            let (byte, next) = self.next(at)?;
            match byte {
                b'"' => return Some(next),
                b'\\' => at = self.escape(next)?,
                _ => return None,
            }
        }
    }

    /// Skips plain bytes. Most strings are short: they are over within eight bytes.
    fn plain(&self, at: usize) -> usize {
        let Some(rest) = self.bytes.get(at..) else { return at };
        match rest.first_chunk().map_or(0, |word| not_plain(*word)) {
            0 => at + plain_length(rest),
            found => at + place(found),
        }
    }

    /// Reads the rest of an escape, after its backslash: of two, where the first is a high
    /// surrogate.
    #[cold]
    fn escape(&mut self, at: usize) -> Option<usize> {
        self.has_escapes = true;
        let (byte, at) = self.next(at)?;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at),
            b'u' => match self.unit(at)? {
                (0xDC00..=0xDFFF, _) => None,
                (0xD800..=0xDBFF, at) => {
                    let at = self.expect(b'u', self.expect(b'\\', at)?)?;
                    let (low, at) = self.unit(at)?;
                    matches!(low, 0xDC00..=0xDFFF).then_some(at)
                }
                (_, at) => Some(at),
            },
            _ => None,
        }
    }

    /// Reads four hexadecimal digits.
    fn unit(&self, at: usize) -> Option<(u32, usize)> {
        let digits = self.bytes.get(at..at + 4)?;
        let digit = |unit, byte: &u8| Some(unit << 4 | char::from(*byte).to_digit(16)?);
        Some((digits.iter().try_fold(0, digit)?, at + 4))
    }

    /// Reads a number or a literal.
    fn scalar(&self, at: usize) -> Option<usize> {
        match self.peek(at)? {
            b't' => self.literal(at, b"true"),
            b'f' => self.literal(at, b"false"),
            b'n' => self.literal(at, b"null"),
            b'-' | b'0'..=b'9' => self.number(at),
            _ => None,
        }
    }

    fn literal(&self, at: usize, literal: &[u8]) -> Option<usize> {
        self.bytes.get(at..)?.starts_with(literal).then_some(at + literal.len())
    }

    /// Integers have no range; a float has one.
    fn number(&self, start: usize) -> Option<usize> {
        let first = if self.peek(start) == Some(b'-') { start + 1 } else { start };
        let mut at = self.digits(first)?;
        if self.peek(first) == Some(b'0') && at > first + 1 {
            return None;
        }
        let is_float = self.peek(at) == Some(b'.');
        if is_float {
            at = self.digits(at + 1)?;
        }
        let has_exponent = matches!(self.peek(at), Some(b'e' | b'E'));
        if has_exponent {
            let is_signed = matches!(self.peek(at + 1), Some(b'+' | b'-'));
            at = self.digits(at + 1 + usize::from(is_signed))?;
        }
        let number = self.bytes.get(start..at)?;
        let may_be_infinite = has_exponent || is_float && number.len() > MAX_DIGITS;
        (!may_be_infinite || is_finite(str::from_utf8(number).ok()?)).then_some(at)
    }

    /// Reads digits; `None` if there are none.
    fn digits(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while let Some(b'0'..=b'9') = self.peek(at) {
            at += 1;
        }
        (at > start).then_some(at)
    }

    /// Skips space.
    fn space(&self, mut at: usize) -> usize {
        while let Some(byte) = self.peek(at)
            && byte <= b' '
            && matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
        {
            at += 1;
        }
        at
    }

    fn peek(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn next(&self, at: usize) -> Option<(u8, usize)> {
        Some((self.peek(at)?, at + 1))
    }

    fn expect(&self, byte: u8, at: usize) -> Option<usize> {
        (self.peek(at)? == byte).then_some(at + 1)
    }
}

/// How many bytes of a text are looked at one by one.
const SHORT: usize = 8;

/// Whether a text has neither a quote nor a backslash nor a control character.
pub(super) fn is_plain_text(text: &str) -> bool {
    let (start, rest) = text.as_bytes().split_at(text.len().min(SHORT));
    start.iter().copied().all(is_plain) && (rest.is_empty() || plain_length(rest) == rest.len())
}

/// How many bytes at the start of `bytes` are plain.
#[inline(never)]
#[allow(clippy::needless_bitwise_bool, reason = "a branch for each byte takes five times as long")]
fn plain_length(bytes: &[u8]) -> usize {
    // Written so that the compiler compares all bytes of a chunk at once.
    let has_others = |chunk: &[u8; 16]| {
        let is_other = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
        chunk.iter().fold(false, |found, byte| found | is_other(*byte))
    };
    let chunks = bytes.as_chunks().0.iter().take_while(|chunk| !has_others(chunk)).count();
    let rest = &bytes[chunks * 16..];
    let (words, few) = rest.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let found = not_plain(*word);
        if found != 0 {
            return chunks * 16 + index * 8 + place(found);
        }
    }
    bytes.len() - few.len() + few.iter().take_while(|byte| is_plain(**byte)).count()
}

const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);

/// The highest bit of each byte that is not plain; bits above the first of them mean nothing.
///
/// Subtracting a byte's bound borrows from its highest bit where the byte is below, which is seen
/// if the byte is ASCII, as all that are looked for are. What it borrows from the next byte is
/// wrong only after one that was found.
fn not_plain(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let quote = (word ^ QUOTES).wrapping_sub(LOW);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(LOW);
    let control = word.wrapping_sub(SPACES);
    (quote | backslash | control) & !word & HIGH
}

/// The place of the first byte that [`not_plain`] found.
fn place(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

/// Whether a byte is neither a quote nor a backslash nor a control character.
fn is_plain(byte: u8) -> bool {
    IS_PLAIN[usize::from(byte)]
}

const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [true; 256];
    let mut control = 0;
    while control < b' ' as usize {
        is_plain[control] = false;
        control += 1;
    }
    is_plain[b'"' as usize] = false;
    is_plain[b'\\' as usize] = false;
    is_plain
};

#[cfg(test)]
mod tests;
