//! Replaying a transcript.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bindings::Bindings;
use super::connection::Connection;
use super::model::{Action, Exchange, Query, Request, Sent, Step};
use super::parse;
use crate::http;
use crate::query;
use crate::ws::{Handshake, PATIENCE};

/// How long behind its last step a transcript's connections have to stay silent.
const DRAIN: Duration = Duration::from_millis(50);

/// Plays the client's part of transcripts against a server.
#[derive(Debug, Clone, Copy)]
pub struct Runner {
    server: SocketAddr,
    patience: Duration,
}

impl Runner {
    /// A runner against the server at this address.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, patience: PATIENCE }
    }

    /// Sets how long to wait for what has to come.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Replays one transcript. The error tells the step, and what came instead.
    pub fn run(&self, transcript: &Value) -> Result<(), String> {
        let transcript = parse::transcript(transcript.clone())?;
        let mut replay =
            Replay { runner: *self, connections: BTreeMap::new(), bindings: Bindings::default() };
        let mut steps = transcript.steps.as_slice();
        while let Some(step) = steps.first() {
            let (now, later) = steps.split_at(in_one_write(steps));
            replay.perform(step, now).map_err(|error| format!("expected {}\n  {error}", step.source))?;
            steps = later;
        }
        replay.drain()
    }
}

/// How many of the next steps go out in one TCP write; a step that does not send stands alone.
fn in_one_write(steps: &[Step]) -> usize {
    let together = steps
        .iter()
        .take_while(|step| {
            matches!(step.action, Action::Send { pipelined: true, .. })
                && step.connection == steps[0].connection
        })
        .count();
    together.max(1)
}

/// A transcript being replayed.
#[derive(Debug)]
struct Replay {
    runner: Runner,
    connections: BTreeMap<String, Connection>,
    bindings: Bindings,
}

impl Replay {
    /// Performs a step, or the steps that go out together with it.
    fn perform(&mut self, step: &Step, together: &[Step]) -> Result<(), String> {
        let patience = self.runner.patience;
        let name = step.connection.as_str();
        match &step.action {
            Action::Open(exchange) => self.open(name, exchange),
            Action::Server(exchange) => self.call(exchange),
            Action::Wait(time) => {
                thread::sleep(*time);
                Ok(())
            }
            Action::Hangup => self.connections.remove(name).map(drop).ok_or_else(|| unknown(name)),
            Action::Send { .. } => {
                let sent: Vec<&Sent> = together.iter().filter_map(sent).collect();
                connection(&mut self.connections, name)?.send(&sent, &self.bindings)
            }
            Action::Receive(expected) => {
                connection(&mut self.connections, name)?.expect(expected, &mut self.bindings, patience)
            }
            Action::ReceiveOptional(expected) => {
                connection(&mut self.connections, name)?.allow(expected.clone());
                Ok(())
            }
            Action::ReceiveAnyOrder(expected) => connection(&mut self.connections, name)?.expect_any_order(
                expected,
                &mut self.bindings,
                patience,
            ),
            Action::ReceiveNothing(time) => {
                connection(&mut self.connections, name)?.expect_nothing(&mut self.bindings, *time)
            }
        }
    }

    fn open(&mut self, name: &str, exchange: &Exchange) -> Result<(), String> {
        let request = &exchange.request;
        if request.method != "GET" || request.body.is_some() {
            return Err("a handshake that is no plain GET, which the runner does not understand".to_owned());
        }
        let mut handshake =
            Handshake::new(&self.bindings.fill(&request.path)?).query(&query_text(request, &self.bindings)?);
        for (name, value) in &request.headers {
            handshake = handshake.header(name, &self.bindings.fill(value)?);
        }
        for name in &request.omitted {
            handshake = handshake.omit(name);
        }
        let opened =
            handshake.open(self.runner.server).map_err(|error| format!("the handshake failed: {error}"))?;
        exchange.response.check(&opened.response, &mut self.bindings)?;
        exchange.response.check_headers(&opened.response, &mut self.bindings)?;
        if let Some(socket) = opened.socket {
            if !opened.accept_is_right {
                return Err("the accept header does not belong to the key".to_owned());
            }
            if self.connections.insert(name.to_owned(), Connection::new(socket)).is_some() {
                return Err(format!("the transcript opens the connection {name:?} twice"));
            }
        }
        Ok(())
    }

    /// Has the test application do something. Its headers are not compared: the administration that was recorded is
    /// the test application's own, no part of Phoenix, and how it answers is nobody's concern.
    fn call(&mut self, exchange: &Exchange) -> Result<(), String> {
        let request = &exchange.request;
        if !request.omitted.is_empty() {
            return Err("a call without the usual headers, which the runner does not understand".to_owned());
        }
        let target =
            query::target(&self.bindings.fill(&request.path)?, &query_text(request, &self.bindings)?);
        let mut call = http::Request::new(&request.method, &target);
        for (name, value) in &request.headers {
            call = call.header(name, &self.bindings.fill(value)?);
        }
        if let Some(body) = &request.body {
            call = call.body(self.bindings.fill(body)?);
        }
        let response = call.send(self.runner.server).map_err(|error| format!("the call failed: {error}"))?;
        exchange.response.check(&response, &mut self.bindings)
    }

    /// Sees that nothing comes that the transcript does not list.
    fn drain(mut self) -> Result<(), String> {
        let deadline = Instant::now() + DRAIN;
        for (name, connection) in &mut self.connections {
            connection
                .expect_nothing(&mut self.bindings, deadline.saturating_duration_since(Instant::now()))
                .map_err(|error| format!("expected nothing more on the connection {name:?}\n  {error}"))?;
        }
        Ok(())
    }
}

fn connection<'a>(
    connections: &'a mut BTreeMap<String, Connection>,
    name: &str,
) -> Result<&'a mut Connection, String> {
    connections.get_mut(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> String {
    format!("there is no connection {name:?}")
}

fn sent(step: &Step) -> Option<&Sent> {
    match &step.action {
        Action::Send { sent, .. } => Some(sent),
        _ => None,
    }
}

fn query_text(request: &Request, bindings: &Bindings) -> Result<String, String> {
    match &request.query {
        Query::Raw(raw) => bindings.fill(raw),
        Query::Pairs(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| Ok((name, bindings.fill(value)?)));
            Ok(query::encode(&pairs.collect::<Result<Vec<_>, String>>()?))
        }
    }
}
