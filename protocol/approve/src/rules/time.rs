//! Rules for the sweep and for operators: requests and approves end at their time, or before.

use super::{
    Answer, ApproveFacts, ApproveState, Change, Decision, Facts, RequestFacts, RequestState,
    approver::was_last,
};
use crate::limits::Quotas;

/// Ends a request at its `exp`, at the end of its denial, or when its devices had their time.
pub(super) fn expire(quotas: &Quotas, facts: &Facts, now: i64) -> Decision {
    close(facts, |request| how_over(quotas, facts, request, now))
}

/// Ends a request before its time, in the same way. An ended one stays as it is.
pub(super) fn end(facts: &Facts) -> Decision {
    close(facts, |request| match request.state {
        RequestState::Denied => request.is_kept.then_some(RequestState::Denied),
        _ if !request.is_open() => None,
        _ if request.first_ack.is_some() => Some(RequestState::Done),
        _ => Some(RequestState::Expired),
    })
}

fn close(facts: &Facts, how: impl FnOnce(&RequestFacts) -> Option<RequestState>) -> Decision {
    match facts.request.and_then(|request| Some((request.request_id, how(&request)?))) {
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
        // Some device has the key, and the others had their time.
        Some(first) if is_past || now - first >= quotas.devices_ms => Some(RequestState::Done),
        None if is_past => Some(RequestState::Expired),
        _ => None,
    }
}

/// Ends an approve that has expired.
pub(super) fn lapse(facts: &Facts, now: i64) -> Decision {
    drop_approve(facts, now, |approve| approve.exp <= now)
}

/// Ends an approve before its time, in the same way.
pub(super) fn revoke(facts: &Facts, now: i64) -> Decision {
    drop_approve(facts, now, |_| true)
}

fn drop_approve(facts: &Facts, now: i64, is_over: impl FnOnce(&ApproveFacts) -> bool) -> Decision {
    let over = facts.approve.filter(|approve| approve.state == ApproveState::Live && is_over(approve));
    match (over, facts.request) {
        (Some(approve), Some(request)) => {
            let reopens = was_last(facts, &request, &approve, now);
            Decision::change(Answer::Sweep { dup: false }, Change::Lapse { reopens })
        }
        _ => Decision::nothing(Answer::Sweep { dup: true }),
    }
}
