//! Loads the facts that the rules need to decide a command.

use vestibule_approve::{
    frames::Id,
    rules::{ApproveFacts, Caller, Command, DenialFacts, DeviceFacts, Facts, Usage},
    signed::{Hash, Rid, Uid},
};

use super::{Approve, Reference, Request};

pub(super) struct FactLoader<'a> {
    pub(super) store: &'a Reference,
    pub(super) rid: &'a Rid,
    pub(super) caller: &'a Caller,
    pub(super) now: i64,
}

impl FactLoader<'_> {
    pub(super) fn facts(&self, command: &Command) -> Facts {
        let own = self.caller.uid;
        let room = self.store.rooms.get(self.rid).map(|room| room.facts);
        match *command {
            Command::Publish { .. } => Facts { room, usage: self.usage(), ..Facts::default() },
            Command::HandOver { .. } | Command::Appoint { .. } => Facts { room, ..Facts::default() },
            Command::Request { request_id, box_hash, .. } => {
                let known = self.request(&own, &request_id);
                let same_box = self.open_for_box(&request_id, &box_hash);
                Facts {
                    room,
                    request: known.map(|request| request.facts),
                    same_box: same_box.map(|request| request.facts),
                    devices: known.or(same_box).map(devices).unwrap_or_default(),
                    denial: self.denial(&own),
                    usage: self.usage(),
                    ..Facts::default()
                }
            }
            Command::Approve { approve_id, to, request_id, .. } => Facts {
                room,
                approve: self.approve(&approve_id).map(|approve| approve.facts),
                ..self.about(&to, &request_id)
            },
            Command::Deny { to, request_id, .. } => {
                Facts { denial: self.denial(&to), usage: self.usage(), ..self.about(&to, &request_id) }
            }
            Command::Unblock { uid } => Facts { denial: self.denial(&uid), ..Facts::default() },
            Command::Withdraw { request_id } | Command::End { request_id } => self.about(&own, &request_id),
            Command::Expire { request_id } => {
                Facts { denial: self.denial(&own), ..self.about(&own, &request_id) }
            }
            Command::Ack { approve_id, .. }
            | Command::Nack { approve_id }
            | Command::Lapse { approve_id }
            | Command::Revoke { approve_id } => {
                self.approve(&approve_id).map(|approve| self.about_approve(approve)).unwrap_or_default()
            }
        }
    }

    /// The facts for a stored approve.
    fn about_approve(&self, approve: &Approve) -> Facts {
        Facts { approve: Some(approve.facts), ..self.about(&approve.facts.to, &approve.request_id) }
    }

    /// A request, its devices and its approves.
    fn about(&self, uid: &Uid, request_id: &Id) -> Facts {
        let request = self.request(uid, request_id);
        Facts {
            request: request.map(|request| request.facts),
            devices: request.map(devices).unwrap_or_default(),
            approves: self.approves(uid, request_id),
            ..Facts::default()
        }
    }

    fn request(&self, uid: &Uid, request_id: &Id) -> Option<&Request> {
        self.store.requests.get(&(*self.rid, *uid, *request_id))
    }

    fn approve(&self, approve_id: &Id) -> Option<&Approve> {
        self.store.approves.get(&(*self.rid, *approve_id))
    }

    fn approves(&self, to: &Uid, request_id: &Id) -> Vec<ApproveFacts> {
        self.store.approves_of(self.rid, to, request_id).map(|approve| approve.facts).collect()
    }

    fn denial(&self, uid: &Uid) -> Option<DenialFacts> {
        self.store.denials.get(&(*self.rid, *uid)).map(|denial| denial.facts)
    }

    /// The caller's oldest other open request for this box key.
    fn open_for_box(&self, request_id: &Id, box_hash: &Hash) -> Option<&Request> {
        self.store
            .requests_of(&self.caller.uid)
            .filter(|(rid, request)| rid == self.rid && request.facts.request_id != *request_id)
            .map(|(_, request)| request)
            .filter(|request| request.facts.box_hash == *box_hash && request.waits(self.now))
            .min_by_key(|request| request.facts.seq)
    }

    fn usage(&self) -> Usage {
        let own = self.caller.uid;
        let open = || self.store.requests.iter().filter(|(_, request)| request.is_open());
        let in_room = |((rid, _, _), _): &(&(Rid, Uid, Id), &Request)| rid == self.rid;
        let of_user = || self.store.requests_of(&own);
        let waiting = || of_user().filter(|(_, request)| request.waits(self.now));
        let kept = self.store.requests.iter().filter(|(_, request)| request.facts.is_kept);
        Usage {
            open_of_user_in_room: waiting().filter(|(rid, _)| rid == self.rid).count(),
            open_of_user: waiting().count(),
            requests_of_user: of_user().count(),
            open_in_room: open().filter(in_room).count(),
            denied_in_room: kept.filter(in_room).filter(|(_, request)| !request.is_open()).count(),
            open_in_all: open().count(),
            rooms_of_user: self.store.rooms.values().filter(|room| room.founder == Some(own)).count(),
        }
    }
}

fn devices(request: &Request) -> Vec<DeviceFacts> {
    let facts = |(device, has_acked): (&Id, &bool)| DeviceFacts { device: *device, has_acked: *has_acked };
    request.devices.iter().map(facts).collect()
}
