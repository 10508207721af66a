//! The parser of transcripts. Whatever the runner does not know is an error.

mod client;
mod exchange;
mod frames;
mod repeat;

use std::time::Duration;

use exchange::{exchange, request, response};
use frames::{expected, only_expected, sent};
use serde_json::Value;

use super::fields::{Fields, list, number, text};
use super::model::{Action, FIRST_CONNECTION, Sent, Step, Transcript, Writes};

/// The transports of transcripts. Each step names its own transport, so this is only checked.
const TRANSPORTS: [&str; 2] = ["longpoll", "websocket"];

/// What a test application can be asked to do; the request says everything.
const SERVER_ACTIONS: [&str; 3] = ["broadcast", "disconnect", "stop"];

/// Notes are for human readers, except these two: they say what happened where no field does.
const RESTARTED: &str = "the server was started again";
const EACH_BYTE: &str = "one TCP write per byte";

pub(super) fn transcript(value: Value) -> Result<Transcript, String> {
    let mut fields = Fields::of(value, "a transcript")?;
    if let Some(scenario) = fields.optional("scenario") {
        return client::recording(&text(scenario)?, fields);
    }
    // Told apart by the name; the other two are for human readers.
    for key in ["name", "about", "runs"] {
        fields.required(key)?;
    }
    let transport = fields.text("transport")?;
    if !TRANSPORTS.contains(&transport.as_str()) {
        return Err(format!("the transport {transport:?}, which the runner does not understand"));
    }
    let mut steps = Vec::new();
    if let Some(connect) = fields.optional("connect") {
        steps.push(Step {
            connection: FIRST_CONNECTION.to_owned(),
            source: format!("connect {connect}"),
            action: Action::Open {
                exchange: exchange(connect, fields.required("connect_response")?)?,
                pipelined: false,
            },
        });
    }
    for step in list(fields.required("steps")?)? {
        steps.extend(self::steps(step)?);
    }
    fields.done()?;
    Ok(Transcript { steps })
}

/// A step, or all steps of a loop.
fn steps(value: Value) -> Result<Vec<Step>, String> {
    let source = value.to_string();
    let steps = || {
        let mut fields = Fields::of(value, "a step")?;
        let Some(head) = fields.optional("for") else { return Ok(vec![step(fields, &source)?]) };
        let turns = repeat::unroll(head, fields.required("steps")?)?;
        fields.done()?;
        let steps = turns.into_iter().map(self::steps).collect::<Result<Vec<_>, String>>()?;
        Ok(steps.into_iter().flatten().collect())
    };
    steps().map_err(|error: String| format!("{error}\n  in the step {source}"))
}

fn step(mut fields: Fields, source: &str) -> Result<Step, String> {
    let note = fields.optional("note").map(text).transpose()?;
    // A hint for human readers.
    fields.optional("after_ms_about");
    let connection = fields.optional("conn").map_or(Ok(FIRST_CONNECTION.to_owned()), text)?;
    let action = match action_of_client(&mut fields, note.as_deref())? {
        Some(action) => action,
        None if note.as_deref() == Some(RESTARTED) => Action::Restart,
        None => action_of_server(&mut fields)?,
    };
    fields.done()?;
    Ok(Step { connection, action, source: source.to_owned() })
}

fn action_of_client(fields: &mut Fields, note: Option<&str>) -> Result<Option<Action>, String> {
    let action = if let Some(request) = fields.optional("open") {
        let exchange = exchange(request, fields.required("response")?)?;
        Action::Open { exchange, pipelined: fields.flag("pipelined")? }
    } else if let Some(name) = fields.optional("server_action") {
        server_action(&text(name)?, fields)?
    } else if let Some(id) = fields.optional("http_start") {
        Action::Start(text(id)?, request(fields.required("http")?)?)
    } else if let Some(id) = fields.optional("http_finish") {
        Action::Finish(text(id)?, response(fields.required("response")?)?)
    } else if let Some(request) = fields.optional("http") {
        Action::Call(exchange(request, fields.required("response")?)?)
    } else if let Some(sent) = sent(fields)? {
        Action::Send { writes: writes(&sent, fields.flag("pipelined")?, note)?, sent }
    } else if let Some(value) = fields.optional("tcp_close") {
        truth(&value).map(|()| Action::Hangup)?
    } else if let Some(value) = fields.optional("wait_ms") {
        Action::Wait(milliseconds(&value)?)
    } else {
        return Ok(None);
    };
    Ok(Some(action))
}

fn action_of_server(fields: &mut Fields) -> Result<Action, String> {
    if let Some(value) = fields.optional("recv_nothing_ms") {
        Ok(Action::ReceiveNothing(milliseconds(&value)?))
    } else if let Some(value) = fields.optional("recv_optional") {
        Ok(Action::ReceiveOptional(only_expected(value)?))
    } else if let Some(value) = fields.optional("recv_any_order") {
        Ok(Action::ReceiveAnyOrder(list(value)?.into_iter().map(only_expected).collect::<Result<_, _>>()?))
    } else {
        Ok(Action::Receive(expected(fields)?))
    }
}

fn server_action(name: &str, fields: &mut Fields) -> Result<Action, String> {
    if !SERVER_ACTIONS.contains(&name) {
        return Err(format!("the server action {name:?}, which the runner does not understand"));
    }
    Ok(Action::Server(exchange(fields.required("http")?, fields.required("response")?)?))
}

fn writes(sent: &Sent, pipelined: bool, note: Option<&str>) -> Result<Writes, String> {
    match (pipelined, note == Some(EACH_BYTE)) {
        (false, false) => Ok(Writes::One),
        (true, false) => Ok(Writes::Shared),
        (false, true) => Ok(Writes::EachByte),
        (true, true) => Err(format!("pipelined byte by byte: {sent:?}")),
    }
}

fn milliseconds(value: &Value) -> Result<Duration, String> {
    number(value).map(Duration::from_millis).ok_or_else(|| format!("no time in milliseconds: {value}"))
}

/// Steps without arguments are written with the value true.
fn truth(value: &Value) -> Result<(), String> {
    if *value == Value::Bool(true) { Ok(()) } else { Err(format!("not true: {value}")) }
}
