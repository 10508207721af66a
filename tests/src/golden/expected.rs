//! A message that the server is expected to send, and its comparison with the received one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::bindings::Bindings;
use super::pattern::Pattern;
use crate::ws::{Close, Frame, Received, opcode};

/// A message that is required on a connection.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    Text {
        json: Option<Pattern>,
        raw: Option<String>,
    },
    /// A frame, compared exactly.
    Frame(Frame),
    Close(Close),
    /// The end of the TCP connection.
    End,
}

impl Expected {
    /// Compares a received message. Values are remembered only if it matches.
    pub(super) fn check(&self, got: &Received, bindings: &mut Bindings) -> Result<(), String> {
        match (self, got) {
            (Self::Text { json, raw }, Received::Frame(frame))
                if *frame == Frame::new(opcode::TEXT, &*frame.payload) =>
            {
                let text = std::str::from_utf8(&frame.payload)
                    .map_err(|_| format!("no UTF-8: {}", describe(got)))?;
                if raw.as_ref().is_some_and(|raw| raw != text) {
                    return Err(describe(got));
                }
                if let Some(json) = json {
                    let value: Value =
                        serde_json::from_str(text).map_err(|error| format!("no JSON ({error}): {text}"))?;
                    let mut learnt = bindings.clone();
                    json.check(&value, &mut learnt)
                        .map_err(|error| format!("{}\n  {error}", describe(got)))?;
                    *bindings = learnt;
                }
                Ok(())
            }
            (Self::Frame(expected), Received::Frame(frame)) if expected == frame => Ok(()),
            (Self::Close(expected), Received::Close(close)) if expected == close => Ok(()),
            // Bytes of the client may still have been in flight when the server closed, and TCP
            // turns that into a reset. It is the end all the same.
            (Self::End, Received::Eof | Received::Reset) => Ok(()),
            (_, got) => Err(describe(got)),
        }
    }
}

/// Describes a received message in a report.
pub(super) fn describe(got: &Received) -> String {
    match got {
        Received::Frame(frame) if frame.opcode == opcode::TEXT && frame.fin && frame.rsv == 0 => {
            format!("text {}", String::from_utf8_lossy(&frame.payload))
        }
        Received::Frame(Frame { fin, rsv, opcode, payload }) => {
            format!("frame opcode {opcode} fin {fin} rsv {rsv} base64 {:?}", STANDARD.encode(payload))
        }
        Received::Close(Close { code, reason }) => match code {
            Some(code) => format!("close {code} {reason:?}"),
            None => "close without a code".to_owned(),
        },
        Received::Eof => "the connection's end".to_owned(),
        Received::Reset => "the connection's reset".to_owned(),
        Received::Nothing => "nothing".to_owned(),
    }
}
