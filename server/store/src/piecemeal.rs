//! What nobody waits for: many commands, carried out a piece at a time, so that whoever waits does not wait for them.
//!
//! The writer looks for a piece when it has taken all that is in its queue, and carries out as much of it as a few
//! milliseconds allow, in the same transaction. What is left comes with the next piece. A piece takes no place in the queue, so
//! a queue that is full does not keep it out.

use std::{
    collections::VecDeque,
    sync::mpsc::{SyncSender, TrySendError},
};

use tokio::sync::oneshot;

use super::{CommandError, Committed, Job, Store, StoreError, Submission, batch::Outcome};

/// The most commands that the writer is shown at once.
const PIECE: usize = 64;

/// The most pieces that wait for the writer: as many as there are tasks that have some.
pub(super) const PIECES: usize = 16;

/// Commands on their way to the writer.
pub(super) struct Piece {
    commands: Vec<Submission>,
    done: oneshot::Sender<(Vec<Submission>, Vec<Outcome>)>,
}

impl Piece {
    pub(super) fn commands(&self) -> &[Submission] {
        &self.commands
    }

    /// Hands back the commands, and what became of the first ones.
    pub(super) fn finish(self, outcomes: Vec<Outcome>) {
        // Who asked may have gone.
        let _ = self.done.send((self.commands, outcomes));
    }
}

impl Store {
    /// Has commands carried out that nobody waits for, after all that somebody waits for and a few milliseconds at a time. `each`
    /// hears what became of each, in their order, each when it is durable.
    pub async fn carry_out_piecemeal(
        &self,
        commands: impl IntoIterator<Item = Submission>,
        mut each: impl FnMut(Submission, Result<Committed, CommandError>),
    ) -> Result<(), StoreError> {
        let mut commands = commands.into_iter();
        let mut waiting = VecDeque::with_capacity(PIECE);
        loop {
            waiting.extend(commands.by_ref().take(PIECE - waiting.len()));
            if waiting.is_empty() {
                return Ok(());
            }
            let (commands, outcomes) = self.carry_out_piece(waiting.into()).await?;
            waiting = commands.into();
            for outcome in outcomes {
                if let Some(submission) = waiting.pop_front() {
                    each(submission, outcome);
                }
            }
        }
    }

    async fn carry_out_piece(
        &self,
        commands: Vec<Submission>,
    ) -> Result<(Vec<Submission>, Vec<Outcome>), StoreError> {
        let (done, is_done) = oneshot::channel();
        self.pieces.try_send(Piece { commands, done }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Unavailable,
        })?;
        // Where the queue is full the writer is at work, and looks without being told.
        let _ = self.queue.try_send(Job::Look);
        is_done.await.map_err(|_| StoreError::Unavailable)
    }
}

/// The way of pieces to the writer.
pub(super) type Pieces = SyncSender<Piece>;
