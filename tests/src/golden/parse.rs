//! Reading transcripts. Whatever the runner does not understand is an error.

use std::time::Duration;

use serde_json::Value;

use super::expected::Expected;
use super::fields::{Fields, bytes, list, number, text, texts};
use super::model::{
    Action, Body, Exchange, FIRST_CONNECTION, Query, Request, Response, Sent, Step, Transcript,
};
use super::pattern::Pattern;
use super::response::is_token;
use crate::ws::{Close, Frame, opcode};

/// The actions a test application offers that need nothing but the request.
const SERVER_ACTIONS: [&str; 2] = ["broadcast", "disconnect"];

/// Reads a transcript.
pub(super) fn transcript(value: Value) -> Result<Transcript, String> {
    let mut fields = Fields::of(value, "a transcript")?;
    // Told apart by the name; the rest is for human readers.
    for key in ["name", "about", "runs"] {
        fields.required(key)?;
    }
    let transport = fields.text("transport")?;
    if transport != "websocket" {
        return Err(format!("the transport {transport:?}, which the runner does not understand"));
    }
    let mut steps = Vec::new();
    if let Some(connect) = fields.optional("connect") {
        steps.push(Step {
            connection: FIRST_CONNECTION.to_owned(),
            source: format!("connect {connect}"),
            action: Action::Open(exchange(connect, fields.required("connect_response")?)?),
        });
    }
    for step in list(fields.required("steps")?)? {
        let source = step.to_string();
        steps.push(self::step(step, &source).map_err(|error| format!("{error}\n  in the step {source}"))?);
    }
    fields.done()?;
    Ok(Transcript { steps })
}

fn step(value: Value, source: &str) -> Result<Step, String> {
    let mut fields = Fields::of(value, "a step")?;
    // Both are hints for human readers.
    fields.optional("note");
    fields.optional("after_ms_about");
    let connection = fields.optional("conn").map_or(Ok(FIRST_CONNECTION.to_owned()), text)?;
    let action = if let Some(request) = fields.optional("open") {
        Action::Open(exchange(request, fields.required("response")?)?)
    } else if let Some(name) = fields.optional("server_action") {
        server_action(&text(name)?, &mut fields)?
    } else if let Some(sent) = sent(&mut fields)? {
        Action::Send { sent, pipelined: fields.flag("pipelined")? }
    } else if let Some(value) = fields.optional("tcp_close") {
        truth(&value).map(|()| Action::Hangup)?
    } else if let Some(value) = fields.optional("wait_ms") {
        Action::Wait(milliseconds(&value)?)
    } else if let Some(value) = fields.optional("recv_nothing_ms") {
        Action::ReceiveNothing(milliseconds(&value)?)
    } else if let Some(value) = fields.optional("recv_optional") {
        Action::ReceiveOptional(only_expected(value)?)
    } else if let Some(value) = fields.optional("recv_any_order") {
        Action::ReceiveAnyOrder(list(value)?.into_iter().map(only_expected).collect::<Result<_, _>>()?)
    } else {
        Action::Receive(expected(&mut fields)?)
    };
    fields.done()?;
    Ok(Step { connection, action, source: source.to_owned() })
}

fn server_action(name: &str, fields: &mut Fields) -> Result<Action, String> {
    if !SERVER_ACTIONS.contains(&name) {
        return Err(format!("the server action {name:?}, which the runner does not understand"));
    }
    Ok(Action::Server(exchange(fields.required("http")?, fields.required("response")?)?))
}

/// What the client sends in a step, if it sends.
fn sent(fields: &mut Fields) -> Result<Option<Sent>, String> {
    let masked = |frame| Sent::Frame { frame, masked: true };
    let sent = if let Some(value) = fields.optional("send_text") {
        Sent::Text(text(value)?)
    } else if let Some(value) = fields.optional("send_binary_base64") {
        masked(Frame::binary(bytes(value)?))
    } else if let Some(value) = fields.optional("send_ping_base64") {
        masked(Frame::new(opcode::PING, bytes(value)?))
    } else if let Some(value) = fields.optional("send_pong_base64") {
        masked(Frame::new(opcode::PONG, bytes(value)?))
    } else if let Some(value) = fields.optional("send_close") {
        masked(sent_close(value)?)
    } else if let Some(value) = fields.optional("send_frame") {
        sent_frame(value)?
    } else if let Some(value) = fields.optional("send_raw_base64") {
        Sent::Raw(bytes(value)?)
    } else {
        return Ok(None);
    };
    Ok(Some(sent))
}

fn sent_close(value: Value) -> Result<Frame, String> {
    let mut fields = Fields::of(value, "a close frame")?;
    let frame = if let Some(payload) = fields.optional("payload_base64") {
        Frame::new(opcode::CLOSE, bytes(payload)?)
    } else {
        let code = fields.required("code")?;
        let reason = fields.optional("reason").map_or(Ok(String::new()), text)?;
        Frame::close(close_code(&code)?, &reason)
    };
    fields.done()?;
    Ok(frame)
}

fn sent_frame(value: Value) -> Result<Sent, String> {
    let mut fields = Fields::of(value, "a frame")?;
    let payload = if let Some(repeat) = fields.optional("payload_repeat") {
        let mut repeat = Fields::of(repeat, "a repetition")?;
        let payload = repeat.text("byte")?.repeat(repeat.number("count")?).into_bytes();
        repeat.done()?;
        payload
    } else {
        bytes(fields.required("payload_base64")?)?
    };
    let (fin, rsv, opcode) = (fields.flag("fin")?, fields.number("rsv")?, fields.number("opcode")?);
    let sent = Sent::Frame { frame: Frame { fin, rsv, opcode, payload }, masked: fields.flag("masked")? };
    fields.done()?;
    Ok(sent)
}

/// A step that consists of nothing but what has to come.
fn only_expected(value: Value) -> Result<Expected, String> {
    let mut fields = Fields::of(value, "a step within a step")?;
    let expected = expected(&mut fields)?;
    fields.done()?;
    Ok(expected)
}

fn expected(fields: &mut Fields) -> Result<Expected, String> {
    let json = fields.optional("recv_text").map(Pattern::parse).transpose()?;
    let raw = fields.optional("recv_raw").map(text).transpose()?;
    if json.is_some() || raw.is_some() {
        Ok(Expected::Text { json, raw })
    } else if let Some(value) = fields.optional("recv_binary_base64") {
        Ok(Expected::Frame(Frame::binary(bytes(value)?)))
    } else if let Some(value) = fields.optional("recv_pong_base64") {
        Ok(Expected::Frame(Frame::new(opcode::PONG, bytes(value)?)))
    } else if let Some(value) = fields.optional("recv_close") {
        let mut close = Fields::of(value, "a close frame")?;
        let expected = Close { code: close_code(&close.required("code")?)?, reason: close.text("reason")? };
        close.done()?;
        Ok(Expected::Close(expected))
    } else if let Some(value) = fields.optional("recv_eof") {
        truth(&value).map(|()| Expected::End)
    } else {
        Err("nothing the runner understands".to_owned())
    }
}

fn exchange(request: Value, response: Value) -> Result<Exchange, String> {
    Ok(Exchange { request: self::request(request)?, response: self::response(response)? })
}

fn request(value: Value) -> Result<Request, String> {
    let mut fields = Fields::of(value, "a request")?;
    let request = Request {
        method: fields.optional("method").map_or(Ok("GET".to_owned()), text)?,
        path: fields.text("path")?,
        query: match fields.optional("query") {
            None => Query::Raw(String::new()),
            Some(Value::String(raw)) => Query::Raw(raw),
            Some(pairs) => Query::Pairs(texts(pairs)?),
        },
        headers: texts(fields.required("headers")?)?,
        omitted: match fields.optional("omit_headers") {
            None => Vec::new(),
            Some(names) => list(names)?.into_iter().map(text).collect::<Result<_, _>>()?,
        },
        body: fields.optional("body").map(text).transpose()?,
    };
    fields.done()?;
    Ok(request)
}

fn response(value: Value) -> Result<Response, String> {
    let mut fields = Fields::of(value, "a response")?;
    let status = fields.number("status")?;
    let mut headers = Vec::new();
    if let Value::Object(listed) = fields.required("headers")? {
        for (name, mut value) in listed {
            if let (true, Value::String(text)) = (is_token(&name), &mut value) {
                text.make_ascii_lowercase();
            }
            headers.push((name, Pattern::parse(value)?));
        }
    } else {
        return Err("the headers of a response are no object".to_owned());
    }
    let body = if let Some(body) = fields.optional("body") {
        Some(Body::Text(text(body)?))
    } else {
        fields.optional("json").map(Pattern::parse).transpose()?.map(Body::Json)
    };
    fields.done()?;
    Ok(Response { status, headers, body })
}

fn close_code(value: &Value) -> Result<Option<u16>, String> {
    match value {
        Value::Null => Ok(None),
        value => number(value).map(Some).ok_or_else(|| format!("no close code: {value}")),
    }
}

fn milliseconds(value: &Value) -> Result<Duration, String> {
    number(value).map(Duration::from_millis).ok_or_else(|| format!("no time in milliseconds: {value}"))
}

/// Steps without anything to say are written with the value true.
fn truth(value: &Value) -> Result<(), String> {
    if *value == Value::Bool(true) { Ok(()) } else { Err(format!("not true: {value}")) }
}
