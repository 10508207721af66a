//! What a row of the table is made of.

use serde_json::Value;

use crate::stage::{Cast, Role, Stage};

/// A way in: what is sent, by whom, and what it may cost.
pub(crate) struct Row {
    /// Its name.
    pub(crate) way: &'static str,
    /// Who sends.
    pub(crate) role: Role,
    /// What is sent.
    pub(crate) sends: Sends,
    /// The most that may come of a byte.
    pub(crate) most: Most,
}

/// The most bytes that may come of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Sent back.
    pub(crate) back: f64,
    /// Sent to each other client.
    pub(crate) each: f64,
    /// Allocated while a large message is handled.
    pub(crate) handled: f64,
}

/// The most bytes that may be kept of one that came, while the connection is open.
pub(crate) const KEPT: f64 = 4.0;

/// The same of what goes over a connection that has seen as large a message before, and has the buffers for it. A join and a
/// request are kept and a little of the database is, but not what else was said with them.
pub(crate) const FURTHER: f64 = 0.5;

/// What is sent.
pub(crate) enum Sends {
    /// A request to the clients' listener: as short as it can be, or brought to about so many bytes.
    Request(fn(&Stage, Option<usize>) -> Vec<u8>),
    /// A request to the operators' listener: its method, and its path as the description has it.
    Admin(&'static str, &'static str),
    /// Frames on a WebSocket that has joined nothing.
    Frames(Frames),
    /// Events, whose names come first.
    Events(Topic, Events),
}

/// Where an event is sent, and which of its names this row is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic {
    /// The topic of a room.
    Room(&'static [&'static str]),
    /// The sender's inbox.
    Inbox(&'static [&'static str]),
}

/// Prepares the stage for some events and gives them, as short as they can be.
pub(crate) type Events = fn(&mut Cast) -> Said;

/// Events, each with its topic and payload.
pub(crate) type Said = Vec<(String, &'static str, Value)>;

/// Frames without an event.
pub(crate) struct Frames {
    /// The path of the socket, with its query.
    pub(crate) path: &'static str,
    /// The bytes of one sending: as short as they can be, or about so many.
    pub(crate) bytes: fn(Option<usize>) -> Vec<u8>,
    /// Whether there is an answer; without one a ping is sent behind.
    pub(crate) is_answered: bool,
    /// Whether another one cannot follow: it leaves a message open, or ends the connection.
    pub(crate) is_open: bool,
}
