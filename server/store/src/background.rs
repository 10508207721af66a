//! What nobody waits for: many commands, carried out a chunk at a time, so that whoever waits does not wait for them.
//!
//! The writer looks for a chunk when it has taken all that is in its queue, and carries out as much of it as a few
//! milliseconds allow, in the same transaction. What is left comes with the next chunk. A chunk takes no place in the queue, so
//! a queue that is full does not keep it out.

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

/// The most commands that the writer is shown at once.
const CHUNK: usize = 64;

impl Store {
    /// Has commands carried out that nobody waits for, after all that somebody waits for and a few milliseconds at a time. `each`
    /// hears what became of each, in their order, each when it is durable.
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
        // Where the queue is full the writer is at work, and looks without being told.
        let _ = self.queue.try_send(Job::Wake);
        is_done.await.map_err(|_| StoreError::Unavailable)
    }
}
