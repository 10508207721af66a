//! Keys at an address, such as an identity provider's `jwks.json`.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use actix_web::{http::Method, rt};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use vestibule_channels::metrics::LabelledMetric;

use super::keys::KeySet;
use crate::outgoing::{Address, NoAnswer, Outgoing, Request};

/// How often the keys are fetched if nothing asks for them.
const EVERY: Duration = Duration::from_secs(600);

/// How often at most, whatever tokens strangers show.
const AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// How long after a failure at first; it doubles up to a minute.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// By how much the first pause grows at most, as a power of two.
const MAX_DOUBLINGS: u32 = 6;

/// How long a fetch may take, and how long a client waits for one.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest set of keys, in bytes.
const MAX_SET: usize = 64 * 1024;

/// Fetches keys, and counts that. Clones share the counts.
#[derive(Clone, Debug)]
pub struct KeyFetcher {
    outgoing: Outgoing,
    fetches: LabelledMetric<Counter, 2>,
}

/// The keys at an address. They are fetched at the start, again from time to time, and when a token
/// names a key that is not among them.
#[derive(Debug)]
pub struct RemoteKeys {
    address: Address,
    keys: ArcSwapOption<KeySet>,
    wanted: Arc<Notify>,
    /// When the last attempt ended.
    ended: watch::Sender<Option<Instant>>,
}

/// Why keys cannot be fetched.
#[derive(Debug, Error)]
enum FetchError {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the status is {0}, expected 200")]
    Status(u16),
    #[error("{0}")]
    Keys(String),
}

impl KeyFetcher {
    /// Fetches keys by these requests.
    pub fn new(outgoing: Outgoing) -> Self {
        Self { outgoing, fetches: LabelledMetric::labelled("result", ["done", "failed"]) }
    }

    /// Registers the counts.
    pub fn register(&self, registry: &mut Registry) {
        self.fetches.register(
            registry,
            "login_key_fetches",
            "Attempts to fetch the keys of logins, by result",
        );
    }
}

impl RemoteKeys {
    /// Starts to fetch them, until the last reference is gone.
    pub fn start(address: Address, fetcher: KeyFetcher) -> Arc<Self> {
        if address.is_exposed() {
            let address = tracing::field::display(&address);
            tracing::warn!(
                address,
                "the keys of logins are fetched without TLS: whoever is between can forge logins"
            );
        }
        let (ended, _) = watch::channel(None);
        let keys = Arc::new(Self { address, keys: ArcSwapOption::empty(), wanted: Arc::default(), ended });
        rt::spawn(keep(Arc::downgrade(&keys), fetcher));
        keys
    }

    /// Where they are.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The keys that were fetched last; `None` before the first time.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// Fetches the keys anew, unless that has just been tried. Returns whether there are any.
    pub(super) async fn renew(&self) -> bool {
        let is_recent = self.ended.borrow().is_some_and(|ended| ended.elapsed() < AT_MOST_EVERY);
        if !is_recent {
            let mut ended = self.ended.subscribe();
            self.wanted.notify_one();
            // The sender is this one's own, so it is there.
            let _ = timeout(PATIENCE, ended.changed()).await;
        }
        self.keys.load().is_some()
    }

    /// Fetches the keys, and returns whether that has worked.
    async fn attempt(&self, fetcher: &KeyFetcher) -> bool {
        let answer = self.fetch(&fetcher.outgoing).await;
        let has_worked = answer.is_ok();
        fetcher.fetches[usize::from(!has_worked)].inc();
        match answer {
            Ok(keys) => {
                tracing::debug!(keys = keys.count(), address = %self.address, "keys of logins fetched");
                self.keys.store(Some(Arc::new(keys)));
            }
            Err(error) => {
                tracing::error!(%error, address = %self.address, "the keys of logins cannot be fetched");
            }
        }
        self.ended.send_replace(Some(Instant::now()));
        has_worked
    }

    async fn fetch(&self, outgoing: &Outgoing) -> Result<KeySet, FetchError> {
        let answer = outgoing.send(Request {
            method: Method::GET,
            to: self.address.clone(),
            headers: Vec::new(),
            body: Bytes::new(),
            within: PATIENCE,
            max_answer: MAX_SET,
        });
        let answer = answer.await?;
        if answer.status != 200 {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        let text = str::from_utf8(&answer.body).map_err(|_| FetchError::Keys("it is no text".to_owned()))?;
        KeySet::parse(text).map_err(FetchError::Keys)
    }
}

async fn keep(keys: Weak<RemoteKeys>, fetcher: KeyFetcher) {
    let mut failures: u32 = 0;
    while let Some(there) = keys.upgrade() {
        failures = if there.attempt(&fetcher).await { 0 } else { failures + 1 };
        let pause = match failures {
            0 => EVERY,
            _ => FIRST_RETRY * 2_u32.pow((failures - 1).min(MAX_DOUBLINGS)),
        };
        let wanted = Arc::clone(&there.wanted);
        drop(there);
        tokio::select! {
            () = sleep(pause) => {}
            () = async {
                sleep(pause.min(AT_MOST_EVERY)).await;
                wanted.notified().await;
            } => {}
        }
    }
}
