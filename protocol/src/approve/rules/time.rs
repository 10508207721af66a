//! What time does: requests and approves end.

use super::{Answer, ApproveState, Change, Decision, Facts, RequestFacts, RequestState, approver::was_last};
use crate::approve::limits::Quotas;

/// Ends a request that waits for nothing any more.
pub(super) fn expire(quotas: &Quotas, facts: &Facts, now: i64) -> Decision {
    match facts
        .request
        .and_then(|request| Some((request.request_id, how_over(quotas, facts, &request, now)?)))
    {
        Some((request_id, state)) => {
            Decision::change(Answer::Sweep { dup: false }, Change::Close { request_id, state })
        }
        None => Decision::nothing(Answer::Sweep { dup: true }),
    }
}

fn how_over(quotas: &Quotas, facts: &Facts, request: &RequestFacts, now: i64) -> Option<RequestState> {
    let is_past = request.exp <= now;
    if request.state == RequestState::Denied {
        let is_forgiven = !facts.denial.is_some_and(|denial| denial.holds(now));
        return (request.is_kept && (is_past || is_forgiven)).then_some(RequestState::Denied);
    }
    if !request.is_open() {
        return None;
    }
    match request.first_ack {
        // Some device has the key; the others had their time.
        Some(first) if is_past || now - first >= quotas.devices_ms => Some(RequestState::Done),
        None if is_past => Some(RequestState::Expired),
        _ => None,
    }
}

/// Ends an approve whose time is over.
pub(super) fn lapse(facts: &Facts, now: i64) -> Decision {
    let over = facts.approve.filter(|approve| approve.state == ApproveState::Live && approve.exp <= now);
    match (over, facts.request) {
        (Some(approve), Some(request)) => {
            let reopens = was_last(facts, &request, &approve, now);
            Decision::change(Answer::Sweep { dup: false }, Change::Lapse { reopens })
        }
        _ => Decision::nothing(Answer::Sweep { dup: true }),
    }
}
