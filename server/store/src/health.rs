//! Whether the store works, and how much is in it: for readiness and metrics.

use std::time::Duration;

use tokio::time::timeout;
use vestibule_schema::{Error, migrate, repository::census};

use crate::{
    error::StoreError,
    problem::{LEAST_FREE, StoreProblem, free_bytes},
    store::Store,
};

/// How long the test read may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much the database holds.
#[derive(Clone, Copy, Debug)]
pub struct Census {
    /// Rooms.
    pub rooms: i64,
    /// Open requests that nobody has approved.
    pub pending: i64,
    /// How long the oldest of them has waited, in milliseconds; 0 if there is none.
    pub oldest_pending_ms: i64,
    /// Approves that wait for their requesters.
    pub approves: i64,
    /// The size of the data file, in bytes.
    pub bytes: i64,
    /// The free space on its disk, in bytes.
    pub free_bytes: i64,
}

impl Store {
    /// Checks the store with a read. Takes at most a second.
    pub async fn problem(&self) -> Option<StoreProblem> {
        let (folder, files) = (self.folder.clone(), self.files.clone());
        let looked = self.read(move |conn| {
            let is_moved = files.as_ref().is_some_and(|files| files.check().is_err());
            // A server's disk is elsewhere.
            let free = files.as_ref().and_then(|_| free_bytes(&folder));
            Ok((is_moved, migrate::is_complete(conn)?, free))
        });
        match timeout(PATIENCE, looked).await {
            Err(_) | Ok(Err(_)) => Some(StoreProblem::Unreadable),
            Ok(Ok((true, ..))) => Some(StoreProblem::Moved),
            Ok(Ok((false, false, _))) => Some(StoreProblem::Incomplete),
            Ok(Ok((false, true, free))) if free.is_some_and(|free| free < LEAST_FREE) => {
                Some(StoreProblem::Full)
            }
            Ok(Ok(_)) => self.metrics.problem(),
        }
    }

    /// Counts what the database holds. This reads every open request, so do not call it often.
    pub async fn census(&self) -> Result<Census, StoreError> {
        let (now, folder) = (self.clock.now_ms(), self.folder.clone());
        self.read(move |conn| {
            let (pending, oldest) = census::pending(conn, now)?;
            Ok::<_, Error>(Census {
                rooms: census::rooms(conn)?,
                pending,
                oldest_pending_ms: oldest.map_or(0, |oldest| (now - oldest).max(0)),
                approves: census::approves(conn, now)?,
                bytes: census::bytes(conn)?,
                free_bytes: free_bytes(&folder).map_or(0, |free| i64::try_from(free).unwrap_or(i64::MAX)),
            })
        })
        .await
    }
}
