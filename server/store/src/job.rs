//! What the writer's queue holds.

use vestibule_approve::limits::Quotas;
use vestibule_schema::Connection;

use crate::{
    clock::UnixMicros,
    submission::{Done, Submission},
};

pub(super) enum Job {
    CarryOut(Box<Submission>, Done),
    Exclusive(Exclusive),
    /// A chunk is waiting.
    Wake,
    Stop,
}

/// Work that the writer does in a transaction of its own, between two batches. Gets the quotas and
/// the time in Unix microseconds.
pub(super) type Exclusive = Box<dyn FnOnce(&mut Connection, &Quotas, UnixMicros) + Send>;
