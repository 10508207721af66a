//! The store's configuration.

use vestibule_approve::limits::Quotas;

use crate::clock::Clock;

/// What [`Store::open`](crate::Store::open) needs to know.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Quotas, for the rules.
    pub quotas: Quotas,
    /// The size to which the database may grow, in bytes; `None` for as large as the disk.
    pub max_bytes: Option<u64>,
    /// How many commands may wait for the writer. Further commands fail with
    /// [`StoreError::Overloaded`](crate::StoreError::Overloaded).
    pub queue: usize,
    /// About the most that one page of a list holds, in bytes. The answer to a join has three
    /// pages, as text a third larger, and must fit an outbox.
    pub page_bytes: usize,
    /// Whether lists show the accounts that are stored with requests.
    pub show_accounts: bool,
    /// The clock.
    pub clock: Clock,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            max_bytes: None,
            queue: 4096,
            page_bytes: 128 * 1024,
            show_accounts: false,
            clock: Clock::default(),
        }
    }
}
