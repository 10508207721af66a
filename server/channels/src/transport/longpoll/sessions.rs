//! All long-poll sessions: opened, found by their tokens, and removed when they end.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use dashmap::DashMap;
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use tracing::Instrument as _;
use vestibule_phoenix::serializer::Serializer;

use super::session::{Session, drive};
use crate::{
    channel::Client,
    transport::{ConnectionCounter, ConnectionLimits, Endpoint, connection_counter::Counted},
};

const ID: usize = 16;

type SessionId = [u8; ID];

/// The open sessions of this process. Their tokens are authenticated with a key of the process:
/// after a restart they are unknown, and clients open new sessions.
pub struct Sessions {
    open: DashMap<SessionId, Arc<Session>>,
    counter: Arc<ConnectionCounter>,
    key: hmac::Key,
    random: SystemRandom,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(ConnectionLimits::LONG_POLLS)
    }
}

impl Sessions {
    /// No sessions yet.
    ///
    /// # Panics
    /// If the system gives no random numbers.
    pub fn new(limits: ConnectionLimits) -> Self {
        let counter = ConnectionCounter::new(limits);
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random).expect("the system gives random numbers");
        Self { open: DashMap::new(), counter, key, random }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    pub(in crate::transport) fn shrink(&self) {
        self.open.shrink_to_fit();
        self.counter.shrink();
    }

    pub(in crate::transport) fn counter(&self) -> &Arc<ConnectionCounter> {
        &self.counter
    }

    /// Opens a session, and returns its token.
    pub(super) fn open<S: Send + Sync + 'static>(
        self: &Arc<Self>,
        endpoint: Arc<Endpoint<S>>,
        serializer: Serializer,
        client: Client<S>,
        counted: Counted,
    ) -> String {
        let mut id = [0; ID];
        self.random.fill(&mut id).expect("a system that stops giving random numbers cannot run a server");
        let limits = endpoint.connect_policy().load().limits;
        let (session, batches) = Session::new(limits, serializer, Arc::clone(endpoint.traffic()));
        self.open.insert(id, Arc::clone(&session));
        let entry = Opened { sessions: Arc::clone(self), id, _counted: counted };
        let span = client.span();
        let client = Arc::new(client);
        let registration = session.register(&endpoint, &client);
        let driven = async move {
            let _entry = entry;
            drive(endpoint, serializer, client, registration, session, batches).await;
        };
        actix_web::rt::spawn(driven.instrument(span));
        let tag = hmac::sign(&self.key, &id);
        BASE64_URL_SAFE_NO_PAD.encode([&id, tag.as_ref()].concat())
    }

    /// The session of a token. The token is checked in constant time before anything is looked up.
    pub(super) fn find(&self, token: &str) -> Option<Arc<Session>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, tag) = bytes.split_first_chunk::<ID>()?;
        hmac::verify(&self.key, id, tag).ok()?;
        self.open.get(id).map(|session| Arc::clone(&session))
    }
}

/// An entry in the list, removed on drop, also when the task that holds it is dropped.
struct Opened {
    sessions: Arc<Sessions>,
    id: SessionId,
    _counted: Counted,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.sessions.open.remove(&self.id);
    }
}
