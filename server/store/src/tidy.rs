//! Deletes what has expired, a few milliseconds at a time.

use vestibule_approve::limits::Quotas;
use vestibule_schema::repository;

use crate::{error::StoreError, store::Store};

/// How many rows of each kind are forgotten before the time is looked at.
const TIDIED_AT_ONCE: u32 = 32;

/// For how long it is remembered what operators did, and how much of it at the most.
const KEEP_ACTS_MS: i64 = 365 * 24 * 60 * 60 * 1000;
const KEEP_ACTS: i64 = 100_000;

impl Store {
    /// Deletes what is over and need not be remembered any more, for a few milliseconds at a time. Says how many rows.
    pub async fn tidy(&self, now: i64) -> Result<usize, StoreError> {
        let Quotas { memory_ms, notices_ms, .. } = **self.quotas.load();
        let (finished_before, notices_before) = (now - memory_ms, now - notices_ms);
        self.in_short_transactions(move |conn| {
            let tidied = repository::tidy::run(conn, now, finished_before, notices_before, TIDIED_AT_ONCE)?
                + repository::audit::forget(conn, now - KEEP_ACTS_MS, KEEP_ACTS, TIDIED_AT_ONCE)?;
            Ok((tidied, tidied > 0))
        })
        .await
    }
}
