//! Turns serde's errors into sentences.
//!
//! serde reports an error as text only, but the texts of its own errors have fixed forms
//! ([`serde::de::Error`]). From these this module takes the parts that do not come from the sender:
//! the expected type and the names of fields. Any other text may contain anything, and is not
//! shown.

use serde_path_to_error::{Path, Segment};
use thiserror::Error;

use super::{document::Document, kind};

/// An error in an input, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{sentence}")]
pub struct Fault {
    sentence: String,
    /// Whether the input cannot be parsed at all, rather than having an unexpected value.
    pub is_malformed: bool,
}

/// The error of `serde_json` for a value that is not a string, where an enum is expected.
const NO_WORD: &str = "expected value";

/// The kind of a named value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A field of JSON.
    Field,
    /// A parameter of a URL.
    Parameter,
}

impl Part {
    fn noun(self) -> &'static str {
        match self {
            Part::Field => "field",
            Part::Parameter => "parameter",
        }
    }
}

impl Fault {
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), is_malformed: false }
    }

    /// The text is not JSON.
    pub(super) fn no_json(document: Document) -> Self {
        Self { sentence: format!("The {} is not valid JSON.", document.noun()), is_malformed: true }
    }

    /// The text is JSON, but not an object.
    pub(super) fn no_object(kind: &str, document: Document) -> Self {
        Self::new(format!("The {} must be an object, not {kind}.", document.noun()))
    }

    /// The JSON text has an unexpected value at `path`.
    pub(super) fn of_json(path: &Path, complaint: &str, text: &str) -> Self {
        let complaint = without_position(complaint);
        let is_of_another_kind = complaint.starts_with("invalid type: ") || complaint == NO_WORD;
        let found = is_of_another_kind.then(|| kind::at(text, path)).flatten();
        Self::of(path, complaint, found, Part::Field)
    }

    /// A text has an unexpected value at `path`.
    pub(super) fn of_text(path: &Path, complaint: &str, part: Part) -> Self {
        Self::of(path, complaint, None, part)
    }

    fn of(path: &Path, complaint: &str, found: Option<&str>, part: Part) -> Self {
        let noun = part.noun();
        let expected = complaint.rsplit_once(", expected ").map(|(_, expected)| expected);
        if let Some(name) = quoted(complaint, "missing field ") {
            let name = names(path).chain([name]).collect::<Vec<_>>().join(".");
            return Self::new(format!("The {noun} `{name}` is missing."));
        }
        if let Some(name) = quoted(complaint, "duplicate field ") {
            return Self::new(format!("The {noun} `{name}` is given twice."));
        }
        if complaint.starts_with("unknown field ") {
            // The sender chose its name.
            let known = expected.map(|known| format!(": it must be {known}")).unwrap_or_default();
            return Self::new(format!("The name of one {noun} is unknown{known}."));
        }
        let name = names(path).collect::<Vec<_>>().join(".");
        let subject = if name.is_empty() { format!("One {noun}") } else { format!("The {noun} `{name}`") };
        let not = found.map(|found| format!(", not {found}")).unwrap_or_default();
        match must_be(complaint, expected) {
            Some(right) => Self::new(format!("{subject} must be {right}{not}.")),
            None => Self::new(format!("{subject} is not valid.")),
        }
    }
}

/// The expected value, as far as the error says it.
fn must_be<'a>(complaint: &'a str, expected: Option<&'a str>) -> Option<&'a str> {
    let is_of = |start: &str| complaint.starts_with(start);
    if let Some(ours) = complaint.strip_prefix("must be ") {
        // The types of the flow say it like this.
        Some(ours)
    } else if complaint == NO_WORD {
        Some("a string")
    } else if is_of("unknown variant ") {
        expected
    } else if is_of("invalid type: ") {
        expected.map(in_words)
    } else if is_of("invalid value: ") || is_of("invalid length ") {
        expected.map(|expected| range(expected).unwrap_or_else(|| in_words(expected)))
    } else if complaint.contains("digit found in string") || complaint.contains("integer from empty string") {
        Some("an integer")
    } else if complaint.starts_with("number too ") {
        Some("an integer within its range")
    } else {
        None
    }
}

/// A Rust type in plain words. Anything else is plain words already.
fn in_words(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer of at least 0",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" | "string or map" | "variant identifier" => "a string",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        _ if expected.starts_with("enum ") => "a string",
        _ if expected.starts_with("struct ") => "an object",
        words => words,
    }
}

/// The range of an integer type.
fn range(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "i64" => "an integer from -9223372036854775808 to 9223372036854775807",
        "u64" | "usize" => "an integer from 0 to 18446744073709551615",
        "u32" => "an integer from 0 to 4294967295",
        _ => return None,
    })
}

/// The names of fields on a path. Unknown fields have no path, so all of these are known.
fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    })
}

/// The name in backticks that follows and ends the text.
fn quoted<'a>(complaint: &'a str, start: &str) -> Option<&'a str> {
    complaint.strip_prefix(start)?.strip_prefix('`')?.strip_suffix('`')
}

/// Removes the position, which means nothing to somebody who did not write the text by hand.
fn without_position(complaint: &str) -> &str {
    let Some((before, position)) = complaint.rsplit_once(" at line ") else { return complaint };
    let is_position = position
        .split_once(" column ")
        .is_some_and(|(line, column)| [line, column].iter().all(|number| number.parse::<u64>().is_ok()));
    if is_position { before } else { complaint }
}
