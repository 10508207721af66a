//! Commands that nobody waits for, such as the sweep's, carried out in chunks, so that other
//! commands are not delayed.
//!
//! When the writer has emptied its queue, it takes a chunk into the same transaction and carries
//! out as much of it as a few milliseconds allow. The rest comes with the next chunk. Chunks do not
//! pass through the queue, so a full queue does not stop them.

use std::{collections::VecDeque, sync::mpsc::TrySendError};

use tokio::sync::oneshot;

use crate::{
    batch::Outcome,
    chunk::Chunk,
    error::{CommandError, StoreError},
    job::Job,
    store::Store,
    submission::{Committed, Submission},
};

/// The most commands in a chunk.
const CHUNK: usize = 64;

impl Store {
    /// Carries out commands that nobody waits for: after those that somebody waits for, and a few
    /// milliseconds at a time. Calls `each` with every outcome, in order, once it is durable.
    pub async fn carry_out_in_background(
        &self,
        commands: impl IntoIterator<Item = Submission>,
        mut each: impl FnMut(Submission, Result<Committed, CommandError>),
    ) -> Result<(), StoreError> {
        let mut commands = commands.into_iter();
        let mut waiting = VecDeque::with_capacity(CHUNK);
        loop {
            waiting.extend(commands.by_ref().take(CHUNK - waiting.len()));
            if waiting.is_empty() {
                return Ok(());
            }
            let (commands, outcomes) = self.carry_out_chunk(waiting.into()).await?;
            waiting = commands.into();
            for outcome in outcomes {
                if let Some(submission) = waiting.pop_front() {
                    each(submission, outcome);
                }
            }
        }
    }

    async fn carry_out_chunk(
        &self,
        commands: Vec<Submission>,
    ) -> Result<(Vec<Submission>, Vec<Outcome>), StoreError> {
        let (done, is_done) = oneshot::channel();
        self.chunks.try_send(Chunk::new(commands, done)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Unavailable,
        })?;
        // If the queue is full, the writer is awake and finds the chunk anyway.
        let _ = self.queue().try_send(Job::Wake);
        is_done.await.map_err(|_| StoreError::Unavailable)
    }
}
