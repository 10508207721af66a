//! Section 6: texts are UTF-8. A text that is not is refused once it is complete.

use vestibule_tests::ws::{Frame, opcode::TEXT};

use super::case::{
    Answer::Close,
    Case,
    Way::{Chops, Frames, Together},
    case, echo, echoed, fragments, run,
};

/// "κόσμε".
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// A text with these bytes inside, fragmented every `cut` bytes.
fn text(id: impl Into<String>, about: &'static str, inside: &[u8], is_good: bool, cut: usize) -> Case {
    // A text may contain a control character, but JSON may not: then only the refusal can be
    // checked.
    let is_json = !inside.iter().any(u8::is_ascii_control) || inside == b"\x7f";
    let whole = if is_json { echo(inside) } else { inside.to_vec() };
    let frames = fragments(TEXT, &whole.chunks(cut).collect::<Vec<_>>());
    let answer = match (is_good, is_json) {
        (true, true) => echoed(inside),
        (true, false) => Close(1011),
        (false, _) => Close(1007),
    };
    case(id, about, Together, frames, [answer])
}

const WHOLE: usize = usize::MAX;

#[test]
fn empty_texts_and_fragments_are_read() {
    let kosme = echo(KOSME);
    run(&[
        case("6.1.1", "of no bytes", Together, [Frame::text("")], [Close(1011)]),
        case(
            "6.1.2",
            "in three fragments of none",
            Together,
            fragments(TEXT, &[b"", b"", b""]),
            [Close(1011)],
        ),
        case(
            "6.1.3",
            "whose second fragment is all",
            Together,
            fragments(TEXT, &[b"", &kosme, b""]),
            [echoed(KOSME)],
        ),
    ]);
}

#[test]
fn fragmented_texts_must_be_utf8() {
    let valid = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let invalid = &[KOSME, b"\xed\xa0\x80edited"].concat()[..];
    let (head, tail) = (echo(valid)[..29].to_vec(), echo(valid)[29..].to_vec());
    run(&[
        text("6.2.1", "valid, in one frame", valid, true, WHOLE),
        case("6.2.2", "valid, in two", Together, fragments(TEXT, &[&head, &tail]), [echoed(valid)]),
        text("6.2.3", "valid, a fragment for each byte", valid, true, 1),
        text("6.2.4", "the same of another text", KOSME, true, 1),
        text("6.3.1", "invalid, in one frame", invalid, false, WHOLE),
        text("6.3.2", "invalid, a fragment for each byte", invalid, false, 1),
    ]);
}

#[test]
fn a_text_that_turns_invalid_is_refused() {
    let beyond = b"\xf4\x90\x80\x80";
    let parts: [&[u8]; 3] = [KOSME, beyond, b"edited"];
    let within: [&[u8]; 3] = [&[KOSME, b"\xf4"].concat(), b"\x90", b"\x80\x80edited"];
    let whole = || [Frame::new(TEXT, parts.concat())];
    run(&[
        case("6.4.1", "in its second fragment", Frames, fragments(TEXT, &parts), [Close(1007)]),
        case("6.4.2", "within a character", Frames, fragments(TEXT, &within), [Close(1007)]),
        case("6.4.3", "in one frame, written in pieces", Chops(17), whole(), [Close(1007)]),
        case("6.4.4", "in one frame, written byte by byte", Chops(1), whole(), [Close(1007)]),
    ]);
}

/// The group's number, its description, whether its sequences are valid, and the sequences.
type Group = (u8, &'static str, bool, &'static [&'static [u8]]);

const GROUPS: [Group; 17] = [
    (5, "valid", true, &[b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", KOSME]),
    (7, "the first of each length", true, &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    (8, "of five and six bytes", false, &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    (9, "the last of each length", true, &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    (10, "beyond the last character", false, &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    (11, "around the surrogates, and the last", true, &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
    (12, "continuations alone", false, &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf", b"\x80\xbf\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"]),
    (14, "the last continuation missing", false, &[b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]),
    (15, "all of those in a row", false, &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"]),
    (16, "bytes that are never there", false, &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    (17, "overlong", false, &[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"]),
    (18, "the last overlong of each length", false, &[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"]),
    (19, "NUL, overlong", false, &[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"]),
    (20, "single surrogates", false, &[b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"]),
    (21, "paired surrogates", false, &[b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf", b"\xed\xad\xbf\xed\xb0\x80", b"\xed\xad\xbf\xed\xbf\xbf", b"\xed\xae\x80\xed\xb0\x80", b"\xed\xae\x80\xed\xbf\xbf", b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"]),
    (23, "specials", true, &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xbf"]),
    (24, "beyond the last, by one", false, &[b"\xf4\x90\x80\x80"]),
];

#[test]
fn utf8_sequences_are_checked() {
    let mut cases = Vec::new();
    for (group, about, is_good, sequences) in GROUPS {
        for (number, sequence) in sequences.iter().enumerate() {
            cases.push(text(format!("6.{group}.{}", number + 1), about, sequence, is_good, WHOLE));
        }
    }
    run(&cases);
}

#[test]
fn prefixes_that_split_a_character_are_refused() {
    let prefixes = (1..=KOSME.len()).map(|length| &KOSME[..length]);
    let is_whole = |prefix: &[u8]| str::from_utf8(prefix).is_ok();
    let row = |(number, prefix): (usize, &[u8])| {
        text(format!("6.6.{}", number + 1), "a prefix", prefix, is_whole(prefix), WHOLE)
    };
    run(&prefixes.enumerate().map(row).collect::<Vec<_>>());
}

#[test]
fn lone_lead_and_continuation_bytes_are_refused() {
    let all_of = |from: u8, to: u8| (from..=to).flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>();
    let rows = [(0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD)];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .enumerate()
        .map(|(number, (from, to))| {
            text(format!("6.13.{}", number + 1), "a beginning and a space", &all_of(from, to), false, WHOLE)
        })
        .collect();
    cases.push(text("6.12.8", "all continuations", &(0x80..=0xBF).collect::<Vec<u8>>(), false, WHOLE));
    run(&cases);
}

#[test]
fn noncharacters_are_accepted() {
    let mut cases = Vec::new();
    for plane in 0..=16 {
        for last in [0xFFFE, 0xFFFF] {
            let character = char::from_u32(plane << 16 | last).expect("a code point");
            let id = format!("6.22.{}", cases.len() + 1);
            cases.push(text(id, "are UTF-8", character.to_string().as_bytes(), true, WHOLE));
        }
    }
    run(&cases);
}
