//! How the store is set up.

use vestibule_approve::limits::Quotas;

use crate::clock::Clock;

/// What an operator may set about the store.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// How many of everything there may be.
    pub quotas: Quotas,
    /// How large the database may grow, in bytes; as large as the disk where nothing is said.
    pub max_bytes: Option<u64>,
    /// Commands that wait for the writer before [`StoreError::Overloaded`](crate::StoreError::Overloaded) is answered.
    pub queue: usize,
    /// About how much one page of a list holds at the most, in bytes. A join is answered with three of them, in text a
    /// third larger, and the whole has to fit an outbox.
    pub page_bytes: usize,
    /// What time it is.
    pub clock: Clock,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            max_bytes: None,
            queue: 4096,
            page_bytes: 128 * 1024,
            clock: Clock::default(),
        }
    }
}
