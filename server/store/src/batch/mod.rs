//! Commands that share a transaction, so that many senders share one fsync.
//!
//! Where the database fails because of one command, as for a frame that does not fit on the disk,
//! the commands are carried out again, each in a transaction of its own. So no client is answered
//! ok for a change that was rolled back, or refused because of somebody else's command.

use vestibule_schema::{
    Error, ErrorKind,
    repository::{streams::transaction_number, transaction::transaction},
};

use crate::{
    error::CommandError,
    failpoint,
    failure_policy::FailurePolicy,
    link::Link,
    order::{Held, Order},
    rows::{self, CarriedOut, Rules},
    slow_disk::SlowDisk,
    submission::{Committed, Submission},
};

/// The outcome of a command.
pub(super) type Outcome = Result<Committed, CommandError>;

/// How many times a batch is carried out that lost the connection, or waited for others in vain.
const ATTEMPTS: usize = 3;

/// Carries out batches.
pub(super) struct Batches<'a> {
    pub(super) link: &'a mut Link,
    pub(super) rules: Rules<'a>,
    pub(super) disk: &'a mut SlowDisk,
    pub(super) failures: &'a FailurePolicy,
    pub(super) order: &'a Order,
}

impl Batches<'_> {
    /// Carries out a batch and commits it. Calls `answer` with the outcomes, in order: with all of
    /// them, or with a part after each of several commits. What `answer` tells users comes in the
    /// order of the seqs.
    pub(super) fn carry_out(&mut self, commands: &[&Submission], answer: &mut dyn FnMut(Vec<Outcome>)) {
        let order = self.order;
        for attempt in 1.. {
            let mut held = Held::of(order);
            let error = match self.commit(commands, &mut held) {
                Ok(outcomes) => return answer(outcomes),
                Err(error) => error,
            };
            if attempt < ATTEMPTS && self.link.is_worth_another_try(&error) {
                continue;
            }
            if commands.len() > 1 && may_be_of_one_command(error.kind()) {
                tracing::debug!(%error, "carrying out each command of a batch for itself");
                drop(held);
                return commands.iter().for_each(|command| self.carry_out(&[command], answer));
            }
            let error = CommandError::from(self.failures.on_write(&error));
            return answer(commands.iter().map(|_| Err(error.clone())).collect());
        }
    }

    fn commit(&mut self, commands: &[&Submission], held: &mut Held<'_>) -> Result<Vec<Outcome>, Error> {
        let Self { link, rules, disk, .. } = self;
        let (mut done, mut number) = (CarriedOut::default(), None);
        let committed: Result<(), Error> = transaction(link.connection()?, |connection| {
            done = rows::carry_out(connection, *rules, commands, held)?;
            number = transaction_number(connection)?;
            disk.wait();
            failpoint::pass("before_commit");
            Ok(())
        });
        failpoint::pass("after_commit");
        match committed {
            Err(error) if error.kind() == ErrorKind::InDoubt => self.link.settle(error, number)?,
            committed => committed?,
        }
        let CarriedOut { decided, opened } = done;
        rules.open_total.add(opened);
        for (command, decided) in commands.iter().zip(&decided) {
            if let Ok(committed) = decided {
                self.link.wrote(&command.rid, committed.seq);
            }
        }
        Ok(decided.into_iter().map(|decided| decided.map_err(CommandError::Refused)).collect())
    }
}

/// Whether one command may be the reason why none could be carried out.
fn may_be_of_one_command(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Full
            | ErrorKind::Corrupt
            | ErrorKind::Unreadable
            | ErrorKind::Conflict
            | ErrorKind::Unavailable
    )
}

#[cfg(test)]
mod tests;
