//! Integers have no range: Phoenix's are limited by memory only, and so are those that pass through
//! here.

use vestibule_tests::ws::{PATIENCE, Received, opcode};

use super::{Client, connect, joined};

/// Lengths around the limits of a 64-bit integer and a 64-bit float.
const DIGITS: [usize; 6] = [19, 20, 308, 309, 310, 5000];

/// The next frame's raw text: a parser could not represent the number.
fn text(socket: &mut Client) -> String {
    match socket.receive(PATIENCE) {
        Ok(Received::Frame(frame)) if frame.opcode == opcode::TEXT => {
            String::from_utf8(frame.payload).expect("a text")
        }
        other => panic!("expected a text frame, got {other:?}"),
    }
}

fn long(digits: usize) -> [String; 2] {
    let digits = "9".repeat(digits);
    [digits.clone(), format!("-{digits}")]
}

#[test]
fn long_integers_pass_through_in_payloads() {
    let mut socket = joined("room:long_payload");
    for number in DIGITS.into_iter().flat_map(long) {
        let payload = format!(r#"{{"n":{number},"in":[{number}]}}"#);
        socket
            .send_text(&format!(r#"["1","2","room:long_payload","echo",{payload}]"#))
            .expect("a connection");
        assert_eq!(
            text(&mut socket),
            format!(r#"["1","2","room:long_payload","phx_reply",{{"response":{payload},"status":"ok"}}]"#)
        );
    }
}

#[test]
fn long_integers_pass_through_as_refs_and_join_refs() {
    for number in DIGITS.into_iter().flat_map(long) {
        let mut socket = connect();
        let topic = "room:long_refs";
        socket.send_text(&format!(r#"[{number},{number},"{topic}","phx_join",{{}}]"#)).expect("a connection");
        socket.send_text(&format!(r#"[{number},{number}0,"{topic}","ok_only",{{}}]"#)).expect("a connection");
        for reference in [&number, &format!("{number}0")] {
            let answer =
                format!(r#"[{number},{reference},"{topic}","phx_reply",{{"response":{{}},"status":"ok"}}]"#);
            assert_eq!(text(&mut socket), answer);
        }
    }
}

#[test]
fn long_integers_pass_through_in_heartbeats() {
    let mut socket = connect();
    for number in DIGITS.into_iter().flat_map(long) {
        socket
            .send_text(&format!(r#"[null,{number},"phoenix","heartbeat",{{"n":{number}}}]"#))
            .expect("a connection");
        let answer = format!(r#"[null,{number},"phoenix","phx_reply",{{"response":{{}},"status":"ok"}}]"#);
        assert_eq!(text(&mut socket), answer);
    }
}

#[test]
fn a_float_out_of_range_is_a_decode_error() {
    for number in ["1e400", "-1e309", &format!("{}.0", "9".repeat(309))] {
        let mut socket = connect();
        socket
            .send_text(&format!(r#"[null,"1","phoenix","heartbeat",{{"n":{number}}}]"#))
            .expect("a connection");
        assert_eq!(socket.expect_close().code, Some(1011), "{number}");
    }
}
