//! A part of the commands that nobody waits for, on its way to the writer.

use std::sync::mpsc::SyncSender;

use tokio::sync::oneshot;

use crate::{batch::Outcome, submission::Submission};

/// The most chunks that wait for the writer: as many as there are tasks that have some.
pub(super) const MAX_CHUNKS: usize = 16;

/// Commands on their way to the writer.
pub(super) struct Chunk {
    commands: Vec<Submission>,
    done: oneshot::Sender<(Vec<Submission>, Vec<Outcome>)>,
}

impl Chunk {
    pub(super) fn new(
        commands: Vec<Submission>,
        done: oneshot::Sender<(Vec<Submission>, Vec<Outcome>)>,
    ) -> Self {
        Self { commands, done }
    }

    pub(super) fn commands(&self) -> &[Submission] {
        &self.commands
    }

    /// Hands back the commands, and what became of the first ones.
    pub(super) fn finish(self, outcomes: Vec<Outcome>) {
        // Who asked may have gone.
        let _ = self.done.send((self.commands, outcomes));
    }
}

/// The way of chunks to the writer.
pub(super) type Chunks = SyncSender<Chunk>;
