//! The store in memory: the rows of the server's tables, and what a [`Change`] does to them.
//!
//! ```
//! use vestibule_approve::{
//!     base64url::Fixed,
//!     ids::{Hash, Rid, Uid},
//!     limits::Quotas,
//!     rules::{Caller, Command, Policy, RequestState},
//! };
//! use vestibule_model::reference::Reference;
//!
//! let (rid, quotas) = (Rid([7; 32]), Quotas::default());
//! let alice = Caller { uid: Uid([1; 32]), is_member: true };
//! let bob = Caller { uid: Uid([2; 32]), is_member: false };
//! let (policy, digest) = (Policy::Request, Hash([3; 32]));
//! let publish = Command::Publish { version: 1, policy, digest, listed: None };
//! let ask = Command::Request {
//!     request_id: Fixed([4; 16]), device: Fixed([5; 16]), box_hash: Hash([6; 32]),
//!     digest: Hash([7; 32]), exp: 2_000,
//! };
//!
//! let mut store = Reference::default();
//! store.carry_out(&quotas, &rid, &alice, &publish, 1_000)?;
//! store.carry_out(&quotas, &rid, &bob, &ask, 1_000)?;
//! assert_eq!(store.status(&bob.uid, &rid, &Fixed([4; 16])), Some(RequestState::Pending));
//! assert_eq!(store.pending(&rid, 1_999).len(), 1);
//! assert!(store.pending(&rid, 2_000).is_empty());
//! # Ok::<(), vestibule_approve::refusal::Refusal>(())
//! ```

mod apply;
mod load_facts;
mod read;
mod rows;

use std::collections::BTreeMap;

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    limits::Quotas,
    refusal::Refusal,
    rules::{ApproveState, Caller, Change, Command, Decision, Facts, RequestState, decide},
};

pub use self::{
    read::Pending,
    rows::{Approve, Denial, News, Notice, Request, Room},
};

/// All rooms with everything in them. Two stores are equal if the same was stored in the same
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    seq: Seq,
    rooms: BTreeMap<Rid, Room>,
    requests: BTreeMap<(Rid, Uid, Id), Request>,
    approves: BTreeMap<(Rid, Id), Approve>,
    denials: BTreeMap<(Rid, Uid), Denial>,
    notices: Vec<Notice>,
}

impl Reference {
    /// Carries out a command as the server does: loads the facts, decides, and writes.
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

    /// The decision about a command, without carrying it out.
    pub fn decide(
        &self,
        quotas: &Quotas,
        rid: &Rid,
        caller: &Caller,
        command: &Command,
        now: i64,
    ) -> Result<Decision, Refusal> {
        decide(quotas, &self.facts(rid, caller, command, now), caller, command, now)
    }

    /// The facts for a command.
    pub fn facts(&self, rid: &Rid, caller: &Caller, command: &Command, now: i64) -> Facts {
        load_facts::FactLoader { store: self, rid, caller, now }.facts(command)
    }

    /// Writes the change that was decided for a command.
    ///
    /// # Panics
    /// If this command cannot have that change: it was decided from other facts or for another
    /// command.
    pub fn apply(
        &mut self,
        quotas: &Quotas,
        rid: &Rid,
        caller: &Caller,
        command: &Command,
        change: Change,
        now: i64,
    ) {
        self.seq.0 += 1;
        let seq = self.seq;
        apply::Writing { store: self, quotas, rid: *rid, caller: *caller, now, seq }.write(command, change);
    }

    /// Deletes finished requests that need not be remembered any more, with their approves; old
    /// notices; and expired denials without a request that still has to end.
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

    /// Removes a room with everything in it, as an operator does. Its open requests end first,
    /// oldest first.
    ///
    /// # Panics
    /// Never: an end is never refused.
    pub fn remove(&mut self, quotas: &Quotas, room: &Rid, now: i64) {
        if !self.rooms.contains_key(room) {
            return;
        }
        self.notices.retain(|notice| notice.rid != *room);
        let kept = self.requests.iter().filter(|((rid, _, _), request)| rid == room && request.facts.is_kept);
        let mut kept: Vec<(Seq, Uid, Id)> =
            kept.map(|((_, uid, id), request)| (request.facts.seq, *uid, *id)).collect();
        kept.sort_unstable();
        for (_, uid, request_id) in kept {
            self.end(quotas, room, &uid, &Command::End { request_id }, now);
        }
        self.rooms.remove(room);
        self.requests.retain(|(rid, _, _), _| rid != room);
        self.approves.retain(|(rid, _), _| rid != room);
        self.denials.retain(|(rid, _), _| rid != room);
    }

    /// Deletes everything that is stored of a user, as an operator does. Their open requests and
    /// the live approves that others have from them end first, oldest first. Denials by them hold
    /// on, without their id; their rooms stay, without a creator.
    ///
    /// # Panics
    /// Never: neither end is ever refused.
    pub fn erase(&mut self, quotas: &Quotas, user: &Uid, now: i64) {
        let own = self.requests_of(user).filter(|(_, request)| request.facts.is_kept);
        let mut own: Vec<(Seq, Rid, Id)> =
            own.map(|(rid, request)| (request.facts.seq, rid, request.facts.request_id)).collect();
        own.sort_unstable();
        for (_, rid, request_id) in own {
            self.end(quotas, &rid, user, &Command::End { request_id }, now);
        }
        let by_them = self
            .approves
            .iter()
            .filter(|(_, approve)| approve.facts.by == *user && approve.facts.state == ApproveState::Live);
        let mut by_them: Vec<(Seq, Rid, Uid, Id)> =
            by_them.map(|((rid, id), approve)| (approve.facts.seq, *rid, approve.facts.to, *id)).collect();
        by_them.sort_unstable();
        for (_, rid, to, approve_id) in by_them {
            self.end(quotas, &rid, &to, &Command::Revoke { approve_id }, now);
        }
        self.requests.retain(|(_, uid, _), _| uid != user);
        self.approves.retain(|_, approve| approve.facts.by != *user && approve.facts.to != *user);
        self.denials.retain(|(_, uid), _| uid != user);
        for denial in self.denials.values_mut().filter(|denial| denial.by == *user) {
            denial.by = Uid([0; 32]);
        }
        self.notices.retain(|notice| notice.uid != *user && !notice.news.names(user));
        for room in self.rooms.values_mut() {
            room.founder = room.founder.filter(|founder| founder != user);
            room.facts.creator = room.facts.creator.filter(|creator| creator != user);
        }
    }

    fn end(&mut self, quotas: &Quotas, rid: &Rid, uid: &Uid, command: &Command, now: i64) {
        let caller = Caller { uid: *uid, is_member: false };
        self.carry_out(quotas, rid, &caller, command, now).expect("an end is never refused");
    }

    /// Forgets the order in which frames were stored, and the notices, so that stores that differ
    /// only in these are equal.
    pub fn forget_order(&mut self) {
        self.seq = Seq::ZERO;
        self.notices.clear();
        self.requests.values_mut().for_each(|request| request.facts.seq = Seq::ZERO);
        self.approves.values_mut().for_each(|approve| approve.facts.seq = Seq::ZERO);
        self.denials.values_mut().for_each(|denial| denial.seq = Seq::ZERO);
    }
}

#[cfg(test)]
mod tests;
