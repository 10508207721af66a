//! The HTTP requests of a transcript.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::super::bindings::Bindings;
use super::super::model::{Exchange, Query, Request, Response};
use super::super::pattern::Pattern;
use super::Replay;
use crate::{http, query};

/// How long a request that runs beside the next steps gets to reach the server before them.
const HEAD_START: Duration = Duration::from_millis(50);

/// A request that runs beside the next steps.
pub(super) struct Started {
    request: Request,
    got: JoinHandle<Result<http::Response, String>>,
}

impl Replay<'_> {
    pub(super) fn call(&mut self, exchange: &Exchange) -> Result<(), String> {
        let got = self.send(&exchange.request)?;
        self.check(&exchange.request, &exchange.response, got)
    }

    /// Compares a response. It is a matter of timing whether a poll brings everything that was just
    /// sent or only what has arrived: missing messages may come with the next poll.
    fn check(&mut self, request: &Request, expected: &Response, got: http::Response) -> Result<(), String> {
        let mut got = got;
        while expected.is_short_of_messages(&got) {
            let more = self.send(request)?;
            if !append_messages(&mut got, &more) {
                break;
            }
        }
        expected.check(&got, &mut self.bindings)
    }

    /// Asks the test application to do something. The answer's headers are not compared: the
    /// recorded administration is the test application's own and no part of Phoenix.
    pub(super) fn act(&mut self, exchange: &Exchange) -> Result<(), String> {
        let response = self.send(&exchange.request)?;
        exchange.response.check_content(&response, &mut self.bindings)
    }

    /// Sends a request without waiting for the response.
    pub(super) fn start(&mut self, id: &str, request: &Request) -> Result<(), String> {
        let (call, server) = (http_request(request, &self.bindings)?, self.runner.server);
        let got = thread::spawn(move || call.send(server).map_err(|error| failed(&error)));
        if self.started.insert(id.to_owned(), Started { request: request.clone(), got }).is_some() {
            return Err(format!("the transcript starts the request {id:?} twice"));
        }
        thread::sleep(HEAD_START);
        Ok(())
    }

    /// Waits for the response to a started request, and compares it.
    pub(super) fn finish(&mut self, id: &str, response: &Response) -> Result<(), String> {
        let Started { request, got } =
            self.started.remove(id).ok_or_else(|| format!("there is no request {id:?}"))?;
        let got = got.join().map_err(|_| format!("the request {id:?} panicked"))??;
        self.check(&request, response, got)
    }

    /// Polls until exactly these messages have come.
    pub(super) fn collect(&mut self, poll: &Request, messages: &[Pattern]) -> Result<(), String> {
        let mut expected = messages.iter();
        while !expected.as_slice().is_empty() {
            let body = self.send(poll)?.body;
            let got: Value = serde_json::from_slice(&body).map_err(|error| format!("no JSON: {error}"))?;
            let (200, Some(brought)) =
                (got["status"].as_u64().unwrap_or_default(), got["messages"].as_array())
            else {
                return Err(format!("got {got}"));
            };
            for message in brought {
                let pattern = expected.next().ok_or_else(|| format!("got one more: {message}"))?;
                let message = serde_json::from_str(message.as_str().unwrap_or_default())
                    .map_err(|error| format!("got {message}, no JSON: {error}"))?;
                pattern
                    .check(&message, &mut self.bindings)
                    .map_err(|error| format!("got {message}\n  {error}"))?;
            }
        }
        Ok(())
    }

    fn send(&self, request: &Request) -> Result<http::Response, String> {
        http_request(request, &self.bindings)?.send(self.runner.server).map_err(|error| failed(&error))
    }
}

/// Appends the messages of a poll to those of the previous one. Returns whether it brought any.
fn append_messages(to: &mut http::Response, more: &http::Response) -> bool {
    let (Ok(mut body), Ok(more)) =
        (serde_json::from_slice::<Value>(&to.body), serde_json::from_slice::<Value>(&more.body))
    else {
        return false;
    };
    match (body["messages"].as_array_mut(), more["messages"].as_array()) {
        (Some(messages), Some(more)) if !more.is_empty() => messages.extend_from_slice(more),
        _ => return false,
    }
    to.body = body.to_string().into_bytes();
    true
}

fn failed(error: &std::io::Error) -> String {
    format!("the request failed: {error}")
}

fn http_request(request: &Request, bindings: &Bindings) -> Result<http::Request, String> {
    if !request.omitted.is_empty() {
        return Err("a request without the usual headers, which the runner does not understand".to_owned());
    }
    let target = query::target(&bindings.fill(&request.path)?, &query_text(request, bindings)?);
    let mut call = http::Request::new(&request.method, &target);
    for (name, value) in &request.headers {
        call = call.header(name, &bindings.fill(value)?);
    }
    if let Some(body) = &request.body {
        call = call.body(bindings.fill(body)?);
    }
    Ok(call)
}

pub(super) fn query_text(request: &Request, bindings: &Bindings) -> Result<String, String> {
    match &request.query {
        Query::Raw(raw) => bindings.fill(raw),
        Query::Pairs(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| Ok((name, bindings.fill(value)?)));
            Ok(query::encode(&pairs.collect::<Result<Vec<_>, String>>()?))
        }
    }
}
