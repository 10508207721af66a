//! Ends what is over: requests and approves whose time has come, and what the store remembers of them.
//!
//! Expired frames are neither delivered nor shown from the very moment on; this tells those whom it concerns, soon after, and
//! gives the space back. It acts through the same rules as everybody else, but by a time that has certainly come: a clock that
//! is wrong for an hour shall end nothing for good.

use std::sync::Arc;

use futures_util::future::join_all;
use vestibule_protocol::approve::{refusal::Refusal, rules::Caller};

use super::{Flow, aftermath::Aftermath, metrics::Round};
use crate::store::{Content, Due, Submission};

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

async fn end(flow: &Flow, Due { rid, uid, command }: Due) -> Result<usize, Refusal> {
    let caller = Caller { uid, is_member: false };
    let submission = Submission { rid, caller, command, content: Content::Nothing };
    let committed = flow.store.carry_out(submission).await?;
    flow.spread(&rid, Aftermath::of(rid, uid, None, &committed));
    Ok(usize::from(committed.decision.change.is_some()))
}

/// Ends what is over at `now`, by which it is certain to be.
async fn sweep(flow: &Flow, now: i64) -> Result<(), Refusal> {
    loop {
        let due = flow.store.due(now).await?;
        let ended = join_all(due.into_iter().map(|due| end(flow, due))).await;
        // What is found due but is not ended would be found again at once.
        let ended = ended.into_iter().sum::<Result<usize, Refusal>>()?;
        flow.metrics.swept.inc_by(ended as u64);
        if ended == 0 {
            break;
        }
    }
    while flow.store.tidy(now).await? > 0 {}
    Ok(())
}
