//! Replaying a transcript.

mod calls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use calls::{Started, query_text};
use serde_json::Value;

use super::bindings::Bindings;
use super::connection::{Connection, bytes};
use super::model::{Action, Exchange, Request, Sent, Step, Writes};
use super::parse;
use crate::ws::{Handshake, PATIENCE};

/// How long a transcript's connections must stay silent after its last step.
const DRAIN: Duration = Duration::from_millis(50);

/// Plays the client's part of transcripts against a server.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    server: SocketAddr,
    patience: Duration,
    restart: Option<&'a dyn Fn()>,
}

impl<'a> Runner<'a> {
    /// A runner against the server at this address.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, patience: PATIENCE, restart: None }
    }

    /// Sets how long to wait for a required message.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how to restart the server, at the same address, after a transcript has stopped it.
    #[must_use]
    pub fn restart_by(mut self, restart: &'a dyn Fn()) -> Self {
        self.restart = Some(restart);
        self
    }

    /// Replays one transcript. The error names the step, and what was received instead.
    pub fn run(&self, transcript: &Value) -> Result<(), String> {
        let transcript = parse::transcript(transcript.clone())?;
        let mut replay = Replay {
            runner: *self,
            connections: BTreeMap::new(),
            started: BTreeMap::new(),
            bindings: Bindings::default(),
        };
        let mut steps = transcript.steps.as_slice();
        while let Some(step) = steps.first() {
            let (now, later) = steps.split_at(in_one_write(steps));
            replay.perform(step, now).map_err(|error| format!("expected {}\n  {error}", step.source))?;
            steps = later;
        }
        replay.drain()
    }
}

/// How many of the next steps go out in one TCP write; a step that sends nothing stands alone.
fn in_one_write(steps: &[Step]) -> usize {
    let opens = usize::from(matches!(steps[0].action, Action::Open { pipelined: true, .. }));
    let sends = steps[opens..].iter().take_while(|step| {
        matches!(step.action, Action::Send { writes: Writes::Shared, .. })
            && step.connection == steps[0].connection
    });
    (opens + sends.count()).max(1)
}

/// A transcript being replayed.
struct Replay<'a> {
    runner: Runner<'a>,
    connections: BTreeMap<String, Connection>,
    /// The requests that run beside the steps, by name.
    started: BTreeMap<String, Started>,
    bindings: Bindings,
}

impl Replay<'_> {
    /// Performs a step, or the steps that go out together with it.
    fn perform(&mut self, step: &Step, together: &[Step]) -> Result<(), String> {
        let patience = self.runner.patience;
        let name = step.connection.as_str();
        match &step.action {
            Action::Open { exchange, .. } => {
                let behind: Vec<&Sent> = together.iter().filter_map(sent).collect();
                self.open(name, exchange, &behind)
            }
            Action::Call(exchange) => self.call(exchange),
            Action::Server(exchange) => self.act(exchange),
            Action::Start(id, request) => self.start(id, request),
            Action::Finish(id, response) => self.finish(id, response),
            Action::Collect { poll, messages } => self.collect(poll, messages),
            Action::Restart => {
                let restart = self.runner.restart.ok_or("a server that the runner can start again")?;
                restart();
                Ok(())
            }
            Action::Wait(time) => {
                thread::sleep(*time);
                Ok(())
            }
            Action::Hangup => self.connections.remove(name).map(drop).ok_or_else(|| unknown(name)),
            Action::Send { sent, writes: Writes::EachByte } => {
                connection(&mut self.connections, name)?.send_each_byte(sent, &self.bindings)
            }
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

    /// Opens a connection; `behind` goes out in the same TCP write.
    fn open(&mut self, name: &str, exchange: &Exchange, behind: &[&Sent]) -> Result<(), String> {
        let Exchange { request, response } = exchange;
        if request.method != "GET" || request.body.is_some() {
            return Err("a handshake that is no plain GET, which the runner does not understand".to_owned());
        }
        let handshake = self.handshake(request)?.followed_by(bytes(behind, &self.bindings)?);
        let opened =
            handshake.open(self.runner.server).map_err(|error| format!("the handshake failed: {error}"))?;
        response.check(&opened.response, &mut self.bindings)?;
        if let Some(socket) = opened.socket {
            if !opened.accept_is_right {
                return Err("the accept header does not belong to the key".to_owned());
            }
            let mut connection = Connection::new(socket);
            connection.note_sent(behind);
            if self.connections.insert(name.to_owned(), connection).is_some() {
                return Err(format!("the transcript opens the connection {name:?} twice"));
            }
        }
        Ok(())
    }

    fn handshake(&self, request: &Request) -> Result<Handshake, String> {
        let mut handshake =
            Handshake::new(&self.bindings.fill(&request.path)?).query(&query_text(request, &self.bindings)?);
        for (name, value) in &request.headers {
            handshake = handshake.header(name, &self.bindings.fill(value)?);
        }
        for name in &request.omitted {
            handshake = handshake.omit(name);
        }
        Ok(handshake)
    }

    /// Checks that nothing comes that the transcript does not list.
    fn drain(mut self) -> Result<(), String> {
        if let Some(id) = self.started.keys().next() {
            return Err(format!("the transcript does not finish the request {id:?}"));
        }
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
