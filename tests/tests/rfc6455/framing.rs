//! Section 1: frames of all lengths. 3: reserved bits. 4: reserved opcodes. And, beyond the suite,
//! lengths and bad frames after good ones.

use vestibule_tests::ws::{Frame, opcode};

use super::case::{
    Answer::{Close, Pong},
    Way::{Chops, Frames, Together},
    beat, beat_frame, beaten, binary_of, case, run, text_of,
};

#[test]
fn frames_of_all_lengths_are_read() {
    let mut cases = vec![
        case("1.1.1", "a text of no bytes is no message", Together, [Frame::text("")], [Close(1011)]),
        case("1.2.1", "nor are no bytes at all", Together, [Frame::binary("")], [Close(1011)]),
    ];
    let rows = [
        (2, 125, Together),
        (3, 126, Together),
        (4, 127, Together),
        (5, 128, Together),
        (6, 65_535, Together),
        (7, 65_536, Together),
        (8, 65_536, Chops(997)),
    ];
    for (number, length, way) in rows {
        let (text, answer) = text_of(length);
        let about = "a text at the edge of a length's form";
        cases.push(case(format!("1.1.{number}"), about, way, [Frame::new(opcode::TEXT, text)], [answer]));
        let (bytes, answer) = binary_of(length);
        let about = "bytes at the edge of a length's form";
        cases.push(case(format!("1.2.{number}"), about, way, [Frame::binary(bytes)], [answer]));
    }
    run(&cases);
}

fn reserved(rsv: u8, frame: Frame) -> Frame {
    Frame { rsv, ..frame }
}

#[test]
fn reserved_bits_are_refused() {
    let text = |rsv| reserved(rsv, beat_frame());
    let ping = || Frame::new(opcode::PING, "");
    let (answered, stop) = (beaten, || Close(1002));
    run(&[
        case("3.1", "RSV3 on a text", Together, [text(1)], [stop()]),
        case(
            "3.2",
            "RSV2 on the second text",
            Together,
            [beat_frame(), text(2), ping()],
            [answered(), stop()],
        ),
        case("3.3", "RSV2 and RSV3", Frames, [beat_frame(), text(3), ping()], [answered(), stop()]),
        case("3.4", "RSV1", Chops(1), [beat_frame(), text(4), ping()], [answered(), stop()]),
        case("3.5", "RSV1 and RSV3 on bytes", Together, [reserved(5, Frame::binary([0xFF; 8]))], [stop()]),
        case(
            "3.6",
            "RSV1 and RSV2 on a ping",
            Together,
            [reserved(6, Frame::new(opcode::PING, "x"))],
            [stop()],
        ),
        case(
            "3.7",
            "all of them on a close",
            Together,
            [reserved(7, Frame::close(Some(1000), ""))],
            [stop()],
        ),
        case(
            "3.+",
            "RSV1 on a continuation",
            Together,
            [Frame { fin: false, ..beat_frame() }, reserved(4, Frame::new(opcode::CONTINUATION, ""))],
            [stop()],
        ),
    ]);
}

#[test]
fn reserved_opcodes_are_refused() {
    let mut cases = Vec::new();
    for (group, first) in [(1, 3), (2, 11)] {
        for number in 1..=5 {
            let payload = if number % 2 == 0 { beat() } else { Vec::new() };
            let bad = Frame::new(first + number - 1, payload);
            let id = format!("4.{group}.{number}");
            let ping = Frame::new(opcode::PING, "");
            cases.push(match number {
                1 | 2 => case(id, "a reserved opcode", Together, [bad], [Close(1002)]),
                _ => {
                    let way = [Together, Frames, Chops(1)][usize::from(number - 3)];
                    let frames = [beat_frame(), bad, ping];
                    case(id, "a reserved opcode behind a message", way, frames, [beaten(), Close(1002)])
                }
            });
        }
    }
    run(&cases);
}

#[test]
fn frames_before_a_bad_one_are_answered() {
    let ping = || Frame::new(opcode::PING, "before");
    let not_utf8 = Frame::new(opcode::TEXT, [0xFF]);
    let too_long = Frame { opcode: opcode::PING, ..Frame::binary([0; 126]) };
    let bad_close = Frame::close(Some(1005), "");
    for (bad, code) in
        [(not_utf8, 1007), (too_long, 1002), (bad_close, 1002), (Frame::text("no message"), 1011)]
    {
        let frames = [ping(), beat_frame(), bad, ping()];
        let answers = [Pong(b"before".to_vec()), beaten(), Close(code)];
        run(&[case("+", "a bad frame behind two good ones", Together, frames, answers)]);
    }
}
