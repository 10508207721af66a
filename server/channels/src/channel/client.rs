//! Who is at the other end of a connection.

use std::{
    any::Any,
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;

/// The way a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Long poll.
    LongPoll,
}

impl Transport {
    /// Phoenix's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::WebSocket => "websocket",
            Transport::LongPoll => "longpoll",
        }
    }
}

/// One connection, as its channels see it. Shared by all its joins.
///
/// What the client said when it connected, its parameters and token, is not kept: what channels are to know
/// of it the socket handler puts into the [`assigns`](Self::assigns), as in Phoenix.
pub struct Client {
    /// Names the connection among all of the process.
    pub connection: u64,
    /// The socket id, by which an application disconnects all sockets of a user.
    pub id: Option<String>,
    /// How it is connected.
    pub transport: Transport,
    assigns: Arc<dyn Any + Send + Sync>,
    topics: Mutex<BTreeSet<ByteString>>,
}

impl Client {
    /// A connection that the socket handler let in with `assigns`.
    pub fn new(
        connection: u64,
        id: Option<String>,
        transport: Transport,
        assigns: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self { connection, id, transport, assigns, topics: Mutex::default() }
    }

    /// What is logged on this connection's account is in here. That there is one is logged now, among what is logged of the request that opened it.
    pub(crate) fn span(&self) -> tracing::Span {
        let (connection, transport) = (self.connection, self.transport.as_str());
        tracing::debug!(connection, transport, "connected");
        tracing::debug_span!(parent: None, "connection", connection, transport)
    }

    /// It is in a topic.
    pub(crate) fn entered(&self, topic: ByteString) {
        self.lock_topics().insert(topic);
    }

    /// It is not any more.
    pub(crate) fn left(&self, topic: &ByteString) {
        self.lock_topics().remove(topic);
    }

    /// The topics it is in.
    pub fn topics(&self) -> Vec<ByteString> {
        self.lock_topics().iter().cloned().collect()
    }

    fn lock_topics(&self) -> MutexGuard<'_, BTreeSet<ByteString>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the socket handler knows about the connection, where it is a `T`.
    pub fn assigns<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.assigns.downcast_ref()
    }
}

impl fmt::Debug for Client {
    /// Without what the socket handler knows, which may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("connection", &self.connection).finish_non_exhaustive()
    }
}
