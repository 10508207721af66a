//! The scan against `serde_json` and the strict check, which walk the same text twice.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::value::RawValue;

use super::*;
use crate::serializer::strict;

/// The elements, read by `serde_json`.
fn expected(text: &str) -> Option<Vec<&str>> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let elements: Vec<&str> = raw.into_iter().map(RawValue::get).collect();
    let are_strict = elements.iter().all(|element| strict::check(element).is_ok());
    (are_strict && elements.len() >= 2).then(|| elements[..2].to_vec())
}

fn scanned(text: &str) -> Option<Vec<&str>> {
    let (elements, has_escapes) = elements::<2>(text)?;
    assert_eq!(has_escapes, text.contains('\\'));
    Some(elements.to_vec())
}

/// Texts of JSON, most of them well-formed: values of every kind, and what is close to one.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        select(
            &["null", "true", "false", "0", "-0", "1.5", "-2e-3", "1E+2", "1e999", "\"\"", "{}", "[]"][..]
        )
        .prop_map(str::to_owned),
        select(
            &["01", "1.", ".5", "-", "+1", "1e", "nul", "truex", "'a'", "\"", "\u{0}", "]", "{\"a\"}"][..]
        )
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        vec(select(&PIECES[..]), 0..12).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        let key = vec(select(&PIECES[..]), 0..2).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
            vec((key, inner), 0..4).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!(" {key} :\n{value}")).collect();
                format!("{{{}\t}}", entries.join(", "))
            }),
        ]
    })
}

/// What strings are made of.
const PIECES: [&str; 16] = [
    "a",
    "plain text, and more of it",
    "é",
    "😀",
    "\u{7F}",
    "\n",
    "\\n",
    "\\\"",
    "\\\\",
    "\\x",
    "\\u00e9",
    "\\u12",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\uD83D\\uDE00",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn accepts_what_serde_json_and_strict_accept(
        values in vec(json(), 0..5),
        space in select(&["", " ", "\r\n\t"][..]),
    ) {
        let text = format!("{space}[{}]{space}", values.join(&format!("{space},")));
        prop_assert_eq!(scanned(&text), expected(&text));
    }

    #[test]
    fn agrees_over_text_that_is_changed(
        values in vec(json(), 2..4),
        at in any::<prop::sample::Index>(),
        other in select(&["", "[", "]", "{", "}", ",", ":", "\"", "\\", "0", "e", ".", "-", "u", " "][..]),
    ) {
        let text = format!("[{}]", values.join(","));
        let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        let at = *at.get(&starts);
        let length = text[at..].chars().next().map_or(0, char::len_utf8);
        for length in [0, length] {
            let changed = [&text[..at], other, &text[at + length..]].concat();
            prop_assert_eq!(scanned(&changed), expected(&changed), "{}", changed);
        }
    }
}

#[test]
fn bytes_are_told_apart_at_every_place() {
    for length in 0..40 {
        for byte in 0..=0xFF {
            let mut bytes = [vec![b'a'; length], vec![byte]].concat();
            let is_plain = byte >= b' ' && byte != b'"' && byte != b'\\';
            for _ in 0..20 {
                let expected = if is_plain { bytes.len() } else { length };
                assert_eq!(plain_length(&bytes), expected, "{byte:x} after {length}");
                if let Ok(text) = str::from_utf8(&bytes) {
                    assert_eq!(is_plain_text(text), is_plain, "{byte:x} after {length}");
                }
                bytes.push(if byte.is_ascii() { b'~' } else { 0x80 });
            }
        }
    }
}

#[test]
fn bounds_are_exact() {
    let nested = |depth: usize| format!("[0,{}{}]", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("[0,{}1{}]", "{\"a\":".repeat(depth), "}".repeat(depth));
    for text in [nested(127), objects(127)] {
        assert!(scanned(&text).is_some() && expected(&text).is_some());
    }
    for text in [nested(128), objects(128), nested(100_000)] {
        assert!(scanned(&text).is_none() && expected(&text).is_none());
    }
    let long = "9".repeat(400);
    for (number, is_good) in [(long.clone(), true), (format!("-{long}"), true), (format!("{long}.0"), false)]
    {
        let text = format!("[0,{number}]");
        assert_eq!(scanned(&text).is_some(), is_good);
        assert_eq!(expected(&text).is_some(), is_good);
    }
}

#[test]
fn arrays_of_fewer_elements_are_refused() {
    for text in ["", "[", "[]", "[1]", "[1,]", "[1,2", "[1,2,]", "[1,2]]", "{\"a\":1,\"b\":2}", "[1 2]"] {
        assert_eq!(scanned(text), None, "{text}");
    }
    assert_eq!(scanned(" [ 1 , {\"a\":[ ] } , 3 ] "), Some(vec!["1", "{\"a\":[ ] }"]));
}
