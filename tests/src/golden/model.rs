//! What a transcript consists of, once read.

use std::time::Duration;

use super::expected::Expected;
use super::pattern::Pattern;
use crate::ws::Frame;

/// The connection of steps that name none.
pub(super) const FIRST_CONNECTION: &str = "a";

/// A transcript.
#[derive(Debug)]
pub(super) struct Transcript {
    /// The steps, of which opening the first connection is one.
    pub(super) steps: Vec<Step>,
}

/// A step.
#[derive(Debug)]
pub(super) struct Step {
    /// The connection it is about.
    pub(super) connection: String,
    /// What happens.
    pub(super) action: Action,
    /// The step as it is written, for reports.
    pub(super) source: String,
}

/// What happens in a step.
#[derive(Debug)]
pub(super) enum Action {
    /// A connection is opened.
    Open {
        /// The handshake.
        exchange: Exchange,
        /// Whether the steps behind it go out in the same TCP write.
        pipelined: bool,
    },
    /// A request, and the response waited for.
    Call(Exchange),
    /// The test application is asked to do something.
    Server(Exchange),
    /// A request that runs beside the next steps, and its name.
    Start(String, Request),
    /// The response to the request of this name.
    Finish(String, Response),
    /// A client polls until it has these messages, however they are spread over responses.
    Collect {
        /// The poll.
        poll: Request,
        /// The messages, each a text that holds JSON.
        messages: Vec<Pattern>,
    },
    /// The server, which has stopped, is started again.
    Restart,
    /// The client sends.
    Send {
        /// What it sends.
        sent: Sent,
        /// How it goes out.
        writes: Writes,
    },
    /// The client closes the TCP connection without a word.
    Hangup,
    /// Time passes.
    Wait(Duration),
    /// The server sends.
    Receive(Expected),
    /// The server may send this before the next step that receives.
    ReceiveOptional(Expected),
    /// The server sends all of these, in any order.
    ReceiveAnyOrder(Vec<Expected>),
    /// The server sends nothing for so long.
    ReceiveNothing(Duration),
}

/// How a step's bytes go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// In a TCP write of their own.
    One,
    /// In one TCP write with their pipelined neighbours.
    Shared,
    /// Each byte in a TCP write of its own.
    EachByte,
}

/// What a client sends on a WebSocket.
#[derive(Debug)]
pub(super) enum Sent {
    /// A text message, its `${x}` to be filled in.
    Text(String),
    /// A frame.
    Frame {
        /// The frame.
        frame: Frame,
        /// Whether it is masked, as it should be.
        masked: bool,
    },
    /// Bytes on the TCP connection.
    Raw(Vec<u8>),
}

/// An HTTP request and the response to it; a handshake is one.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The request.
    pub(super) request: Request,
    /// The response.
    pub(super) response: Response,
}

/// A request. All its texts may contain `${x}`.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The method; a handshake's is always GET.
    pub(super) method: String,
    /// The path.
    pub(super) path: String,
    /// The query.
    pub(super) query: Query,
    /// The headers beside the usual ones.
    pub(super) headers: Vec<(String, String)>,
    /// Usual headers to leave out.
    pub(super) omitted: Vec<String>,
    /// The body.
    pub(super) body: Option<String>,
}

/// A query string.
#[derive(Debug, Clone)]
pub(super) enum Query {
    /// Names and values, to be encoded.
    Pairs(Vec<(String, String)>),
    /// As it is to be sent.
    Raw(String),
}

/// A response to compare with.
#[derive(Debug)]
pub(super) struct Response {
    /// The status.
    pub(super) status: u16,
    /// The headers, of which some are not compared.
    pub(super) headers: Vec<(String, Pattern)>,
    /// The messages of a poll from this one on race, and may come in any order.
    pub(super) any_order_from: Option<usize>,
    /// The body; nothing is said about it when it is missing.
    pub(super) body: Option<Body>,
}

/// A response's body.
#[derive(Debug)]
pub(super) enum Body {
    /// Text, compared exactly.
    Text(String),
    /// JSON.
    Json(Pattern),
}
