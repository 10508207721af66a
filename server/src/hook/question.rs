//! What the hook asks.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use vestibule_approve::signed::Uid;

/// A question: who this is, or whether it may join.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Question<'a> {
    /// A client connects with a token that the server does not know, or renews its login with one.
    Connect(&'a Connecting),
    /// A client joins a topic with `join = "hook"`.
    Join(Joining<'a>),
}

/// What is said of a client that connects.
#[derive(Serialize)]
pub struct Connecting {
    /// The token: phoenix.js's `authToken`, or the parameter `token`.
    pub token: String,
    /// The parameters of the connection, without `token`.
    pub params: Map<String, Value>,
    /// The client's address, if known.
    pub address: Option<IpAddr>,
}

/// What is said of a join.
#[derive(Serialize)]
pub struct Joining<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The parameters of the join.
    pub params: &'a RawValue,
    /// The client's account, if it has one.
    pub account: Option<&'a str>,
    /// The approve flow's user, if the client has signed in.
    pub uid: Option<Uid>,
    /// The client's address, if known.
    pub address: Option<IpAddr>,
}
