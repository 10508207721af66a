//! Echo over long poll: each message is a POST and its answer comes with a poll.

use std::{
    io::{self, ErrorKind, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use vestibule_tests::http::read_response;

use super::{PATIENCE, Scenario, Subject, admit::JOIN};
use crate::{
    candidate::Application,
    ledger::Ledger,
    measure::Sample,
    statistics::Times,
    wire::message::{self, Parts},
};

const TOPIC: &str = "room:polled";

const PATH: &str = "/socket/longpoll?vsn=2.0.0";

/// The length of a payload in bytes.
const PAYLOAD: usize = 100;

const WARM_UP: u64 = 20;

/// How many fewer echoes there are under an emulator.
const SLOWER: u64 = 20;

/// One client that waits for each of its echoes.
#[derive(Debug, Clone, Copy)]
pub struct LongPoll {
    /// How many.
    pub echoes: u64,
}

impl Scenario for LongPoll {
    fn key(&self) -> String {
        "long-poll".to_owned()
    }

    fn name(&self) -> String {
        "echo over long poll, 1 client".to_owned()
    }

    fn unit(&self) -> &'static str {
        "echo"
    }

    fn application(&self) -> Application {
        Application::Playground
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let echoes = if subject.gauge.is_slow() { self.echoes / SLOWER } else { self.echoes };
        let mut client = Client::join(subject.address())?;
        let (mut ledger, mut times) = (Ledger::new(1), Times::default());
        for number in 0..WARM_UP {
            client.echo(number, &mut ledger)?;
        }
        let begun = subject.begin()?;
        for number in WARM_UP..WARM_UP + echoes {
            let start = Instant::now();
            client.echo(number, &mut ledger)?;
            times.add(start.elapsed());
        }
        let cost = begun.end()?;
        Ok(Sample::of_messages(echoes, cost, times, ledger.faults(|_| WARM_UP + echoes)))
    }
}

/// A client with one connection that it keeps.
struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    server: SocketAddr,
    target: String,
}

impl Client {
    fn join(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE.max(Duration::from_secs(30))))?;
        let mut client = Self { stream, unread: Vec::new(), server, target: PATH.to_owned() };
        let session = client.request("GET", "")?;
        let token = session["token"].as_str().ok_or(ErrorKind::InvalidData)?;
        client.target = format!("{PATH}&token={token}");
        client.say(JOIN, "phx_join", "{}")?;
        client.poll()?;
        Ok(client)
    }

    fn echo(&mut self, number: u64, ledger: &mut Ledger) -> io::Result<()> {
        self.say(number, "echo", &message::numbered(number, PAYLOAD))?;
        for text in self.poll()? {
            let parts = Parts::split(text.as_bytes()).ok_or(ErrorKind::InvalidData)?;
            ledger.enter(0, message::number(parts.payload).ok_or(ErrorKind::InvalidData)?);
        }
        Ok(())
    }

    fn say(&mut self, reference: u64, event: &str, payload: &str) -> io::Result<()> {
        let text = message::text(Some(JOIN), reference, TOPIC, event, payload);
        let answer = self.request("POST", &text)?;
        if answer["status"] != 200 {
            return Err(io::Error::other(answer.to_string()));
        }
        Ok(())
    }

    /// The messages that wait, or the next to come.
    fn poll(&mut self) -> io::Result<Vec<String>> {
        let mut polled = self.request("GET", "")?;
        serde_json::from_value(polled["messages"].take()).map_err(io::Error::other)
    }

    fn request(&mut self, method: &str, body: &str) -> io::Result<Value> {
        let Self { target, server, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/x-ndjson\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes())?;
        let response = read_response(&mut self.stream, &mut self.unread, false)?;
        serde_json::from_slice(&response.body).map_err(io::Error::other)
    }
}
