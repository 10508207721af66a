//! A client's long poll: one HTTP connection polls, the other publishes.

use serde_json::{Value, json};

use super::super::super::fields::{Fields, bytes, list, text};
use super::super::super::model::{Action, Request, Step};
use super::super::super::pattern::Pattern;
use super::super::exchange::{exchange, request};
use super::{binary_reference, json, reference, replied, request_line, step, waited_for, with_placeholders};

/// A request, and the body of its response, if there was one.
struct Recorded {
    line: String,
    request: Value,
    body: Option<String>,
    answer: Option<Value>,
}

pub(super) fn steps(connections: Vec<Value>) -> Result<Vec<Step>, String> {
    let connections = connections.into_iter().map(connection).collect::<Result<Vec<_>, String>>()?;
    let [polls, posts] = <[_; 2]>::try_from(connections)
        .map_err(|_| "a long poll that does not have two connections".to_owned())?;
    let mut polls = polls.into_iter();
    let mut known = Vec::new();
    let open = polls.next().ok_or("no first poll")?;
    let mut steps = vec![open.call(&mut known)?];

    // The client aborted the last poll, so nothing can be compared with it.
    let answered: Vec<Recorded> = polls.filter(|poll| poll.answer.is_some()).collect();
    let poll = answered.first().ok_or("no poll")?.request()?;
    let messages = answered.iter().map(Recorded::messages).collect::<Result<Vec<_>, _>>()?.concat();
    let replies: Vec<Option<Value>> = messages.iter().map(replied).collect();
    let refs = posts.iter().map(Recorded::refs).collect::<Result<Vec<_>, _>>()?;
    let mut waited = waited_for(&refs, &replies);
    if let Some(last) = waited.last_mut() {
        *last = messages.len();
    }
    let mut heard = 0;
    for (post, upto) in posts.into_iter().zip(waited) {
        steps.push(post.call(&mut known)?);
        if upto > heard {
            steps.push(collect(&poll, &messages[heard..upto])?);
            heard = upto;
        }
    }
    Ok(steps)
}

fn connection(value: Value) -> Result<Vec<Recorded>, String> {
    let mut fields = Fields::of(value, "a connection")?;
    let requests = list(fields.required("http_keepalive")?)?;
    fields.done()?;
    requests.into_iter().map(recorded).collect()
}

fn recorded(value: Value) -> Result<Recorded, String> {
    let mut fields = Fields::of(value, "a recorded request")?;
    let line = fields.text("request")?;
    let (method, path, query) = request_line(&line)?;
    let mut headers = fields.required("headers")?;
    if let Some(headers) = headers.as_object_mut() {
        // The client asked for compressed answers and got them. Vestibule does not compress.
        headers.remove("accept-encoding");
    }
    let request = json!({
        "method": method,
        "path": path,
        "query": query.replace("<token>", "${token}"),
        "headers": headers,
    });
    let body = fields.optional("body").map(text).transpose()?;
    let answer = match fields.required("response")? {
        Value::Null => None,
        response => Some(answer(response)?),
    };
    fields.done()?;
    Ok(Recorded { line, request, body, answer })
}

/// The JSON of a response's body.
fn answer(response: Value) -> Result<Value, String> {
    let mut fields = Fields::of(response, "a recorded response")?;
    let status = fields.text("status_line")?;
    if status != "HTTP/1.1 200 OK" {
        return Err(format!("the status {status:?}, which the runner does not understand"));
    }
    fields.required("content_encoding")?;
    let body = json(&fields.text("body")?)?;
    fields.done()?;
    Ok(body)
}

fn collect(poll: &Request, messages: &[Value]) -> Result<Step, String> {
    let source = format!("polls that bring {}", Value::from(messages));
    let messages = messages.iter().cloned().map(Pattern::parse).collect::<Result<_, _>>()?;
    Ok(step(Action::Collect { poll: poll.clone(), messages }, source))
}

impl Recorded {
    fn request(&self) -> Result<Request, String> {
        let mut request = request(self.request.clone())?;
        request.body.clone_from(&self.body);
        Ok(request)
    }

    /// The step that sends the request and compares its response.
    fn call(self, known: &mut Vec<String>) -> Result<Step, String> {
        let answer = self.answer.clone().ok_or_else(|| format!("no response to {:?}", self.line))?;
        let response = json!({ "status": 200, "headers": {}, "json": with_placeholders(answer, known) });
        let mut exchange = exchange(self.request.clone(), response)?;
        exchange.request = self.request()?;
        Ok(step(Action::Call(exchange), format!("{} {:?}", self.line, self.body)))
    }

    /// The messages in the response.
    fn messages(&self) -> Result<Vec<Value>, String> {
        let messages = self.answer.as_ref().and_then(|answer| answer["messages"].as_array());
        let messages = messages.ok_or_else(|| format!("no messages from {:?}", self.line))?;
        messages.iter().map(|message| json(message.as_str().unwrap_or_default())).collect()
    }

    /// The refs of the published messages: lines of JSON, or of binary messages in base64.
    fn refs(&self) -> Result<Vec<Value>, String> {
        let body = self.body.as_deref().unwrap_or_default();
        let refs = body.lines().map(|line| {
            Ok(if line.starts_with('[') {
                Some(reference(&json(line)?))
            } else {
                binary_reference(&bytes(line.into())?)
            })
        });
        Ok(refs.collect::<Result<Vec<_>, String>>()?.into_iter().flatten().collect())
    }
}
