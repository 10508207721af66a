//! A command on its way to the writer, and what comes back.

use vestibule_approve::{
    frames::Deny,
    ids::{Rid, Seq, Uid},
    items::{NackCode, Notice, RequestItem},
    rules::{Caller, Command, Decision},
};

use crate::error::CommandError;

/// One command on its way to the store.
#[derive(Debug)]
pub struct Submission {
    /// The room it is about.
    pub rid: Rid,
    /// Who sends it.
    pub caller: Caller,
    /// What is to be done.
    pub command: Command,
    /// What is stored with it.
    pub content: Content,
}

/// What a command brings along to be stored.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// A card, request or approve, from [`pack`](crate::pack).
    Frame(Vec<u8>),
    /// A denial.
    Deny(Deny),
    /// Why an approve is no good.
    Nack(NackCode),
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The decision, which is durable now.
    pub decision: Decision,
    /// The seq of the change; 0 where nothing was changed.
    pub seq: Seq,
    /// When it was decided, in Unix milliseconds.
    pub at: i64,
    /// What a user is told of it.
    pub notice: Option<(Uid, Notice)>,
    /// The requests that are pending again.
    pub reopened: Vec<RequestItem>,
    /// How long the request waited, in milliseconds, where this is its first approve.
    pub first_approve_ms: Option<i64>,
}

/// Called once, on the writer's thread: it must not wait.
pub type Done = Box<dyn FnOnce(Result<Committed, CommandError>) + Send>;
