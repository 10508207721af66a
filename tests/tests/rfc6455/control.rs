//! Section 2: pings and pongs.

use vestibule_tests::ws::{Frame, opcode};

use super::case::{
    Answer::{Close, Pong},
    Way::{Chops, Together},
    case, run,
};

fn ping(payload: &[u8]) -> Frame {
    Frame::new(opcode::PING, payload)
}

fn pong(payload: &[u8]) -> Frame {
    Frame::new(opcode::PONG, payload)
}

#[test]
fn pings_are_answered_and_pongs_ignored() {
    let bytes = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF];
    let ten: Vec<Vec<u8>> = (0..10).map(|number| format!("payload-{number}").into_bytes()).collect();
    let ten_pings = || ten.iter().map(|payload| ping(payload)).collect::<Vec<_>>();
    let ten_answers = || ten.iter().cloned().map(Pong).collect::<Vec<_>>();
    run(&[
        case("2.1", "a ping of nothing", Together, [ping(b"")], [Pong(vec![])]),
        case("2.2", "a ping with a text", Together, [ping(b"Hello")], [Pong(b"Hello".to_vec())]),
        case("2.3", "a ping with bytes that are no text", Together, [ping(&bytes)], [Pong(bytes.to_vec())]),
        case("2.4", "a ping of 125 bytes", Together, [ping(&[0xFE; 125])], [Pong(vec![0xFE; 125])]),
        case("2.5", "a ping of 126 bytes", Together, [ping(&[0xFE; 126])], [Close(1002)]),
        case(
            "2.6",
            "a ping of 125 bytes, byte by byte",
            Chops(1),
            [ping(&[0xFE; 125])],
            [Pong(vec![0xFE; 125])],
        ),
        case("2.7", "a pong that nobody asked for", Together, [pong(b"")], []),
        case("2.8", "one with a payload", Together, [pong(b"unsolicited")], []),
        case("2.9", "one before a ping", Together, [pong(b"unsolicited"), ping(b"x")], [Pong(b"x".to_vec())]),
        case("2.10", "ten pings", Together, ten_pings(), ten_answers()),
        case("2.11", "ten pings, byte by byte", Chops(1), ten_pings(), ten_answers()),
        case("2.+", "a pong of 126 bytes", Together, [pong(&[0; 126])], [Close(1002)]),
    ]);
}
