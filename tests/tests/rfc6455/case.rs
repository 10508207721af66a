//! A case: frames, how they are written, and the expected answers.

use std::{
    fmt::Write as _,
    net::{Shutdown, SocketAddr},
};

use serde_json::json;
use vestibule_tests::{
    process::Shared,
    ws::{Frame, Handshake, MASK, PATIENCE, Received, Socket, opcode},
};

static SERVER: Shared = Shared::playground();

const TOPIC: &str = "room:rfc";

/// How the bytes of a case's frames are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Together,
    /// A write for each frame.
    Frames,
    /// A write for each piece of this many bytes.
    Chops(usize),
}

/// An expected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame with this code, and then the end of the connection.
    Close(u16),
}

/// One case. A connection that is not closed in it must be open and silent afterwards.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) about: &'static str,
    pub(crate) frames: Vec<Frame>,
    pub(crate) way: Way,
    pub(crate) answers: Vec<Answer>,
}

/// A row of a table.
pub(crate) fn case(
    id: impl Into<String>,
    about: &'static str,
    way: Way,
    frames: impl Into<Vec<Frame>>,
    answers: impl Into<Vec<Answer>>,
) -> Case {
    Case { id: id.into(), about, frames: frames.into(), way, answers: answers.into() }
}

/// Runs a table of cases, and reports how each of them fails.
pub(crate) fn run(cases: &[Case]) {
    let server = SERVER.server();
    let mut failed = String::new();
    for case in cases {
        if let Err(problem) = case.run(server.address()) {
            writeln!(failed, "{} {} ({:?}): {problem}", case.id, case.about, case.way).expect("a text");
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

impl Case {
    fn run(&self, server: SocketAddr) -> Result<(), String> {
        let mut socket = joined(server);
        let frames: Vec<Vec<u8>> = self.frames.iter().map(|frame| frame.to_bytes(Some(MASK))).collect();
        let writes: Vec<Vec<u8>> = match self.way {
            Way::Together => vec![frames.concat()],
            Way::Frames => frames,
            Way::Chops(size) => frames.concat().chunks(size).map(<[u8]>::to_vec).collect(),
        };
        for bytes in writes {
            // The server may have closed already, because of earlier bytes.
            if socket.send_raw(&bytes).is_err() {
                break;
            }
        }
        for expected in &self.answers {
            let answer = receive(&mut socket)?;
            if answer.as_ref() != Some(expected) {
                return Err(format!("expected {}, got {}", shown(Some(expected)), shown(answer.as_ref())));
            }
        }
        match self.answers.last() {
            Some(Answer::Close(_)) => ended(&mut socket),
            _ => still_open(&mut socket),
        }
    }
}

fn joined(server: SocketAddr) -> Socket {
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
    let mut socket = handshake.open(server).expect("a connection").accepted();
    socket.send_json(&json!(["1", "1", TOPIC, "phx_join", {}]));
    assert_eq!(socket.expect_json()[4]["status"], "ok");
    socket
}

/// The next answer; nothing at the end of the connection.
fn receive(socket: &mut Socket) -> Result<Option<Answer>, String> {
    match socket.receive(PATIENCE).map_err(|error| error.to_string())? {
        Received::Frame(frame) => Ok(Some(match frame.opcode {
            opcode::TEXT => Answer::Text(frame.payload),
            opcode::BINARY => Answer::Binary(frame.payload),
            opcode::PONG => Answer::Pong(frame.payload),
            other => return Err(format!("a frame of opcode {other}")),
        })),
        Received::Close(close) => {
            socket.answer_close(&close);
            Ok(Some(Answer::Close(close.code.unwrap_or_default())))
        }
        Received::Eof | Received::Reset => Ok(None),
        Received::Nothing => Err("nothing came".to_owned()),
    }
}

/// Closes the sending side, for which the server waits a second, and checks that nothing more
/// arrives.
fn ended(socket: &mut Socket) -> Result<(), String> {
    // The server may have closed it itself.
    let _ = socket.writer().and_then(|stream| stream.shutdown(Shutdown::Write));
    receive(socket)?.map_or(Ok(()), |more| Err(format!("after the close came {}", shown(Some(&more)))))
}

fn still_open(socket: &mut Socket) -> Result<(), String> {
    let last = json!([null, "last", "phoenix", "heartbeat", {}]);
    socket.send_text(&last.to_string()).map_err(|error| error.to_string())?;
    match receive(socket)? {
        Some(Answer::Text(text)) if text.starts_with(br#"[null,"last","phoenix","phx_reply""#) => Ok(()),
        other => Err(format!("expected nothing more, got {}", shown(other.as_ref()))),
    }
}

/// A shortened answer, for reports.
fn shown(answer: Option<&Answer>) -> String {
    let text = answer.map_or_else(
        || "the end".to_owned(),
        |answer| match answer {
            Answer::Text(bytes) => format!("the text {:?}", String::from_utf8_lossy(bytes)),
            Answer::Binary(bytes) => format!("the bytes {bytes:02x?}"),
            Answer::Pong(bytes) => format!("the pong {bytes:02x?}"),
            Answer::Close(code) => format!("close {code}"),
        },
    );
    text.chars().take(200).collect()
}

/// A frame with a fragment of a message.
pub(crate) fn piece(opcode: u8, fin: bool, payload: impl Into<Vec<u8>>) -> Frame {
    Frame { fin, ..Frame::new(opcode, payload) }
}

/// A message in fragments with these payloads.
pub(crate) fn fragments(opcode: u8, payloads: &[&[u8]]) -> Vec<Frame> {
    let last = payloads.len() - 1;
    let opcode = |index| if index == 0 { opcode } else { opcode::CONTINUATION };
    payloads
        .iter()
        .enumerate()
        .map(|(index, payload)| piece(opcode(index), index == last, *payload))
        .collect()
}

/// A heartbeat, which the socket answers before it reads on.
pub(crate) fn beat() -> Vec<u8> {
    br#"[null,"beat","phoenix","heartbeat",{}]"#.to_vec()
}

pub(crate) fn beat_frame() -> Frame {
    Frame::new(opcode::TEXT, beat())
}

/// The answer to a heartbeat.
pub(crate) fn beaten() -> Answer {
    Answer::Text(br#"[null,"beat","phoenix","phx_reply",{"response":{},"status":"ok"}]"#.to_vec())
}

/// A message that a channel echoes: a JSON string with these bytes inside.
pub(crate) fn echo(inside: &[u8]) -> Vec<u8> {
    [br#"["1","2","room:rfc","echo",""#, inside, br#""]"#].concat()
}

/// The answer to [`echo`].
pub(crate) fn echoed(inside: &[u8]) -> Answer {
    let head = br#"["1","2","room:rfc","phx_reply",{"response":""#;
    Answer::Text([&head[..], inside, br#"","status":"ok"}]"#].concat())
}

/// A binary message that a channel echoes.
pub(crate) fn echo_bytes(bytes: &[u8]) -> Vec<u8> {
    [&b"\x00\x01\x01\x08\x0412room:rfcecho"[..], bytes].concat()
}

/// The answer to [`echo_bytes`].
pub(crate) fn echoed_bytes(bytes: &[u8]) -> Answer {
    Answer::Binary([&b"\x01\x01\x01\x08\x0212room:rfcok"[..], bytes].concat())
}

/// A text message of `length` bytes, and its answer.
pub(crate) fn text_of(length: usize) -> (Vec<u8>, Answer) {
    let inside = vec![b'*'; length - echo(b"").len()];
    (echo(&inside), echoed(&inside))
}

/// A binary message of `length` bytes, and its answer.
pub(crate) fn binary_of(length: usize) -> (Vec<u8>, Answer) {
    let bytes = vec![0xFE; length - echo_bytes(b"").len()];
    (echo_bytes(&bytes), echoed_bytes(&bytes))
}
