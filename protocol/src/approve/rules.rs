//! What a command does: one pure function from (facts, command, time) to (answer, change), or a refusal.
//!
//! The store gathers the [`Facts`] that bear on a command, calls [`decide`], writes the [`Change`] in the same
//! transaction, and once that is durable the room answers and tells whom the change concerns. Nothing else decides, so
//! what is checked about this function holds for the server.
//!
//! A request goes pending → approved → done, or ends as withdrawn; it is expired when its `exp` is over.
//!
//! ```
//! use vestibule_protocol::{approve::limits::Quotas, approve::rules::{Answer, Caller, Command, Facts, RoomFacts, Policy, decide}, base64url::Fixed};
//!
//! let bob = Caller { uid: Fixed([1; 32]), is_member: false };
//! let ask = Command::Request {
//!     request_id: Fixed([2; 16]), box_hash: Fixed([3; 32]), digest: Fixed([4; 32]), exp: 2_000,
//! };
//! let room = RoomFacts { version: 1, policy: Policy::Request, digest: Fixed([5; 32]) };
//! let decision = decide(&Quotas::default(), &Facts { room: Some(room), ..Facts::default() }, &bob, &ask, 1_000)?;
//! assert!(matches!(decision.answer, Answer::Request { dup: false, .. }));
//! # Ok::<(), vestibule_protocol::approve::refusal::Refusal>(())
//! ```

use serde::{Deserialize, Serialize};

pub use super::frames::Policy;
use super::{
    frames::Id,
    limits::Quotas,
    refusal::{Reason, Refusal},
};
use crate::signed::{Hash, Uid};

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Nobody has approved it yet.
    Pending,
    /// Approved, and not yet saved by the newcomer.
    Approved,
    /// The newcomer has the key.
    Done,
    /// The newcomer took it back.
    Withdrawn,
    /// Its time is over.
    Expired,
}

/// Who sends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub uid: Uid,
    /// Whether this connection proved the room key.
    pub is_member: bool,
}

/// What somebody wants done in one room. Signatures have been checked; a `digest` is the hash of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Publish a card.
    Publish {
        /// Its version.
        version: u64,
        /// Its policy.
        policy: Policy,
        /// Its digest.
        digest: Hash,
    },
    /// Ask for the room key.
    Request {
        /// The request's id.
        request_id: Id,
        /// The hash of the box key.
        box_hash: Hash,
        /// The request's digest.
        digest: Hash,
        /// When it ends.
        exp: i64,
    },
    /// Send the room key.
    Approve {
        /// The approve's id.
        approve_id: Id,
        /// The newcomer.
        to: Uid,
        /// The request it answers.
        request_id: Id,
        /// The hash of the box key it is sealed to.
        box_hash: Hash,
        /// The approve's digest.
        digest: Hash,
        /// When it ends.
        exp: i64,
    },
    /// Take a request back.
    Withdraw {
        /// The request.
        request_id: Id,
    },
    /// The key is saved.
    Ack {
        /// The approve it came in.
        approve_id: Id,
    },
}

/// What the store knows that bears on a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The room's published card.
    pub room: Option<RoomFacts>,
    /// The request that the command (or the approve it names) is about: by id, of the user it belongs to.
    pub request: Option<RequestFacts>,
    /// Another open request of the same user for the same box key.
    pub same_box: Option<RequestFacts>,
    /// The approve that the command names.
    pub approve: Option<ApproveFacts>,
    /// The live approves of `request`.
    pub live: Vec<ApproveFacts>,
}

/// A published card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomFacts {
    /// Its version.
    pub version: u64,
    /// Its policy.
    pub policy: Policy,
    /// The hash of its signed bytes.
    pub digest: Hash,
}

/// A stored request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// Its id.
    pub request_id: Id,
    /// Where it stands.
    pub state: RequestState,
    /// The hash of its box key.
    pub box_hash: Hash,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// When it ends.
    pub exp: i64,
    /// The seq it was stored with.
    pub seq: i64,
}

impl RequestFacts {
    fn is_open(&self, now: i64) -> bool {
        matches!(self.state, RequestState::Pending | RequestState::Approved) && self.exp > now
    }
}

/// A stored approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApproveFacts {
    /// Its id.
    pub approve_id: Id,
    /// The approver.
    pub by: Uid,
    /// The newcomer.
    pub to: Uid,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// Whether it still waits for the newcomer.
    pub is_live: bool,
    /// The seq it was stored with.
    pub seq: i64,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What its sender is told.
    pub answer: Answer,
    /// What is written; nothing for a duplicate.
    pub change: Option<Change>,
}

/// What the sender is told. Where something is written, the store adds the seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a card.
    Publish {
        /// The published version.
        version: u64,
        /// Whether it was published before.
        dup: bool,
    },
    /// To a request.
    Request {
        /// The id it is known by, which may be an earlier request's for the same box key.
        request_id: Id,
        /// Where it stands.
        state: RequestState,
        /// The seq of the earlier one.
        seq: Option<i64>,
        /// Whether it was stored before.
        dup: bool,
    },
    /// To an approve.
    Approve {
        /// Where the request stands.
        state: RequestState,
        /// The seq of the earlier one.
        seq: Option<i64>,
        /// Whether it was stored before.
        dup: bool,
        /// How many other approves wait for the newcomer.
        others: usize,
    },
    /// To a withdrawal.
    Withdraw {
        /// Whether there was nothing to withdraw.
        dup: bool,
    },
    /// To an ack.
    Ack {
        /// Whether there was nothing to ack.
        dup: bool,
        /// Whether the stored request and its approves are deleted now.
        deleted: bool,
    },
}

/// What is written, all of it with one fresh seq, and told to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The card replaces the one before.
    PutCard,
    /// The request is stored as pending; members are shown it.
    AddRequest,
    /// The approve is stored, and its request is approved; it is sent to the newcomer, and members are told.
    AddApprove {
        /// Whether the request was pending.
        is_first: bool,
    },
    /// The request ends and its frames are deleted; members are told. Its id is remembered until its exp.
    Close {
        /// The request.
        request_id: Id,
        /// How it ended.
        state: RequestState,
    },
}

/// Decides what `command` does. Pure.
pub fn decide(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    command: &Command,
    now: i64,
) -> Result<Decision, Refusal> {
    match *command {
        Command::Publish { version, policy: _, digest } => publish(facts, caller, version, digest),
        Command::Request { request_id, digest, exp, .. } => request(facts, request_id, digest, exp, now),
        Command::Approve { to, box_hash, digest, exp, .. } => {
            approve(quotas, facts, caller, &Approving { to, box_hash, digest, exp }, now)
        }
        Command::Withdraw { request_id } => Ok(withdraw(facts, request_id, now)),
        Command::Ack { .. } => Ok(ack(facts, caller)),
    }
}

fn publish(facts: &Facts, caller: &Caller, version: u64, digest: Hash) -> Result<Decision, Refusal> {
    if !caller.is_member {
        return Err(Reason::NotMember.into());
    }
    match facts.room {
        Some(room) if room.digest == digest => Ok(unchanged(Answer::Publish { version, dup: true })),
        Some(room) if room.version >= version => {
            Err(Reason::VersionConflict.because(format!("version {} is published", room.version)))
        }
        _ => Ok(changed(Answer::Publish { version, dup: false }, Change::PutCard)),
    }
}

fn request(facts: &Facts, request_id: Id, digest: Hash, exp: i64, now: i64) -> Result<Decision, Refusal> {
    if exp <= now {
        return Err(Reason::Expired.into());
    }
    // A secret room answers as one that does not exist, whatever else is known about it.
    if facts.room.is_none_or(|room| room.policy == Policy::Secret) {
        return Err(Reason::UnknownRoom.into());
    }
    if let Some(known) = facts.request {
        return if known.digest == digest { Ok(again(&known)) } else { Err(Reason::IdConflict.into()) };
    }
    if let Some(open) = facts.same_box.filter(|open| open.is_open(now)) {
        return Ok(again(&open));
    }
    let answer = Answer::Request { request_id, state: RequestState::Pending, seq: None, dup: false };
    Ok(changed(answer, Change::AddRequest))
}

fn again(known: &RequestFacts) -> Decision {
    unchanged(Answer::Request {
        request_id: known.request_id,
        state: known.state,
        seq: Some(known.seq),
        dup: true,
    })
}

struct Approving {
    to: Uid,
    box_hash: Hash,
    digest: Hash,
    exp: i64,
}

fn approve(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    approving: &Approving,
    now: i64,
) -> Result<Decision, Refusal> {
    if !caller.is_member {
        return Err(Reason::NotMember.into());
    }
    if approving.exp <= now {
        return Err(Reason::Expired.into());
    }
    let others = facts.live.iter().filter(|live| live.by != caller.uid).count();
    if let Some(known) = facts.approve {
        if known.digest != approving.digest || known.by != caller.uid || known.to != approving.to {
            return Err(Reason::IdConflict.into());
        }
        // An approve outlives no request: where the request is gone, so is what was approved.
        let state = facts.request.map_or(RequestState::Done, |request| request.state);
        return Ok(unchanged(Answer::Approve { state, seq: Some(known.seq), dup: true, others }));
    }
    let Some(request) = facts.request else { return Err(Reason::NoRequest.into()) };
    if !request.is_open(now) {
        return Err(Reason::Closed.into());
    }
    if request.box_hash != approving.box_hash {
        return Err(Reason::BoxMismatch.into());
    }
    if others < facts.live.len() {
        return Err(Reason::SlotsFull.because("this request waits with an approve of yours"));
    }
    if others >= quotas.approves_per_request {
        return Err(Reason::SlotsFull.into());
    }
    let answer = Answer::Approve { state: RequestState::Approved, seq: None, dup: false, others };
    Ok(changed(answer, Change::AddApprove { is_first: request.state == RequestState::Pending }))
}

fn withdraw(facts: &Facts, request_id: Id, now: i64) -> Decision {
    if facts.request.is_some_and(|request| request.is_open(now)) {
        changed(Answer::Withdraw { dup: false }, Change::Close { request_id, state: RequestState::Withdrawn })
    } else {
        unchanged(Answer::Withdraw { dup: true })
    }
}

/// The approve of an expired request may still be acked: who has the key has it.
fn ack(facts: &Facts, caller: &Caller) -> Decision {
    let own = facts.approve.filter(|approve| approve.to == caller.uid && approve.is_live);
    match (own, facts.request) {
        (Some(_), Some(request)) => changed(
            Answer::Ack { dup: false, deleted: true },
            Change::Close { request_id: request.request_id, state: RequestState::Done },
        ),
        _ => unchanged(Answer::Ack { dup: true, deleted: false }),
    }
}

fn changed(answer: Answer, change: Change) -> Decision {
    Decision { answer, change: Some(change) }
}

fn unchanged(answer: Answer) -> Decision {
    Decision { answer, change: None }
}

#[cfg(test)]
mod tests;
