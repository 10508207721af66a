//! Section 7: the end of a connection.

use vestibule_tests::ws::{
    Frame,
    opcode::{CLOSE, CONTINUATION, PING, TEXT},
};

use super::case::{
    Answer::{self, Close},
    Way::{Chops, Together},
    beat_frame, beaten, case, piece, run,
};

fn close(code: u16, reason: &str) -> Frame {
    Frame::close(Some(code), reason)
}

#[test]
fn frames_after_a_close_are_ignored() {
    let bye = || close(1000, "");
    let ping = || Frame::new(PING, "late");
    let large =
        || Frame::text(&format!(r#"[null,"beat","phoenix","heartbeat","{}"]"#, "x".repeat(256 * 1024)));
    run(&[
        case("7.1.1", "a message before it", Together, [beat_frame(), bye()], [beaten(), Close(1000)]),
        case("7.1.2", "a second close", Together, [bye(), bye()], [Close(1000)]),
        case("7.1.3", "a ping", Together, [bye(), ping()], [Close(1000)]),
        case("7.1.4", "a message", Together, [bye(), beat_frame()], [Close(1000)]),
        case(
            "7.1.5",
            "the rest of a message",
            Together,
            [piece(TEXT, false, "[null"), bye(), piece(CONTINUATION, true, "]")],
            [Close(1000)],
        ),
        case(
            "7.1.6",
            "a ping, and a large message before it",
            Together,
            [large(), bye(), ping()],
            [beaten(), Close(1000)],
        ),
        case("7.1.+", "nothing, byte by byte", Chops(1), [close(1000, "bye")], [Close(1000)]),
    ]);
}

#[test]
fn close_payloads_are_checked() {
    let (longest, too_long) = ("*".repeat(123), "*".repeat(124));
    let not_utf8 = Frame::new(CLOSE, [&b"\x03\xe8"[..], b"\xce\xba\xe1\xed\xa0\x80"].concat());
    run(&[
        case("7.3.1", "none", Together, [Frame::close(None, "")], [Close(1000)]),
        case("7.3.2", "one byte", Together, [Frame::new(CLOSE, [0x03])], [Close(1002)]),
        case("7.3.3", "a code", Together, [close(1000, "")], [Close(1000)]),
        case("7.3.4", "a code and a reason", Together, [close(1000, "Hello World!")], [Close(1000)]),
        case("7.3.5", "the longest reason", Together, [close(1000, &longest)], [Close(1000)]),
        case("7.3.6", "a longer one", Together, [close(1000, &too_long)], [Close(1002)]),
        case("7.5.1", "a reason that is not UTF-8", Together, [not_utf8], [Close(1002)]),
    ]);
}

#[test]
fn close_codes_are_checked() {
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    // Registered since; the suite does not know them.
    let registered = [1012, 1013, 1014];
    let invalid = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999];
    let beyond = [5000, 65_535];
    let rows = |group: &str, codes: &[u16], about, answer: Answer| {
        let row = |(number, code): (usize, &u16)| {
            case(format!("{group}.{}", number + 1), about, Together, [close(*code, "")], [answer.clone()])
        };
        run(&codes.iter().enumerate().map(row).collect::<Vec<_>>());
    };
    rows("7.7", &valid, "a code of the RFC or an application's", Close(1000));
    rows("7.7.+", &registered, "a code registered with IANA", Close(1000));
    rows("7.9", &invalid, "a code that nobody may send", Close(1002));
    rows("7.13", &beyond, "no code", Close(1002));
}
