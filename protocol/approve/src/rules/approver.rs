//! Rules for members: approve and deny requests, lift denials.

use super::{
    Answer, ApproveFacts, ApproveState, Caller, Change, Decision, Facts, RequestFacts, RequestState,
};
use crate::{
    exp,
    limits::Quotas,
    refusal::{Reason, Refusal},
    signed::{Hash, Uid},
};

/// When a slot for approves may be free again, in milliseconds: devices that are online nack
/// faster.
const SLOTS_RETRY_MS: u32 = 2_000;

pub(super) struct Approving {
    pub(super) to: Uid,
    pub(super) box_hash: Hash,
    pub(super) digest: Hash,
    pub(super) exp: i64,
}

pub(super) fn approve(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    approving: &Approving,
    now: i64,
) -> Result<Decision, Refusal> {
    check_member(caller)?;
    exp::check_is_ahead(approving.exp, now)?;
    let live = || facts.approves.iter().filter(|approve| approve.is_live(now));
    let others = live().filter(|approve| approve.by != caller.uid).count();
    if let Some(known) = facts.approve {
        if known.digest != approving.digest || known.by != caller.uid || known.to != approving.to {
            return Err(Reason::IdConflict.into());
        }
        // An approve never outlives its request: if that is gone, it is done.
        let state = facts.request.map_or(RequestState::Done, |request| request.state);
        return Ok(Decision::nothing(Answer::Approve { state, seq: Some(known.seq), dup: true, others }));
    }
    let Some(request) = facts.request else { return Err(Reason::NoRequest.into()) };
    if !request.can_be_approved(now) {
        return Err(Reason::Closed.into());
    }
    if request.box_hash != approving.box_hash {
        return Err(Reason::BoxMismatch.into());
    }
    if live().any(|approve| approve.by == caller.uid) {
        return Err(Reason::SlotsFull.because("An approve of yours waits for this newcomer already."));
    }
    let nacked = |approve: &&ApproveFacts| approve.by == caller.uid && approve.state == ApproveState::Nacked;
    if facts.approves.iter().filter(nacked).count() >= quotas.nacks_per_approver {
        return Err(
            Reason::SlotsFull.because("The newcomer could use none of your approves of this request.")
        );
    }
    // The creator always gets a slot, however many accounts a hostile member has.
    let is_creator = facts.room.is_some_and(|room| room.creator == Some(caller.uid));
    if others >= quotas.approves_per_request && !is_creator {
        return Err(Reason::SlotsFull.retry_after(SLOTS_RETRY_MS));
    }
    let answer = Answer::Approve { state: RequestState::Approved, seq: None, dup: false, others };
    let overrules = request.state == RequestState::Denied;
    Ok(Decision::change(answer, Change::AddApprove { request_id: request.request_id, overrules }))
}

pub(super) fn deny(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    is_block: bool,
    now: i64,
) -> Result<Decision, Refusal> {
    check_member(caller)?;
    let Some(request) = facts.request else { return Err(Reason::NoRequest.into()) };
    // An approved request cannot be denied: otherwise one hostile member could take back every key
    // before it is fetched.
    if !request.can_be_approved(now) || request.state == RequestState::Approved {
        return Err(Reason::Closed.into());
    }
    let is_denied = request.state == RequestState::Denied;
    let says_the_same = facts.denial.is_some_and(|denial| denial.holds(now) && denial.is_block >= is_block);
    let answer = Answer::Deny { state: RequestState::Denied, dup: is_denied && says_the_same };
    Ok(if is_denied && says_the_same {
        Decision::nothing(answer)
    } else {
        // Only an unblock ends a block, not a milder denial of another request.
        let was_block = facts.denial.is_some_and(|denial| denial.is_block);
        // A denial frees the request's place for other newcomers. While the quota for denied
        // requests allows, the frame is kept and other members may still approve it; otherwise they
        // can still lift the denial.
        let keeps = is_denied || facts.usage.denied_in_room < quotas.denied_per_room;
        let is_block = is_block || was_block;
        Decision::change(answer, Change::Deny { request_id: request.request_id, is_block, keeps })
    })
}

pub(super) fn unblock(facts: &Facts, caller: &Caller, now: i64) -> Result<Decision, Refusal> {
    check_member(caller)?;
    Ok(if facts.denial.is_some_and(|denial| denial.holds(now)) {
        Decision::change(Answer::Unblock { dup: false }, Change::Unblock)
    } else {
        Decision::nothing(Answer::Unblock { dup: true })
    })
}

/// Whether a request loses its last live approve and is pending again. An expired one is not:
/// nobody sees it any more, and it is about to end.
pub(super) fn was_last(facts: &Facts, request: &RequestFacts, gone: &ApproveFacts, now: i64) -> bool {
    let is_other = |approve: &&ApproveFacts| approve.approve_id != gone.approve_id && approve.is_live(now);
    let waits = request.state == RequestState::Approved && request.exp > now;
    waits && !facts.approves.iter().any(|approve| is_other(&approve))
}

pub(super) fn check_member(caller: &Caller) -> Result<(), Refusal> {
    if caller.is_member { Ok(()) } else { Err(Reason::NotMember.into()) }
}
