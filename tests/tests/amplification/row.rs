//! The parts of a row of the table.

use serde_json::Value;

use crate::measured_server::MeasuredServer;
use crate::participants::{Participants, Role};

/// An input: what is sent, by whom, and what it may cost.
pub(crate) struct Row {
    pub(crate) way: &'static str,
    /// Who sends it.
    pub(crate) role: Role,
    /// What is sent.
    pub(crate) sends: Sends,
    /// The bounds for each byte sent.
    pub(crate) most: Most,
}

/// The most bytes that one byte may cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Sent back.
    pub(crate) back: f64,
    /// Sent to each other client.
    pub(crate) each: f64,
    /// Allocated while a large message is handled.
    pub(crate) handled: f64,
}

/// The most bytes that may be kept for one received byte, while the connection is open.
pub(crate) const KEPT: f64 = 4.0;

/// The same for a connection that has received as large a message before, and so has its buffers. A
/// join, a request and some pages of the database are kept, but no further bytes of the message.
pub(crate) const FURTHER: f64 = 0.5;

/// What is sent.
pub(crate) enum Sends {
    /// A request to the clients' listener: as short as possible, or lengthened to about this size.
    Request(fn(&MeasuredServer, Option<usize>) -> Vec<u8>),
    /// A request to the admin listener: its method, and its path as the description has it.
    Admin(&'static str, &'static str),
    /// Frames on a WebSocket that has joined nothing.
    Frames(Frames),
    /// Events, with their names first.
    Events(Topic, Events),
}

/// Where an event is sent, and which of its names this row covers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic {
    Room(&'static [&'static str]),
    /// The sender's inbox.
    Inbox(&'static [&'static str]),
}

/// Sets up the preconditions of some events and returns these, as short as possible.
pub(crate) type Events = fn(&mut Participants) -> EventList;

/// Events, each with its topic and payload.
pub(crate) type EventList = Vec<(String, &'static str, Value)>;

/// Frames without an event.
pub(crate) struct Frames {
    /// The path of the socket, with its query.
    pub(crate) path: &'static str,
    /// The bytes to send: as short as possible, or about this many.
    pub(crate) bytes: fn(Option<usize>) -> Vec<u8>,
    /// Whether the server answers; if not, a ping is sent afterwards.
    pub(crate) is_answered: bool,
    /// Whether no other message can follow: it leaves a message open, or ends the connection.
    pub(crate) is_open: bool,
}
