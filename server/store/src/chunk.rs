//! A chunk of background commands on its way to the writer.

use std::sync::mpsc::SyncSender;

use tokio::sync::oneshot;

use crate::{batch::Outcome, submission::Submission};

/// The most chunks that wait for the writer. Each task that carries out background commands has at
/// most one.
pub(super) const MAX_CHUNKS: usize = 16;

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

    /// Returns the commands to their sender, with the outcomes of the first ones.
    pub(super) fn finish(self, outcomes: Vec<Outcome>) {
        // The sender may be gone.
        let _ = self.done.send((self.commands, outcomes));
    }
}

/// The queue of chunks to the writer.
pub(super) type Chunks = SyncSender<Chunk>;
