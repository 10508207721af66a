//! Section 9: large messages, in many pieces and often. 10: fragments of any size. The playground
//! has Phoenix's limits.

use vestibule_tests::ws::{
    Frame,
    opcode::{BINARY, TEXT},
};

use super::case::{
    Answer::{self, Close},
    Case,
    Way::{Chops, Frames, Together},
    binary_of, case, fragments, run, text_of,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Both kinds of messages: the group's number, the opcode, and a message of a given length with its
/// answer.
type Kind = (u8, u8, fn(usize) -> (Vec<u8>, Answer));

fn kinds(text: u8) -> [Kind; 2] {
    [(text, TEXT, text_of), (text + 1, BINARY, binary_of)]
}

#[test]
fn large_messages_are_read_up_to_the_limit() {
    for (group, opcode, of) in kinds(1) {
        for (number, length) in [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB].into_iter().enumerate() {
            let (message, answer) = of(length);
            let id = format!("9.{group}.{}", number + 1);
            run(&[case(id, "a large message", Together, [Frame::new(opcode, message)], [answer])]);
        }
        let frame = Frame::new(opcode, vec![b'*'; 16 * MIB]);
        run(&[case(format!("9.{group}.6"), "one above the limit", Together, [frame], [Close(1009)])]);
    }
}

#[test]
fn large_messages_in_fragments_are_read() {
    for (group, opcode, of) in kinds(3) {
        let (message, answer) = of(4 * MIB);
        let sizes = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
        for (number, size) in sizes.into_iter().enumerate() {
            let frames = fragments(opcode, &message.chunks(size).collect::<Vec<_>>());
            let id = format!("9.{group}.{}", number + 1);
            run(&[case(id, "a large message in fragments", Together, frames, [answer.clone()])]);
        }
    }
}

#[test]
fn large_messages_in_small_writes_are_read() {
    for (group, opcode, of) in kinds(5) {
        let (message, answer) = of(MIB);
        for (number, size) in [64, 128, 256, 512, KIB, 2 * KIB].into_iter().enumerate() {
            let frame = Frame::new(opcode, message.clone());
            let id = format!("9.{group}.{}", number + 1);
            run(&[case(id, "a large message in small writes", Chops(size), [frame], [answer.clone()])]);
        }
    }
}

#[test]
fn many_messages_in_a_row_are_answered() {
    // All answers together fit into the outbox of a client that does not read.
    const TIMES: usize = 200;
    for (group, opcode, of) in kinds(7) {
        let row = |(number, length): (usize, usize)| -> Case {
            let (message, answer) = of(length);
            let frames = vec![Frame::new(opcode, message); TIMES];
            let id = format!("9.{group}.{}", number + 1);
            case(id, "one message after the other", Frames, frames, vec![answer; TIMES])
        };
        run(&[64, 256, KIB, 4 * KIB].into_iter().enumerate().map(row).collect::<Vec<_>>());
    }
}

#[test]
fn fragments_may_have_any_size() {
    let (message, answer) = text_of(64 * KIB);
    let frames = fragments(TEXT, &message.chunks(1300).collect::<Vec<_>>());
    run(&[case("10.1.1", "fragments of 1,300 bytes", Together, frames, [answer])]);
}

#[test]
fn empty_fragments_are_limited() {
    let fragments = |number: usize| fragments(TEXT, &vec![&b""[..]; number]);
    run(&[
        case("+", "a thousand of no bytes are no message", Together, fragments(1024), [Close(1011)]),
        case("+", "more of them are too many", Together, fragments(1026), [Close(1009)]),
    ]);
}
