//! The rules: one pure function from (facts, command, time) to (answer, change), or to a refusal.
//!
//! The store loads the [`Facts`] that a command needs, calls [`decide`], and writes the [`Change`]
//! in the same transaction. Once that is durable, the room answers and tells the users concerned.
//! Nothing else decides, so whatever the model checker proves of this function holds for the
//! server.
//!
//! A request goes pending → approved → done. It may also end as withdrawn, denied or expired;
//! another member may still approve a denied one. The rules are in `newcomer`, `approver`, `room`
//! and `time`, by actor; their input and output in `command`, `facts` and `decision`.
//!
//! ```
//! use vestibule_approve::{
//!     base64url::Fixed,
//!     ids::{Hash, Uid},
//!     limits::Quotas,
//!     rules::{Answer, Caller, Command, Facts, Policy, RoomFacts, decide},
//! };
//!
//! let bob = Caller { uid: Uid([1; 32]), is_member: false };
//! let ask = Command::Request {
//!     request_id: Fixed([2; 16]), device: Fixed([6; 16]), box_hash: Hash([3; 32]),
//!     digest: Hash([4; 32]), exp: 2_000,
//! };
//! let room =
//!     RoomFacts {
//!         version: 1, policy: Policy::Request, digest: Hash([5; 32]), creator: None,
//!         is_listed: false,
//!     };
//! let facts = Facts { room: Some(room), ..Facts::default() };
//! let decision = decide(&Quotas::default(), &facts, &bob, &ask, 1_000)?;
//! assert!(matches!(decision.answer, Answer::Request { dup: false, .. }));
//! # Ok::<(), vestibule_approve::refusal::Refusal>(())
//! ```

mod approver;
mod command;
mod decision;
mod facts;
mod newcomer;
mod room;
mod time;

use self::{approver::Approving, newcomer::Asking, room::Publishing};
pub use self::{
    command::{Caller, Command},
    decision::{Answer, Change, Decision},
    facts::{
        ApproveFacts, ApproveState, DenialFacts, DeviceFacts, Facts, RequestFacts, RequestState, RoomFacts,
        Usage,
    },
};
pub use super::frames::Policy;
use super::{limits::Quotas, refusal::Refusal};

/// Decides what `command` does at `now`, in Unix milliseconds. Pure.
pub fn decide(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    command: &Command,
    now: i64,
) -> Result<Decision, Refusal> {
    match *command {
        Command::Publish { version, policy, digest, listed } => {
            room::publish(quotas, facts, caller, &Publishing { version, policy, digest, listed }, now)
        }
        Command::HandOver { to } => room::hand_over(facts, caller, to),
        Command::Appoint { to } => room::appoint(facts, to),
        Command::Request { request_id, device, digest, exp, .. } => {
            newcomer::request(quotas, facts, &Asking { request_id, device, digest, exp }, now)
        }
        Command::Approve { to, box_hash, digest, exp, .. } => {
            approver::approve(quotas, facts, caller, &Approving { to, box_hash, digest, exp }, now)
        }
        Command::Deny { is_block, .. } => approver::deny(quotas, facts, caller, is_block, now),
        Command::Unblock { .. } => approver::unblock(facts, caller, now),
        Command::Withdraw { request_id } => Ok(newcomer::withdraw(facts, request_id, now)),
        Command::Ack { device, .. } => Ok(newcomer::ack(facts, caller, device, now)),
        Command::Nack { .. } => Ok(newcomer::nack(facts, caller, now)),
        Command::Expire { .. } => Ok(time::expire(quotas, facts, now)),
        Command::End { .. } => Ok(time::end(facts)),
        Command::Lapse { .. } => Ok(time::lapse(facts, now)),
        Command::Revoke { .. } => Ok(time::revoke(facts, now)),
    }
}

#[cfg(test)]
mod tests;
