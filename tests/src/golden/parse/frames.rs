//! WebSocket frames and messages, in both directions.

use serde_json::Value;

use super::super::expected::Expected;
use super::super::fields::{Fields, bytes, number, text};
use super::super::model::Sent;
use super::super::pattern::Pattern;
use super::repeat::{fill_template, repetition};
use super::truth;
use crate::ws::{Close, Frame, opcode};

/// What the client sends in a step, if anything.
pub(super) fn sent(fields: &mut Fields) -> Result<Option<Sent>, String> {
    let masked = |frame| Sent::Frame { frame, masked: true };
    let sent = if let Some(value) = fields.optional("send_text") {
        Sent::Text(text(value)?)
    } else if let Some(value) = fields.optional("send_text_template") {
        Sent::Text(fill_template(&text(value)?)?)
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
        repetition(repeat)?.into_bytes()
    } else {
        bytes(fields.required("payload_base64")?)?
    };
    let (fin, rsv, opcode) = (fields.flag("fin")?, fields.number("rsv")?, fields.number("opcode")?);
    let sent = Sent::Frame { frame: Frame { fin, rsv, opcode, payload }, masked: fields.flag("masked")? };
    fields.done()?;
    Ok(sent)
}

/// A step that consists of an expected message only.
pub(super) fn only_expected(value: Value) -> Result<Expected, String> {
    let mut fields = Fields::of(value, "a step within a step")?;
    let expected = expected(&mut fields)?;
    fields.done()?;
    Ok(expected)
}

/// The message that a step expects.
pub(super) fn expected(fields: &mut Fields) -> Result<Expected, String> {
    let json = fields.optional("recv_text").map(Pattern::parse).transpose()?;
    let raw = fields.optional("recv_raw").map(text).transpose()?;
    if json.is_some() || raw.is_some() {
        Ok(Expected::Text { json, raw })
    } else if let Some(value) = fields.optional("recv_text_template") {
        // It only says that the recorded message equalled this one.
        truth(&fields.required("observed_equal")?)?;
        // As text: a template's JSON nests too deeply to be parsed.
        Ok(Expected::Text { json: None, raw: Some(fill_template(&text(value)?)?) })
    } else if let Some(value) = fields.optional("recv_frame") {
        frame(value).map(Expected::Frame)
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

/// A whole frame of the server, which is never masked.
fn frame(value: Value) -> Result<Frame, String> {
    let mut fields = Fields::of(value, "a frame")?;
    let (fin, rsv, opcode) = (fields.flag("fin")?, fields.number("rsv")?, fields.number("opcode")?);
    let frame = Frame { fin, rsv, opcode, payload: bytes(fields.required("payload_base64")?)? };
    fields.done()?;
    Ok(frame)
}

pub(super) fn close_code(value: &Value) -> Result<Option<u16>, String> {
    match value {
        Value::Null => Ok(None),
        value => number(value).map(Some).ok_or_else(|| format!("no close code: {value}")),
    }
}
