//! Section 5: fragmented messages.

use vestibule_tests::ws::{
    Frame,
    opcode::{BINARY, CONTINUATION, PING, PONG, TEXT},
};

use super::case::{
    Answer::{Close, Pong},
    Way::{Chops, Frames, Together},
    beat, beat_frame, beaten, case, echo_bytes, echoed_bytes, fragments, piece, run,
};

/// A heartbeat in two fragments, with other frames in between.
fn halves(between: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
    let text = beat();
    let (head, tail) = text.split_at(10);
    let mut frames = vec![piece(TEXT, false, head)];
    frames.extend(between);
    frames.push(piece(CONTINUATION, true, tail));
    frames
}

#[test]
fn fragmented_control_frames_are_refused() {
    for (id, opcode, way) in [("5.1", PING, Together), ("5.2", PONG, Together), ("5.+", PING, Chops(1))] {
        let frames = [piece(opcode, false, "frag"), piece(CONTINUATION, true, "ment")];
        run(&[case(id, "a control frame in two", way, frames, [Close(1002)])]);
    }
}

#[test]
fn fragmented_messages_are_assembled() {
    let ping = || Frame::new(PING, "between");
    let answered = || Pong(b"between".to_vec());
    let five = || {
        let text = beat();
        let mut frames = fragments(TEXT, &text.chunks(8).collect::<Vec<_>>());
        frames.insert(4, ping());
        frames.insert(2, ping());
        frames
    };
    let mut cases = vec![
        case(
            "5.19",
            "five fragments, a ping behind the second and the fourth",
            Together,
            five(),
            [answered(), answered(), beaten()],
        ),
        case("5.20", "the same", Frames, five(), [answered(), answered(), beaten()]),
        case(
            "5.+",
            "bytes",
            Together,
            fragments(BINARY, &echo_bytes(b"\xff\x00").chunks(5).collect::<Vec<_>>()),
            [echoed_bytes(b"\xff\x00")],
        ),
        case(
            "5.+",
            "empty fragments among the others",
            Together,
            fragments(TEXT, &[b"", &beat(), b"", b""]),
            [beaten()],
        ),
    ];
    for (whole, with_ping, way) in
        [("5.3", "5.6", Together), ("5.4", "5.7", Frames), ("5.5", "5.8", Chops(1))]
    {
        cases.push(case(whole, "a text in two", way, halves([]), [beaten()]));
        cases.push(case(with_ping, "a ping in between", way, halves([ping()]), [answered(), beaten()]));
    }
    run(&cases);
}

#[test]
fn a_continuation_without_a_start_is_refused() {
    let mut cases = Vec::new();
    for (fin, ids) in [(true, ["5.9", "5.10", "5.11"]), (false, ["5.12", "5.13", "5.14"])] {
        for (id, way) in ids.into_iter().zip([Together, Frames, Chops(1)]) {
            let frames = [piece(CONTINUATION, fin, "non-continuation"), beat_frame()];
            cases.push(case(id, "a continuation before any message", way, frames, [Close(1002)]));
        }
    }
    let mut after_whole = halves([]);
    after_whole.extend([piece(CONTINUATION, false, "fragment"), beat_frame()]);
    cases.push(case("5.15", "one behind a whole message", Together, after_whole, [beaten(), Close(1002)]));
    for (id, fin) in [("5.16", false), ("5.17", true)] {
        let mut frames = vec![piece(CONTINUATION, fin, "fragment")];
        frames.extend(halves([]));
        cases.push(case(id, "one before a message in two", Together, frames, [Close(1002)]));
    }
    run(&cases);
}

#[test]
fn a_message_within_a_message_is_refused() {
    for (id, second) in [("5.18", TEXT), ("5.+", BINARY)] {
        for fin in [true, false] {
            let frames = [piece(TEXT, false, "fragment1"), piece(second, fin, "fragment2")];
            run(&[case(id, "a second beginning", Together, frames, [Close(1002)])]);
        }
    }
}
