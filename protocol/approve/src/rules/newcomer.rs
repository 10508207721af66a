//! Rules for newcomers: request, withdraw, ack, nack.

use super::{Answer, ApproveState, Caller, Change, Decision, DenialFacts, Facts, RequestFacts, RequestState};
use crate::{
    exp,
    frames::{Id, Policy},
    limits::Quotas,
    refusal::{Reason, Refusal},
    signed::Hash,
};

/// When to retry after a quota, in milliseconds.
const QUOTA_RETRY_MS: u32 = 60_000;

pub(super) struct Asking {
    pub(super) request_id: Id,
    pub(super) device: Id,
    pub(super) digest: Hash,
    pub(super) exp: i64,
}

pub(super) fn request(
    quotas: &Quotas,
    facts: &Facts,
    asking: &Asking,
    now: i64,
) -> Result<Decision, Refusal> {
    exp::check_is_ahead(asking.exp, now)?;
    // A secret room answers as one that does not exist, whatever else is stored of it.
    if facts.room.is_none_or(|room| room.policy == Policy::Secret) {
        return Err(Reason::UnknownRoom.into());
    }
    if let Some(known) = &facts.request {
        return if known.digest == asking.digest {
            again(quotas, facts, known, asking.device, now)
        } else {
            Err(Reason::IdConflict.into())
        };
    }
    if let Some(open) = facts.same_box.filter(|open| open.is_open() && open.exp > now) {
        return again(quotas, facts, &open, asking.device, now);
    }
    if let Some(denial) = facts.denial.filter(|denial| denial.holds(now)) {
        return Err(denied(&denial, now));
    }
    check_quotas(quotas, facts)?;
    let state = RequestState::Pending;
    let answer = Answer::Request { request_id: asking.request_id, state, seq: None, dup: false };
    Ok(Decision::change(answer, Change::AddRequest))
}

/// A request that is already stored. Another device of the same user may register for the answer.
fn again(
    quotas: &Quotas,
    facts: &Facts,
    known: &RequestFacts,
    device: Id,
    now: i64,
) -> Result<Decision, Refusal> {
    let RequestFacts { request_id, state, seq, .. } = *known;
    let answer = Answer::Request { request_id, state, seq: Some(seq), dup: true };
    let waits = known.is_open() && known.exp > now;
    if !waits || facts.devices.iter().any(|known| known.device == device) {
        return Ok(Decision::nothing(answer));
    }
    if facts.devices.len() >= quotas.devices_per_request {
        return Err(Reason::Quota.because("This request has as many devices as one may have."));
    }
    Ok(Decision::change(answer, Change::AddDevice { request_id }))
}

fn denied(denial: &DenialFacts, now: i64) -> Refusal {
    if denial.is_block {
        return Reason::Blocked.into();
    }
    Reason::Cooldown.retry_after(u32::try_from(denial.until - now).unwrap_or(u32::MAX))
}

fn check_quotas(quotas: &Quotas, facts: &Facts) -> Result<(), Refusal> {
    let usage = &facts.usage;
    let checks = [
        (
            usage.open_of_user_in_room,
            quotas.open_per_user_in_room,
            "You have as many open requests in this room as one user may.",
        ),
        (usage.open_of_user, quotas.user_share(), "You have as many open requests as one user may."),
        (
            usage.requests_of_user,
            quotas.requests_per_user,
            "You have as many requests, open or ended a short while ago, as one user may.",
        ),
        (usage.open_in_room, quotas.room_share(), "This room has as many open requests as one may have."),
        (usage.open_in_all, quotas.open_in_all, "This server has as many open requests as it may have."),
    ];
    match checks.into_iter().find(|(used, quota, _)| used >= quota) {
        Some((_, _, what)) => Err(Reason::Quota.because(what).and_retry_after(QUOTA_RETRY_MS)),
        None => Ok(()),
    }
}

pub(super) fn withdraw(facts: &Facts, request_id: Id, now: i64) -> Decision {
    if facts.request.is_some_and(|request| request.can_be_approved(now)) {
        let change = Change::Close { request_id, state: RequestState::Withdrawn };
        Decision::change(Answer::Withdraw { dup: false }, change)
    } else {
        Decision::nothing(Answer::Withdraw { dup: true })
    }
}

/// A device has saved the key from any approve of the request, perhaps after it expired. The other
/// approves are dropped only if this one is live, so that the other devices can still fetch it.
pub(super) fn ack(facts: &Facts, caller: &Caller, device: Id, now: i64) -> Decision {
    let nothing = Decision::nothing(Answer::Ack { dup: true, deleted: false });
    let Some(approve) = facts.approve.filter(|approve| approve.to == caller.uid) else { return nothing };
    let Some(request) = facts.request.filter(RequestFacts::is_open) else { return nothing };
    let is_first = approve.is_live(now) && !approve.is_acked;
    let is_news = facts.devices.iter().any(|known| known.device == device && !known.has_acked);
    let closes = facts.devices.iter().all(|known| known.has_acked || known.device == device);
    if !is_first && !is_news && !closes {
        return nothing;
    }
    let change = Change::Save { request_id: request.request_id, is_first, closes };
    Decision::change(Answer::Ack { dup: false, deleted: closes }, change)
}

/// An approve that a device has acked is good: another device's nack does not take it from the
/// rest.
pub(super) fn nack(facts: &Facts, caller: &Caller, now: i64) -> Decision {
    // Other users do not even learn the request's state.
    let own = facts.approve.filter(|approve| approve.to == caller.uid);
    let state = own.and(facts.request).map(|request| request.state);
    let nothing = Decision::nothing(Answer::Nack { state, dup: true });
    let Some(approve) = own.filter(|approve| approve.state == ApproveState::Live && !approve.is_acked) else {
        return nothing;
    };
    let Some(request) = facts.request.filter(RequestFacts::is_open) else { return nothing };
    let reopens = super::approver::was_last(facts, &request, &approve, now);
    let state = if reopens { RequestState::Pending } else { request.state };
    Decision::change(Answer::Nack { state: Some(state), dup: false }, Change::Nack { reopens })
}
