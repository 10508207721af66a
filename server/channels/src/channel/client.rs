//! The client at the other end of a connection.

use std::{
    any::Any,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;
use strum::VariantArray;

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Transport {
    /// By WebSocket.
    WebSocket,
    /// By long poll.
    LongPoll,
}

impl Transport {
    /// Phoenix's name of the transport: `websocket` or `longpoll`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::WebSocket => "websocket",
            Transport::LongPoll => "longpoll",
        }
    }
}

/// Up to how many topics a connection has no room for more than it has joined.
const EXACT: usize = 8;

/// One connection, as its channels see it. All its joins share it.
///
/// `S` is what the [`SocketHandler`](crate::SocketHandler) keeps of the connection. Parameters and
/// token are not kept: what channels need to know of them, the handler puts into the assigns, as in
/// Phoenix.
pub struct Client<S: ?Sized> {
    /// The connection's number, unique within the process.
    pub connection: u64,
    /// The socket id, by which an application disconnects all sockets of a user. Phoenix's `id/1`.
    pub id: Option<String>,
    /// How the client is connected.
    pub transport: Transport,
    /// Sorted. A connection has few, and a tree's node has room for eleven.
    topics: Mutex<Vec<ByteString>>,
    /// What the socket handler keeps of the connection.
    pub assigns: S,
}

/// A client of any endpoint.
pub(crate) type AnyClient = Client<dyn Any + Send + Sync>;

impl<S> Client<S> {
    /// A connection that the socket handler has accepted with `assigns`.
    pub(crate) fn new(connection: u64, id: Option<String>, transport: Transport, assigns: S) -> Self {
        Self { connection, id, transport, topics: Mutex::default(), assigns }
    }
}

impl<S: ?Sized> Client<S> {
    /// The span of the connection's log lines. Making it logs that there is such a connection,
    /// among the lines of the request that opened it.
    pub(crate) fn span(&self) -> tracing::Span {
        let (connection, transport) = (self.connection, self.transport.as_str());
        tracing::debug!(connection, transport, "connected");
        tracing::debug_span!(parent: None, "connection", connection, transport)
    }

    /// Notes that the client has joined a topic.
    pub(crate) fn entered(&self, topic: ByteString) {
        let mut topics = self.lock_topics();
        if let Err(place) = topics.binary_search(&topic) {
            if topics.len() < EXACT {
                topics.reserve_exact(1);
            }
            topics.insert(place, topic);
        }
    }

    /// Notes that the client has left a topic.
    pub(crate) fn left(&self, topic: &ByteString) {
        let mut topics = self.lock_topics();
        if let Ok(place) = topics.binary_search(topic) {
            topics.remove(place);
            if topics.is_empty() {
                topics.shrink_to_fit();
            }
        }
    }

    /// The topics that the client has joined, in order.
    pub fn topics(&self) -> Vec<ByteString> {
        self.lock_topics().clone()
    }

    fn lock_topics(&self) -> MutexGuard<'_, Vec<ByteString>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: ?Sized> fmt::Debug for Client<S> {
    /// Without the assigns, which may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("connection", &self.connection).finish_non_exhaustive()
    }
}
