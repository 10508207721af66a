//! All long-poll sessions: opened, found by their tokens, and taken off the list when they end.

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
    transport::{
        Endpoint,
        connection_limits::{ConnectionLimits, Place},
    },
};

const ID: usize = 16;

type SessionId = [u8; ID];

/// The open sessions of this process. Their tokens are authenticated with a key of the process: after a restart they are
/// unknown, and clients open new ones.
pub struct Sessions {
    open: DashMap<SessionId, Arc<Session>>,
    caps: Arc<ConnectionLimits>,
    key: hmac::Key,
    random: SystemRandom,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(ConnectionLimits::new(512, 32))
    }
}

impl Sessions {
    /// No sessions yet, and no more than `connection_limits` allow.
    ///
    /// # Panics
    /// If the system gives no random numbers.
    pub fn new(caps: Arc<ConnectionLimits>) -> Self {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random).expect("the system gives random numbers");
        Self { open: DashMap::new(), caps, key, random }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn caps(&self) -> &Arc<ConnectionLimits> {
        &self.caps
    }

    /// Opens a session, and gives its token.
    pub(super) fn open(
        self: &Arc<Self>,
        endpoint: Arc<Endpoint>,
        serializer: Serializer,
        client: Client,
        place: Place,
    ) -> String {
        let mut id = [0; ID];
        self.random.fill(&mut id).expect("a system that stops giving random numbers cannot run a server");
        let limits = endpoint.rules.load().limits;
        let (session, batches) = Session::new(limits, serializer, Arc::clone(&endpoint.traffic));
        self.open.insert(id, Arc::clone(&session));
        let entry = Opened { sessions: Arc::clone(self), id, _place: place };
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

/// An entry in the list, taken off on drop: also when the task that holds it is.
struct Opened {
    sessions: Arc<Sessions>,
    id: SessionId,
    _place: Place,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.sessions.open.remove(&self.id);
    }
}
