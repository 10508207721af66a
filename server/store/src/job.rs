//! What the writer's queue holds.

use vestibule_approve::limits::Quotas;
use vestibule_schema::Connection;

use crate::submission::{Done, Submission};

pub(super) enum Job {
    CarryOut(Box<Submission>, Done),
    Exclusive(Exclusive),
    /// There is a chunk to look for.
    Wake,
    Stop,
}

/// What the writer does in a transaction of its own, between two batches.
pub(super) type Exclusive = Box<dyn FnOnce(&mut Connection, &Quotas, i64) + Send>;
