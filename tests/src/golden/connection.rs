//! One of a transcript's connections: what its client does unasked, and what it has received.

use std::time::{Duration, Instant};

use super::bindings::Bindings;
use super::expected::{Expected, describe};
use super::model::Sent;
use crate::ws::{Frame, MASK, Received, Socket, opcode};

/// A connection and the state of its conversation.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    /// What the server may send before the next required message.
    optional: Vec<Expected>,
    /// Whether the client has sent a close frame.
    closed: bool,
    /// Whether the server has ended the connection, as expected.
    ended: bool,
}

impl Connection {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, optional: Vec::new(), closed: false, ended: false }
    }

    pub(super) fn send(&mut self, sent: &[&Sent], bindings: &Bindings) -> Result<(), String> {
        let bytes = bytes(sent, bindings)?;
        self.note_sent(sent);
        self.send_raw(&bytes)
    }

    /// Sends each byte in a TCP write of its own.
    pub(super) fn send_each_byte(&mut self, sent: &Sent, bindings: &Bindings) -> Result<(), String> {
        bytes(&[sent], bindings)?.iter().try_for_each(|byte| self.send_raw(&[*byte]))
    }

    /// Records what has been sent.
    pub(super) fn note_sent(&mut self, sent: &[&Sent]) {
        let is_close =
            |sent: &&Sent| matches!(sent, Sent::Frame { frame, .. } if frame.opcode == opcode::CLOSE);
        self.closed |= sent.iter().any(is_close);
    }

    fn send_raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.socket.send_raw(bytes).map_err(|error| format!("could not send: {error}"))
    }

    /// Allows the server to send this before the next required message.
    pub(super) fn allow(&mut self, expected: Expected) {
        self.optional.push(expected);
    }

    /// Waits for a required message.
    pub(super) fn expect(
        &mut self,
        expected: &Expected,
        bindings: &mut Bindings,
        within: Duration,
    ) -> Result<(), String> {
        loop {
            let got = self.receive(within)?;
            match expected.check(&got, bindings) {
                Ok(()) => {
                    self.optional.clear();
                    self.follow(&got);
                    return Ok(());
                }
                Err(_) if self.is_optional(&got, bindings) => {}
                Err(error) => return Err(format!("got {error}")),
            }
        }
    }

    /// Waits for all of these, in any order.
    pub(super) fn expect_any_order(
        &mut self,
        expected: &[Expected],
        bindings: &mut Bindings,
        within: Duration,
    ) -> Result<(), String> {
        if !self.optional.is_empty() {
            return Err(
                "a recv_any_order behind a recv_optional, which the runner does not understand".to_owned()
            );
        }
        // Receive all of them before comparing: one may bind a value that an earlier one uses.
        let mut got = Vec::new();
        while got.len() < expected.len() {
            match self.receive(within)? {
                received @ (Received::Frame(_) | Received::Close(_)) => got.push(received),
                other => return Err(format!("got {} behind {}", describe(&other), describe_all(&got))),
            }
        }
        match assign(expected, &got, bindings) {
            Some(learnt) => *bindings = learnt,
            None => return Err(format!("got {}", describe_all(&got))),
        }
        for received in &got {
            self.follow(received);
        }
        Ok(())
    }

    /// Checks that nothing comes. The end of a connection that has been closed counts as nothing.
    pub(super) fn expect_nothing(&mut self, bindings: &mut Bindings, during: Duration) -> Result<(), String> {
        let deadline = Instant::now() + during;
        loop {
            let got = self.receive(deadline.saturating_duration_since(Instant::now()))?;
            match got {
                Received::Nothing => return Ok(()),
                Received::Eof | Received::Reset if self.ended || self.closed => return Ok(()),
                got if self.is_optional(&got, bindings) => {}
                got => return Err(format!("got {}", describe(&got))),
            }
        }
    }

    fn receive(&mut self, within: Duration) -> Result<Received, String> {
        self.socket.receive(within).map_err(|error| format!("got an error: {error}"))
    }

    /// Whether this is an allowed message; each may come once.
    fn is_optional(&mut self, got: &Received, bindings: &mut Bindings) -> bool {
        let position = self.optional.iter().position(|expected| expected.check(got, bindings).is_ok());
        position.map(|position| self.optional.remove(position)).is_some()
    }

    /// Reacts to a message as a client does.
    fn follow(&mut self, got: &Received) {
        match got {
            Received::Close(close) if !self.closed => {
                self.socket.answer_close(close);
                self.closed = true;
            }
            Received::Eof | Received::Reset => self.ended = true,
            _ => {}
        }
    }
}

pub(super) fn bytes(sent: &[&Sent], bindings: &Bindings) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for sent in sent {
        match sent {
            Sent::Text(text) => bytes.extend(Frame::text(&bindings.fill(text)?).to_bytes(Some(MASK))),
            Sent::Frame { frame, masked } => bytes.extend(frame.to_bytes(masked.then_some(MASK))),
            Sent::Raw(raw) => bytes.extend(raw),
        }
    }
    Ok(bytes)
}

/// Assigns each expected message to a received one. Returns the resulting bindings, or nothing if
/// no order matches.
fn assign(expected: &[Expected], got: &[Received], bindings: &Bindings) -> Option<Bindings> {
    let Some((first, others)) = expected.split_first() else { return Some(bindings.clone()) };
    got.iter().enumerate().find_map(|(index, received)| {
        let mut learnt = bindings.clone();
        first.check(received, &mut learnt).ok()?;
        let rest = [&got[..index], &got[index + 1..]].concat();
        assign(others, &rest, &learnt)
    })
}

fn describe_all(got: &[Received]) -> String {
    let got: Vec<String> = got.iter().map(describe).collect();
    format!("[{}]", got.join(", "))
}
