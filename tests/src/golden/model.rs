//! The data model of transcripts.

use std::time::Duration;

use super::expected::Expected;
use super::pattern::Pattern;
use crate::ws::Frame;

/// The connection of steps that name none.
pub(super) const FIRST_CONNECTION: &str = "a";

#[derive(Debug)]
pub(super) struct Transcript {
    /// The steps. Opening the first connection is one of them.
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct Step {
    /// The connection that it uses.
    pub(super) connection: String,
    pub(super) action: Action,
    /// The step as written, for reports.
    pub(super) source: String,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    /// Opens a connection.
    Open {
        exchange: Exchange,
        /// Whether the following steps go out in the same TCP write.
        pipelined: bool,
    },
    /// Sends a request and waits for the response.
    Call(Exchange),
    /// Asks the test application to do something.
    Server(Exchange),
    /// Sends a request that runs beside the next steps; the string is its name.
    Start(String, Request),
    /// Waits for the response to the request of this name.
    Finish(String, Response),
    /// Polls until it has these messages, however they are spread over responses.
    Collect {
        poll: Request,
        /// The messages, each a string that holds JSON.
        messages: Vec<Pattern>,
    },
    /// Starts the server again, which has stopped.
    Restart,
    /// Sends on the connection.
    Send {
        sent: Sent,
        /// How it is written to the TCP connection.
        writes: Writes,
    },
    /// Closes the TCP connection without a close frame.
    Hangup,
    /// Waits.
    Wait(Duration),
    /// Expects a message of the server.
    Receive(Expected),
    /// Allows the server to send this before the next required message.
    ReceiveOptional(Expected),
    /// Expects all of these from the server, in any order.
    ReceiveAnyOrder(Vec<Expected>),
    /// Expects nothing for this long.
    ReceiveNothing(Duration),
}

/// How a step's bytes are written to the TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// In a TCP write of their own.
    One,
    /// In one TCP write with the neighbouring pipelined steps.
    Shared,
    /// Each byte in a TCP write of its own.
    EachByte,
}

/// What a client sends on a WebSocket.
#[derive(Debug)]
pub(super) enum Sent {
    /// A text message, in which `${x}` is replaced.
    Text(String),
    Frame {
        frame: Frame,
        /// Whether it is masked, as RFC 6455 requires.
        masked: bool,
    },
    /// Raw bytes on the TCP connection.
    Raw(Vec<u8>),
}

/// An HTTP request and its response; a handshake is one.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request: Request,
    pub(super) response: Response,
}

/// A request. All its strings may contain `${x}`.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The method; a handshake's is always GET.
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Query,
    /// The headers besides the default ones.
    pub(super) headers: Vec<(String, String)>,
    /// Default headers to leave out.
    pub(super) omitted: Vec<String>,
    pub(super) body: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Query {
    /// Names and values, to be encoded.
    Pairs(Vec<(String, String)>),
    /// Sent as it is.
    Raw(String),
}

/// A response to compare with.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The headers. Some are not compared.
    pub(super) headers: Vec<(String, Pattern)>,
    /// From this message of a poll on, messages race and may come in any order.
    pub(super) any_order_from: Option<usize>,
    /// The body; not compared if absent.
    pub(super) body: Option<Body>,
}

#[derive(Debug)]
pub(super) enum Body {
    /// Text, compared exactly.
    Text(String),
    Json(Pattern),
}
