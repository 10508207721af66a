//! A command on its way to the writer, and its outcome.

use vestibule_approve::{
    frames::Deny,
    ids::{Rid, Seq, Uid},
    items::{NackCode, Notice, RequestItem},
    rules::{Caller, Command, Decision},
};

use crate::error::CommandError;

/// A command with what is stored with it.
#[derive(Debug)]
pub struct Submission {
    /// The room.
    pub rid: Rid,
    /// The user who sends it.
    pub caller: Caller,
    /// The command.
    pub command: Command,
    /// The content to store.
    pub content: Content,
}

/// The content of a command, which is stored.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// A card or approve, from [`pack`](crate::pack).
    Frame(Vec<u8>),
    /// A request.
    Request {
        /// The frame, from [`pack`](crate::pack).
        frame: Vec<u8>,
        /// The account to keep with it; never empty.
        account: Option<String>,
    },
    /// A denial.
    Deny(Deny),
    /// Why an approve could not be used.
    Nack(NackCode),
}

/// The outcome of a command that was carried out.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The decision. Its change is durable.
    pub decision: Decision,
    /// The seq of the change; [`Seq::ZERO`] if nothing changed.
    pub seq: Seq,
    /// When it was decided, in Unix milliseconds.
    pub at: i64,
    /// The notice about it, and the user whom it is for.
    pub notice: Option<(Uid, Notice)>,
    /// The requests that are pending again because of it.
    pub reopened: Vec<RequestItem>,
    /// If this is a request's first approve: how long the request waited, in milliseconds.
    pub first_approve_ms: Option<i64>,
}

/// A callback that the writer calls once, on its own thread: it must not block.
pub type Done = Box<dyn FnOnce(Result<Committed, CommandError>) + Send>;
