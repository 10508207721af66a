//! Checks JSON beyond what `serde_json`'s raw values check.
//!
//! Raw values are checked for grammar only. They accept a lone surrogate (`"\ud800"`), a float out
//! of range (`1e400`) and nesting of any depth. Phoenix's parser refuses the first two, and the
//! third can overflow a receiver's stack. A payload that is passed on unparsed must not make its
//! receivers fail.
//!
//! `serde_json`'s own values check all of this, but cannot hold an integer of 309 digits or more.
//! Integers have no range in JSON, nor in Phoenix. So this module walks the text once more, from
//! front to end, building nothing.

use super::DecodeError;

/// How deep a payload may nest: as deep as `serde_json` builds values.
pub(super) const MAX_DEPTH: usize = 127;

/// A number of so many digits, or fewer, is finite: the largest float has 309.
pub(super) const MAX_DIGITS: usize = 300;

/// Checks a text that `serde_json` has accepted as one raw value.
pub(super) fn check(json: &str) -> Result<(), DecodeError> {
    if is_plain(json.as_bytes()) {
        return Ok(());
    }
    let mut depth = 0_usize;
    for piece in Pieces(json) {
        let is_good = match piece.as_bytes()[0] {
            b'[' | b'{' => {
                depth += 1;
                depth <= MAX_DEPTH
            }
            b']' | b'}' => {
                depth -= 1;
                true
            }
            b'"' => has_whole_characters(piece),
            _ => !is_number(piece) || is_integer(piece) || is_finite(piece),
        };
        if !is_good {
            return Err(DecodeError::OutOfBounds);
        }
    }
    Ok(())
}

/// Whether a text has nothing that could be out of bounds, as far as this sees at a glance: no
/// escapes, so no surrogates; too few brackets to nest too deep; no exponents and too few digits
/// for a number out of range. It counts what is inside of strings too. Written so that the compiler
/// compares many bytes at once: most payloads are plain, and need no closer look.
fn is_plain(json: &[u8]) -> bool {
    let count = |is_counted: fn(u8) -> bool| json.iter().filter(|byte| is_counted(**byte)).count();
    let is_exponent = |(before, byte): (&u8, &u8)| before.is_ascii_digit() && byte | 0x20 == b'e';
    let has_exponent = || json.iter().zip(&json[1..]).fold(false, |found, pair| found | is_exponent(pair));
    !json.contains(&b'\\')
        && (json.len() <= MAX_DEPTH || count(|byte| byte | 0x20 == b'{') <= MAX_DEPTH)
        && (json.len() <= MAX_DIGITS || count(|byte| byte.is_ascii_digit()) <= MAX_DIGITS)
        && !has_exponent()
}

/// The same value, in which each integer that `serde_json` cannot hold is a string of its digits.
pub(super) fn without_long_integers(json: &str) -> String {
    let shorten = |piece: &str| {
        let is_long = is_number(piece) && is_integer(piece) && !is_finite(piece);
        if is_long { format!("\"{piece}\"") } else { piece.to_owned() }
    };
    Pieces(json).map(shorten).collect()
}

/// The pieces of a well-formed text, none left out: a string with its quotes, a number, or one byte
/// of anything else, which is ASCII outside of strings.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let length = match self.0.as_bytes().first()? {
            b'"' => string_length(self.0),
            b'-' | b'0'..=b'9' => {
                let is_over = |byte: u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                self.0.bytes().position(is_over).unwrap_or(self.0.len())
            }
            _ => 1,
        };
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(piece)
    }
}

/// The length of the string at the start of `json`, quotes included.
fn string_length(json: &str) -> usize {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(json.len(), |end| end + 2)
}

/// Whether each high surrogate among a string's escapes is followed by a low one, and there are no
/// other low ones.
fn has_whole_characters(string: &str) -> bool {
    let mut rest = string;
    let mut wants_low = false;
    while let Some(at) = rest.find('\\') {
        if wants_low && at > 0 {
            return false;
        }
        let unit =
            rest[at + 1..].strip_prefix('u').and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok());
        let is_low = unit.is_some_and(|unit| (0xDC00..=0xDFFF).contains(&unit));
        if is_low != wants_low {
            return false;
        }
        wants_low = unit.is_some_and(|unit| (0xD800..=0xDBFF).contains(&unit));
        rest = &rest[at + if unit.is_some() { 6 } else { 2 }..];
    }
    !wants_low
}

fn is_number(piece: &str) -> bool {
    piece.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn is_integer(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

pub(super) fn is_finite(number: &str) -> bool {
    number.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, value::RawValue};

    use super::*;

    fn checked(json: &str) -> bool {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        check(raw.get()).is_ok()
    }

    #[test]
    fn refuses_what_receivers_could_not_parse() {
        for bad in [
            r#""\ud800""#,
            r#""\ud800\\udc00""#,
            r#""\ud800x\udc00""#,
            r#""\ud800\ud800\udc00""#,
            r#""\udc00\ud800""#,
            r#"{"\udc00":1}"#,
            "1e400",
            "[-1.5E+999]",
        ] {
            assert!(!checked(bad), "{bad}");
        }
    }

    #[test]
    fn accepts_every_kind_of_value() {
        let good =
            r#"{"a":[1,-2,1.5e3,1e-999,"\ud83d\ude00","\\ud800","\"]","\u0000é",true,null,{}],"a":{}}"#;
        assert!(checked(good));
    }

    #[test]
    fn integers_have_no_range() {
        for digits in [309, 400, 5000] {
            let digits = "9".repeat(digits);
            for good in [digits.clone(), format!("-{digits}"), format!("[{{\"n\":{digits}}}]")] {
                assert!(checked(&good), "{good}");
            }
            assert!(!checked(&format!("{digits}.0")), "a float has one");
        }
    }

    #[test]
    fn nests_as_deep_as_values_are_built() {
        for (depth, is_good) in [(127, true), (128, false)] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let json = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                assert_eq!(checked(&json), is_good, "{depth} times {open}");
                assert_eq!(serde_json::from_str::<Value>(&json).is_ok(), is_good, "{depth} times {open}");
            }
        }
    }

    #[test]
    fn long_integers_become_texts() {
        let long = "1".repeat(400);
        let json = format!(r#"{{"{long}":[-{long},1,1.5,"\"{long}"]}}"#);
        assert_eq!(without_long_integers(&json), format!(r#"{{"{long}":["-{long}",1,1.5,"\"{long}"]}}"#));
    }
}
