//! Ends what is over: requests and approves whose time has come, and what the store remembers of them.
//!
//! Expired frames are neither delivered nor shown from the very moment on; this tells those whom it concerns, soon after, and
//! gives the space back. It acts through the same rules as everybody else, but by a time that has certainly come: a clock that
//! is wrong for an hour shall end nothing for good.

use std::sync::Arc;

use vestibule_approve::rules::Caller;
use vestibule_store::{CommandError, Committed, Content, Due, Submission};

use super::{Flow, metrics::Round, notifications::Notifications};

/// Sweeps for ever.
pub async fn run(flow: Arc<Flow>) {
    loop {
        tokio::time::sleep(flow.terms.sweep).await;
        let round = match flow.certainty.now_ms() {
            None => Round::Held,
            // A store that fails has said so in the log; the next round may find it better.
            Some(now) => sweep(&flow, now).await.map_or(Round::Failed, |()| Round::Done),
        };
        flow.metrics.swept_over(round);
    }
}

/// Forgets and ends what is certainly over at `now`.
async fn sweep(flow: &Flow, now: i64) -> Result<(), CommandError> {
    // Room is made first: what ends needs a little of it, and would fail for ever where there is none.
    let tidied = flow.store.tidy(now).await;
    end_what_is_over(flow, now).await?;
    tidied.map(drop).map_err(CommandError::from)
}

/// Ends what is over at `now`, by which it is certain to be.
async fn end_what_is_over(flow: &Flow, now: i64) -> Result<(), CommandError> {
    loop {
        let due = flow.store.due(now).await?;
        let ending = due.into_iter().map(|Due { rid, uid, command }| {
            let caller = Caller { uid, is_member: false };
            Submission { rid, caller, command, content: Content::Nothing }
        });
        let (mut ended, mut failed) = (0, Ok(()));
        let each = |submission: Submission, outcome: Result<Committed, CommandError>| match outcome {
            Ok(committed) => {
                let Submission { rid, caller, .. } = submission;
                ended += u64::from(committed.decision.change.is_some());
                flow.spread(&rid, Notifications::of(rid, caller.uid, None, &committed));
            }
            Err(error) => failed = Err(error),
        };
        flow.store.carry_out_piecemeal(ending, each).await?;
        flow.metrics.swept.inc_by(ended);
        failed?;
        // What is found due but is not ended would be found again at once.
        if ended == 0 {
            return Ok(());
        }
    }
}
