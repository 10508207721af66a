//! Applies changes to the rows.

use std::collections::BTreeMap;

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    items::ReceiptResult,
    limits::Quotas,
    rules::{
        ApproveFacts, ApproveState, Caller, Change, Command, DenialFacts, RequestFacts, RequestState,
        RoomFacts,
    },
};

use super::{Approve, Denial, News, Notice, Reference, Request, Room};

pub(super) struct Writing<'a> {
    pub(super) store: &'a mut Reference,
    pub(super) quotas: &'a Quotas,
    pub(super) rid: Rid,
    pub(super) caller: Caller,
    pub(super) now: i64,
    pub(super) seq: Seq,
}

impl Writing<'_> {
    pub(super) fn write(&mut self, command: &Command, change: Change) {
        match (change, command) {
            (Change::PutCard { is_listed }, Command::Publish { .. }) => self.put_card(command, is_listed),
            (Change::List { is_listed }, Command::Publish { .. }) => self.room().facts.is_listed = is_listed,
            (Change::SetCreator { creator }, Command::HandOver { .. } | Command::Appoint { .. }) => {
                self.room().facts.creator = Some(creator);
            }
            (Change::AddRequest, Command::Request { .. }) => self.add_request(command),
            (Change::AddDevice { request_id }, Command::Request { device, .. }) => {
                self.own_request(request_id).devices.insert(*device, false);
            }
            (Change::AddApprove { overrules, .. }, Command::Approve { .. }) => {
                self.add_approve(command, overrules);
            }
            (Change::Deny { request_id, is_block, keeps }, Command::Deny { to, is_block: said, .. }) => {
                self.deny(*to, request_id, is_block);
                if !keeps {
                    self.end(*to, request_id, RequestState::Denied);
                }
                // The notice says what the member signed.
                self.tell(*to, News::Denied { request_id, by: self.caller.uid, is_block: *said });
            }
            (Change::Unblock, Command::Unblock { uid }) => self.lift_denial(*uid),
            (Change::Save { request_id, is_first, closes }, Command::Ack { approve_id, device }) => {
                if let Some(has_acked) = self.own_request(request_id).devices.get_mut(device) {
                    *has_acked = true;
                }
                if is_first {
                    self.first_saved(*approve_id);
                }
                if closes {
                    self.close(request_id, RequestState::Done);
                }
            }
            (Change::Nack { reopens }, Command::Nack { approve_id }) => {
                let gone = self.end_approve(*approve_id, ApproveState::Nacked, reopens);
                self.tell_approver(&gone, ReceiptResult::Nacked);
            }
            (Change::Lapse { reopens }, Command::Lapse { approve_id } | Command::Revoke { approve_id }) => {
                self.end_approve(*approve_id, ApproveState::Dropped, reopens);
            }
            (
                Change::Close { request_id, state },
                Command::Withdraw { .. } | Command::Expire { .. } | Command::End { .. },
            ) => {
                self.close(request_id, state);
            }
            _ => panic!("{change:?} is not what {command:?} does"),
        }
    }

    fn put_card(&mut self, command: &Command, is_listed: bool) {
        let Command::Publish { version, policy, digest, .. } = *command else { return };
        // The publisher of an older room's first card may be unknown, and stays so.
        let first = (Some(self.caller.uid), Some(self.caller.uid));
        let published = self.store.rooms.get(&self.rid);
        let (founder, creator) = published.map_or(first, |room| (room.founder, room.facts.creator));
        let facts = RoomFacts { version, policy, digest, creator, is_listed };
        self.store.rooms.insert(self.rid, Room { facts, founder });
    }

    fn add_request(&mut self, command: &Command) {
        let Command::Request { request_id, device, box_hash, digest, exp } = *command else { return };
        let facts = RequestFacts {
            request_id,
            state: RequestState::Pending,
            is_kept: true,
            box_hash,
            digest,
            exp,
            first_ack: None,
            seq: self.seq,
        };
        let request = Request { facts, devices: BTreeMap::from([(device, false)]), closed: None };
        self.store.requests.insert((self.rid, self.caller.uid, request_id), request);
    }

    fn add_approve(&mut self, command: &Command, overrules: bool) {
        let Command::Approve { approve_id, to, request_id, digest, exp, .. } = *command else { return };
        let facts = ApproveFacts {
            approve_id,
            by: self.caller.uid,
            to,
            digest,
            state: ApproveState::Live,
            is_acked: false,
            exp,
            seq: self.seq,
        };
        self.store.approves.insert((self.rid, approve_id), Approve { facts, request_id });
        self.request(to, request_id).facts.state = RequestState::Approved;
        if overrules {
            self.lift_denial(to);
        }
    }

    fn deny(&mut self, to: Uid, request_id: Id, is_block: bool) {
        self.request(to, request_id).facts.state = RequestState::Denied;
        let facts = DenialFacts { until: self.now + self.quotas.cooldown_ms, is_block };
        let denial = Denial { facts, request_id, by: self.caller.uid, seq: self.seq };
        self.store.denials.insert((self.rid, to), denial);
    }

    /// The denied requests that could still be approved are pending again.
    fn lift_denial(&mut self, uid: Uid) {
        let (rid, now) = (self.rid, self.now);
        self.store.denials.remove(&(rid, uid));
        for ((room, of, _), request) in &mut self.store.requests {
            let facts = &mut request.facts;
            if (*room, *of) == (rid, uid)
                && facts.state == RequestState::Denied
                && facts.is_kept
                && facts.exp > now
            {
                facts.state = RequestState::Pending;
            }
        }
    }

    /// The approve is good: its approver is told, and the others are dropped.
    fn first_saved(&mut self, approve_id: Id) {
        let now = self.now;
        let approve = self.approve(approve_id);
        approve.facts.is_acked = true;
        let good = approve.clone();
        self.request(good.facts.to, good.request_id).facts.first_ack.get_or_insert(now);
        for other in self.live_approves(good.facts.to, good.request_id) {
            if other.facts.approve_id != approve_id {
                other.facts.state = ApproveState::Dropped;
            }
        }
        self.tell_approver(&good, ReceiptResult::Saved);
    }

    fn end_approve(&mut self, approve_id: Id, state: ApproveState, reopens: bool) -> Approve {
        let approve = self.approve(approve_id);
        approve.facts.state = state;
        let gone = approve.clone();
        if reopens {
            self.move_on(gone.facts.to, gone.request_id, RequestState::Pending);
        }
        gone
    }

    fn close(&mut self, request_id: Id, state: RequestState) {
        let uid = self.caller.uid;
        self.end(uid, request_id, state);
        match state {
            RequestState::Expired => self.tell(uid, News::Expired { request_id }),
            RequestState::Withdrawn => self.tell(uid, News::Withdrawn { request_id }),
            _ => {}
        }
    }

    fn end(&mut self, uid: Uid, request_id: Id, state: RequestState) {
        let now = self.now;
        self.move_on(uid, request_id, state);
        let request = self.request(uid, request_id);
        request.facts.is_kept = false;
        request.devices.clear();
        request.closed = Some(now);
        for approve in self.live_approves(uid, request_id) {
            approve.facts.state =
                if approve.facts.is_acked { ApproveState::Saved } else { ApproveState::Dropped };
        }
    }

    /// Changes a request's state with a new seq, so that members who have already listed it see it
    /// again.
    fn move_on(&mut self, uid: Uid, request_id: Id, state: RequestState) {
        let seq = self.seq;
        let request = self.request(uid, request_id);
        request.facts.state = state;
        request.facts.seq = seq;
    }

    fn tell_approver(&mut self, approve: &Approve, result: ReceiptResult) {
        let Approve { facts: ApproveFacts { approve_id, by, to, .. }, request_id } = *approve;
        self.tell(by, News::Receipt { approve_id, request_id, to, result });
    }

    fn tell(&mut self, uid: Uid, news: News) {
        let Self { rid, seq, now: at, .. } = *self;
        self.store.notices.push(Notice { rid, uid, seq, at, news });
    }

    fn room(&mut self) -> &mut Room {
        self.store.rooms.get_mut(&self.rid).expect("a stored room")
    }

    fn own_request(&mut self, request_id: Id) -> &mut Request {
        self.request(self.caller.uid, request_id)
    }

    fn request(&mut self, uid: Uid, request_id: Id) -> &mut Request {
        self.store.requests.get_mut(&(self.rid, uid, request_id)).expect("a stored request")
    }

    fn approve(&mut self, approve_id: Id) -> &mut Approve {
        self.store.approves.get_mut(&(self.rid, approve_id)).expect("a stored approve")
    }

    fn live_approves(&mut self, to: Uid, request_id: Id) -> impl Iterator<Item = &mut Approve> {
        let rid = self.rid;
        let of_request = move |approve: &Approve| approve.facts.to == to && approve.request_id == request_id;
        let approves = self.store.approves.iter_mut().filter(move |((room, _), _)| *room == rid);
        approves
            .map(|(_, approve)| approve)
            .filter(move |approve| of_request(approve) && approve.facts.state == ApproveState::Live)
    }
}
