//! HTTP requests and responses.

use serde_json::Value;

use super::super::fields::{Fields, list, number, text, texts};
use super::super::model::{Body, Exchange, Query, Request, Response};
use super::super::pattern::Pattern;
use super::super::response::is_token;
use super::repeat::repetition;

pub(super) fn exchange(request: Value, response: Value) -> Result<Exchange, String> {
    Ok(Exchange { request: self::request(request)?, response: self::response(response)? })
}

pub(super) fn request(value: Value) -> Result<Request, String> {
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
        body: match fields.optional("body_repeat") {
            Some(repeat) => Some(repetition(repeat)?),
            None => fields.optional("body").map(text).transpose()?,
        },
    };
    fields.done()?;
    Ok(request)
}

pub(super) fn response(value: Value) -> Result<Response, String> {
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
    let any_order_from = match fields.optional("messages_any_order_from") {
        None => None,
        Some(first) => Some(number(&first).ok_or_else(|| format!("no index: {first}"))?),
    };
    // Both are hints for human readers.
    fields.optional("after_ms_about");
    fields.optional("note");
    fields.done()?;
    Ok(Response { status, headers, any_order_from, body })
}
