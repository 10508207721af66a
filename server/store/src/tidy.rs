//! Deletes what has expired, a few milliseconds at a time.

use vestibule_approve::limits::Quotas;
use vestibule_schema::{repository, shrink};

use crate::{error::StoreError, store::Store};

/// How many rows of each kind are deleted between two looks at the clock.
const TIDIED_AT_ONCE: u32 = 32;

/// How long lines of the audit log are kept, and the most that are kept.
const KEEP_ACTS_MS: i64 = 365 * 24 * 60 * 60 * 1000;
const KEEP_ACTS: i64 = 100_000;

/// How many pages are given back to the disk between two looks at the clock.
const PAGES_AT_ONCE: u32 = 16;

impl Store {
    /// Gives space that is no longer needed back to the disk, a few milliseconds at a time.
    pub async fn shrink(&self) -> Result<(), StoreError> {
        self.in_short_transactions(|conn| Ok((0, shrink::give_back(conn, PAGES_AT_ONCE)?)))
            .await
            .map(|_: u8| ())
    }

    /// Deletes finished requests, old notices, expired denials and old lines of the audit log, a
    /// few milliseconds at a time. Returns how many rows.
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
