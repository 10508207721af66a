//! What the writer's queue holds.

use vestibule_schema::{Connection, Error};

use crate::{
    rows::Rules,
    submission::{Done, Submission},
};

pub(super) enum Job {
    CarryOut(Box<Submission>, Done),
    Exclusive(Exclusive),
    /// A chunk is waiting.
    Wake,
    /// The database was away: it may be another one now.
    Look,
    Stop,
}

/// Work that the writer does in a transaction of its own, between two batches. Gets an error if
/// there is no connection.
pub(super) type Exclusive = Box<dyn FnOnce(Result<&mut Connection, Error>, Rules<'_>) + Send>;
