//! A complaint of serde's as a sentence.
//!
//! serde tells what is wrong as a text alone, but the texts of its own errors have fixed forms
//! ([`serde::de::Error`]), from which the parts that do not come from the sender can be taken: what would have been right, and
//! the names of fields. Any other text may be anything, and is not shown.

use serde_path_to_error::{Path, Segment};
use thiserror::Error;

use super::{Place, kind};

/// What is wrong with an input: a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{sentence}")]
pub struct Fault {
    sentence: String,
    /// Whether the input cannot be read at all, other than one that says something unexpected.
    pub is_malformed: bool,
}

/// What `serde_json` says of a value that should be one of some words and is no text.
const NO_WORD: &str = "expected value";

/// What a value stands in.
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

    /// The text is something else.
    pub(super) fn no_json(place: Place) -> Self {
        Self { sentence: format!("The {} is not valid JSON.", place.noun()), is_malformed: true }
    }

    /// The text is JSON, and not an object but of this kind.
    pub(super) fn no_object(kind: &str, place: Place) -> Self {
        Self::new(format!("The {} must be an object, not {kind}.", place.noun()))
    }

    /// The JSON text has something else at `path`.
    pub(super) fn of_json(path: &Path, complaint: &str, text: &str) -> Self {
        let complaint = without_position(complaint);
        let is_of_another_kind = complaint.starts_with("invalid type: ") || complaint == NO_WORD;
        let found = is_of_another_kind.then(|| kind::at(text, path)).flatten();
        Self::of(path, complaint, found, Part::Field)
    }

    /// A text has something else at `path`.
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
            // Its name is the sender's.
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

/// What would have been right, as far as a complaint says it.
fn must_be<'a>(complaint: &'a str, expected: Option<&'a str>) -> Option<&'a str> {
    let is_of = |start: &str| complaint.starts_with(start);
    if let Some(ours) = complaint.strip_prefix("must be ") {
        // As the types of the flow say it.
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

/// A type of Rust in other words. What is none is in words already.
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

/// What an integer has to be of the right type, but of another value.
fn range(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "i64" => "an integer from -9223372036854775808 to 9223372036854775807",
        "u64" | "usize" => "an integer from 0 to 18446744073709551615",
        "u32" => "an integer from 0 to 4294967295",
        _ => return None,
    })
}

/// The names of fields on a path. They stand in types here: what is none of theirs has no path.
fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    })
}

/// The name that follows in backticks, and nothing after it.
fn quoted<'a>(complaint: &'a str, start: &str) -> Option<&'a str> {
    complaint.strip_prefix(start)?.strip_prefix('`')?.strip_suffix('`')
}

/// Where in a text something is wrong says nothing to who did not write it by hand.
fn without_position(complaint: &str) -> &str {
    let Some((before, position)) = complaint.rsplit_once(" at line ") else { return complaint };
    let is_position = position
        .split_once(" column ")
        .is_some_and(|(line, column)| [line, column].iter().all(|number| number.parse::<u64>().is_ok()));
    if is_position { before } else { complaint }
}
