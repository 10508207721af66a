//! Ends what has expired: requests, approves, and what the store remembers of them.
//!
//! Expired items are neither delivered nor listed from the moment they expire. Soon after, the
//! sweep ends them by the same rules as every other command, tells everybody concerned, and frees
//! the space. It goes by a time that has certainly passed, so a clock that is wrong for an hour
//! ends nothing for good.

use vestibule_approve::rules::Caller;
use vestibule_store::{CommandError, Committed, Content, Due, Submission};

use super::{metrics::Round, notifications::Notifications, notifier::Notifier, services::Services};

/// Sweeps for ever.
pub(super) async fn run(services: &Services, notifier: &dyn Notifier) {
    loop {
        tokio::time::sleep(services.config.sweep).await;
        let round = match services.certainty.now_ms() {
            None => Round::Held,
            // A store that fails has logged it; the next round may succeed.
            Some(now) => sweep(services, notifier, now).await.map_or(Round::Failed, |()| Round::Done),
        };
        services.metrics.swept_over(round);
    }
}

/// Forgets and ends what has certainly expired at `now`.
async fn sweep(services: &Services, notifier: &dyn Notifier, now: i64) -> Result<(), CommandError> {
    // Space is freed first: ending an item takes a little of it, and would always fail without any.
    let tidied = services.store.tidy(now).await;
    end_expired(services, notifier, now).await?;
    services.store.shrink().await?;
    tidied.map(drop).map_err(CommandError::from)
}

/// Ends what has certainly expired at `now`.
async fn end_expired(services: &Services, notifier: &dyn Notifier, now: i64) -> Result<(), CommandError> {
    loop {
        let due = services.store.due(now).await?;
        let ending = due.into_iter().map(|Due { rid, uid, command }| {
            let caller = Caller { uid, is_member: false };
            Submission { rid, caller, command, content: Content::Nothing }
        });
        let (mut ended, mut failed) = (0, Ok(()));
        let each = |submission: Submission, outcome: Result<Committed, CommandError>| match outcome {
            Ok(committed) => {
                let Submission { rid, caller, .. } = submission;
                ended += u64::from(committed.decision.change.is_some());
                notifier.notify(&rid, Notifications::of(rid, caller.uid, None, &committed));
            }
            Err(error) => failed = Err(error),
        };
        services.store.carry_out_in_background(ending, each).await?;
        services.metrics.swept.inc_by(ended);
        failed?;
        // Items that are due but cannot be ended would be found again at once.
        if ended == 0 {
            return Ok(());
        }
    }
}
