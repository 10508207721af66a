//! The store in memory: what the server's tables hold, and what a [`Change`] does to them.
//!
//! ```
//! use vestibule_model::reference::Reference;
//! use vestibule_protocol::{
//!     approve::{limits::Quotas, rules::{Caller, Command, Policy, RequestState}},
//!     base64url::Fixed,
//! };
//!
//! let (rid, quotas) = (Fixed([7; 32]), Quotas::default());
//! let alice = Caller { uid: Fixed([1; 32]), is_member: true };
//! let bob = Caller { uid: Fixed([2; 32]), is_member: false };
//! let publish = Command::Publish { version: 1, policy: Policy::Request, digest: Fixed([3; 32]) };
//! let ask = Command::Request {
//!     request_id: Fixed([4; 16]), device: Fixed([5; 16]), box_hash: Fixed([6; 32]), digest: Fixed([7; 32]), exp: 2_000,
//! };
//!
//! let mut store = Reference::default();
//! store.carry_out(&quotas, &rid, &alice, &publish, 1_000)?;
//! store.carry_out(&quotas, &rid, &bob, &ask, 1_000)?;
//! assert_eq!(store.status(&bob.uid, &rid, &Fixed([4; 16])), Some(RequestState::Pending));
//! assert_eq!(store.pending(&rid, 1_999).len(), 1);
//! assert!(store.pending(&rid, 2_000).is_empty());
//! # Ok::<(), vestibule_protocol::approve::refusal::Refusal>(())
//! ```

mod apply;
mod gather;
mod read;
mod rows;

use std::collections::BTreeMap;

use vestibule_protocol::{
    approve::{
        frames::Id,
        limits::Quotas,
        refusal::Refusal,
        rules::{Caller, Change, Command, Decision, Facts, RequestState, RoomFacts, decide},
    },
    signed::{Rid, Uid},
};

pub use self::{
    read::Pending,
    rows::{Approve, Denial, News, Notice, Request},
};

/// Every room and everything in it. Two of them are equal when the same was stored in the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    seq: i64,
    rooms: BTreeMap<Rid, RoomFacts>,
    requests: BTreeMap<(Rid, Uid, Id), Request>,
    approves: BTreeMap<(Rid, Id), Approve>,
    denials: BTreeMap<(Rid, Uid), Denial>,
    notices: Vec<Notice>,
}

impl Reference {
    /// Does what the server does with one command: gathers the facts, decides, and writes.
    pub fn carry_out(
        &mut self,
        quotas: &Quotas,
        rid: &Rid,
        caller: &Caller,
        command: &Command,
        now: i64,
    ) -> Result<Decision, Refusal> {
        let decision = self.decide(quotas, rid, caller, command, now)?;
        if let Some(change) = decision.change {
            self.apply(quotas, rid, caller, command, change, now);
        }
        Ok(decision)
    }

    /// What a command would do.
    pub fn decide(
        &self,
        quotas: &Quotas,
        rid: &Rid,
        caller: &Caller,
        command: &Command,
        now: i64,
    ) -> Result<Decision, Refusal> {
        decide(quotas, &self.gather(rid, caller, command, now), caller, command, now)
    }

    /// What bears on a command.
    pub fn gather(&self, rid: &Rid, caller: &Caller, command: &Command, now: i64) -> Facts {
        gather::Gathering { store: self, rid, caller, now }.facts(command)
    }

    /// Writes what was decided for a command.
    ///
    /// # Panics
    /// When the change is none that this command can have: it was decided from other facts or for another command.
    pub fn apply(
        &mut self,
        quotas: &Quotas,
        rid: &Rid,
        caller: &Caller,
        command: &Command,
        change: Change,
        now: i64,
    ) {
        self.seq += 1;
        let seq = self.seq;
        apply::Writing { store: self, quotas, rid: *rid, caller: *caller, now, seq }.write(command, change);
    }

    /// Forgets the requests that have ended and that need not be remembered any more, with their approves; the notices
    /// that were kept long enough; and the denials that are over and have no request that waits to be ended.
    pub fn forget(&mut self, quotas: &Quotas, now: i64) {
        self.requests
            .retain(|_, request| request.closed.is_none_or(|closed| now < closed + quotas.memory_ms));
        let requests = &self.requests;
        self.approves
            .retain(|(rid, _), approve| requests.contains_key(&(*rid, approve.facts.to, approve.request_id)));
        self.notices.retain(|notice| now < notice.at + quotas.notices_ms);
        let waits = |(key, request): (&(Rid, Uid, Id), &Request), rid: &Rid, uid: &Uid| {
            request.facts.state == RequestState::Denied
                && request.facts.is_kept
                && (&key.0, &key.1) == (rid, uid)
        };
        self.denials.retain(|(rid, uid), denial| {
            let is_over = !denial.facts.is_block && denial.facts.until <= now;
            !is_over || requests.iter().any(|entry| waits(entry, rid, uid))
        });
    }

    /// Removes a room with everything in it, as an operator does. What somebody still waits for in it ends first, in the order
    /// in which it was stored.
    ///
    /// # Panics
    /// Never: an end is never refused.
    pub fn remove(&mut self, quotas: &Quotas, room: &Rid, now: i64) {
        if !self.rooms.contains_key(room) {
            return;
        }
        self.notices.retain(|notice| notice.rid != *room);
        let kept = self.requests.iter().filter(|((rid, _, _), request)| rid == room && request.facts.is_kept);
        let mut kept: Vec<(i64, Uid, Id)> =
            kept.map(|((_, uid, id), request)| (request.facts.seq, *uid, *id)).collect();
        kept.sort_unstable();
        for (_, uid, request_id) in kept {
            let caller = Caller { uid, is_member: false };
            self.carry_out(quotas, room, &caller, &Command::End { request_id }, now)
                .expect("an end is never refused");
        }
        self.rooms.remove(room);
        self.requests.retain(|(rid, _, _), _| rid != room);
        self.approves.retain(|(rid, _), _| rid != room);
        self.denials.retain(|(rid, _), _| rid != room);
    }

    /// Forgets in which order everything was stored, and what users were told: what is left is what the rules look at. Makes
    /// equal what differs in nothing else.
    pub fn forget_order(&mut self) {
        self.seq = 0;
        self.notices.clear();
        self.requests.values_mut().for_each(|request| request.facts.seq = 0);
        self.approves.values_mut().for_each(|approve| approve.facts.seq = 0);
        self.denials.values_mut().for_each(|denial| denial.seq = 0);
    }
}

#[cfg(test)]
mod tests;
