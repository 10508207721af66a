//! A client's WebSocket.

use serde_json::{Value, json};

use super::super::super::expected::Expected;
use super::super::super::fields::{Fields, bytes, list, text};
use super::super::super::model::{Action, Sent, Step, Writes};
use super::super::super::pattern::Pattern;
use super::super::exchange::exchange;
use super::super::frames::close_code;
use super::{
    REPLY, binary_reference, json, reference, replied, request_line, step, waited_for, with_placeholders,
};
use crate::ws::{Close, Frame};

/// A message of either side.
enum Message {
    Text(String),
    Binary(Vec<u8>),
    Close(Close),
}

pub(super) fn steps(connection: Value) -> Result<Vec<Step>, String> {
    let mut fields = Fields::of(connection, "a connection")?;
    let open = open(&mut fields)?;
    let sent = messages(fields.required("client_frames")?)?;
    let received = messages(fields.required("server_frames")?)?;
    fields.done()?;
    let refs = sent.iter().map(refs).collect::<Result<Vec<_>, _>>()?;
    let replies = received.iter().map(reply).collect::<Result<Vec<_>, _>>()?;
    let before_close = received.iter().take_while(|message| !matches!(message, Message::Close(_))).count();

    let mut steps = vec![open];
    let mut known = Vec::new();
    let mut received = received.into_iter().enumerate().peekable();
    let mut receive = |steps: &mut Vec<Step>, upto: usize| -> Result<(), String> {
        while let Some((_, message)) = received.next_if(|(index, _)| *index < upto) {
            steps.push(message.received(&mut known)?);
        }
        Ok(())
    };
    for (message, upto) in sent.into_iter().zip(waited_for(&refs, &replies[..before_close])) {
        if matches!(message, Message::Close(_)) {
            // A client that is about to close has received everything: the server sends nothing
            // after its own close.
            receive(&mut steps, before_close)?;
        }
        steps.push(message.sent());
        receive(&mut steps, upto)?;
    }
    receive(&mut steps, usize::MAX)?;
    Ok(steps)
}

fn open(fields: &mut Fields) -> Result<Step, String> {
    let line = fields.text("request")?;
    let (_, path, query) = request_line(&line)?;
    let mut headers = fields.required("headers")?;
    if let Some(headers) = headers.as_object_mut() {
        // Recorded as "<random>"; the default one serves as well.
        headers.remove("sec-websocket-key");
    }
    let response = fields.text("response")?;
    let status = response.strip_prefix("HTTP/1.1 101 ").map(|_| 101);
    let request = json!({ "path": path, "query": query, "headers": headers });
    let response = json!({ "status": status, "headers": fields.required("response_headers")? });
    Ok(step(Action::Open { exchange: exchange(request, response)?, pipelined: false }, line))
}

fn messages(value: Value) -> Result<Vec<Message>, String> {
    list(value)?.into_iter().map(message).collect()
}

fn message(value: Value) -> Result<Message, String> {
    let mut fields = Fields::of(value, "a frame")?;
    let message = if let Some(value) = fields.optional("text") {
        Message::Text(text(value)?)
    } else if let Some(value) = fields.optional("binary_base64") {
        Message::Binary(bytes(value)?)
    } else {
        let code = close_code(&fields.required("close")?)?;
        Message::Close(Close { code, reason: fields.text("reason")? })
    };
    fields.done()?;
    Ok(message)
}

/// The refs that replies to a client's message carry.
fn refs(message: &Message) -> Result<Vec<Value>, String> {
    Ok(match message {
        Message::Text(text) => vec![reference(&json(text)?)],
        Message::Binary(bytes) => binary_reference(bytes).into_iter().collect(),
        Message::Close(_) => Vec::new(),
    })
}

fn reply(message: &Message) -> Result<Option<Value>, String> {
    Ok(match message {
        Message::Text(text) => replied(&json(text)?),
        Message::Binary(bytes) if bytes.first() == Some(&REPLY) => binary_reference(bytes),
        Message::Binary(_) | Message::Close(_) => None,
    })
}

impl Message {
    fn sent(self) -> Step {
        let frame = |frame| Sent::Frame { frame, masked: true };
        let source = self.describe("the client sends");
        let sent = match self {
            Self::Text(text) => Sent::Text(text),
            Self::Binary(bytes) => frame(Frame::binary(bytes)),
            Self::Close(Close { code, reason }) => frame(Frame::close(code, &reason)),
        };
        step(Action::Send { sent, writes: Writes::One }, source)
    }

    fn received(self, known: &mut Vec<String>) -> Result<Step, String> {
        let source = self.describe("the server sends");
        let expected = match self {
            Self::Text(text) => {
                let json = Pattern::parse(with_placeholders(json(&text)?, known))?;
                Expected::Text { json: Some(json), raw: None }
            }
            Self::Binary(bytes) => Expected::Frame(Frame::binary(bytes)),
            Self::Close(close) => Expected::Close(close),
        };
        Ok(step(Action::Receive(expected), source))
    }

    fn describe(&self, who: &str) -> String {
        match self {
            Self::Text(text) => format!("{who} {text}"),
            Self::Binary(bytes) => format!("{who} bytes {bytes:?}"),
            Self::Close(close) => format!("{who} {close:?}"),
        }
    }
}
