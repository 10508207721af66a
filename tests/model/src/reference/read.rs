//! Reads, as clients see the store.

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Seq, Uid},
    rules::{ApproveState, Policy, RequestState, RoomFacts},
};

use super::{Approve, Denial, Notice, Reference, Request};

/// A request as members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The newcomer.
    pub uid: Uid,
    /// The request.
    pub request: &'a Request,
    /// How many live approves it has.
    pub approvals: usize,
}

impl Request {
    /// Whether it is pending or approved.
    pub fn is_open(&self) -> bool {
        matches!(self.facts.state, RequestState::Pending | RequestState::Approved)
    }

    /// Whether it is open and has not expired.
    pub fn waits(&self, now: i64) -> bool {
        self.is_open() && self.facts.exp > now
    }
}

impl Approve {
    /// Whether it is live and has not expired.
    pub fn is_live(&self, now: i64) -> bool {
        self.facts.state == ApproveState::Live && self.facts.exp > now
    }
}

impl Reference {
    /// The last seq.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// A room's published card.
    pub fn room(&self, rid: &Rid) -> Option<&RoomFacts> {
        self.rooms.get(rid).map(|room| &room.facts)
    }

    /// The rooms that the directory lists, by id.
    pub fn listed(&self) -> impl Iterator<Item = Rid> + use<'_> {
        let is_shown = |facts: &RoomFacts| facts.is_listed && facts.policy != Policy::Secret;
        self.rooms.iter().filter(move |(_, room)| is_shown(&room.facts)).map(|(rid, _)| *rid)
    }

    /// How many requests of a room are pending or approved.
    pub fn open_in(&self, rid: &Rid) -> usize {
        let in_room = self.requests.iter().filter(|((room, _, _), _)| room == rid);
        in_room.filter(|(_, request)| request.is_open()).count()
    }

    /// A request of a user, open or remembered.
    pub fn request(&self, uid: &Uid, rid: &Rid, request_id: &Id) -> Option<&Request> {
        self.requests.get(&(*rid, *uid, *request_id))
    }

    /// An approve, live or remembered.
    pub fn approve(&self, rid: &Rid, approve_id: &Id) -> Option<&Approve> {
        self.approves.get(&(*rid, *approve_id))
    }

    /// All approves of a request, in the order of their ids.
    pub fn approves_of(
        &self,
        rid: &Rid,
        to: &Uid,
        request_id: &Id,
    ) -> impl Iterator<Item = &Approve> + use<'_> {
        let (rid, to, request_id) = (*rid, *to, *request_id);
        let in_room = self.approves.iter().filter(move |((room, _), _)| *room == rid);
        in_room
            .map(|(_, approve)| approve)
            .filter(move |approve| approve.facts.to == to && approve.request_id == request_id)
    }

    /// All approves for a user in all rooms, live or remembered.
    pub fn approves_for(&self, to: &Uid) -> impl Iterator<Item = &Approve> + use<'_> {
        let to = *to;
        self.approves.values().filter(move |approve| approve.facts.to == to)
    }

    /// The last denial of a user in a room, unless it was lifted.
    pub fn denial(&self, uid: &Uid, rid: &Rid) -> Option<&Denial> {
        self.denials.get(&(*rid, *uid))
    }

    /// All requests of a user, open or remembered, with their rooms.
    pub fn requests_of(&self, uid: &Uid) -> impl Iterator<Item = (Rid, &Request)> + use<'_> {
        let uid = *uid;
        let own = self.requests.iter().filter(move |((_, newcomer, _), _)| *newcomer == uid);
        own.map(|((rid, _, _), request)| (*rid, request))
    }

    /// `status`: a request's state, if it is not forgotten.
    pub fn status(&self, uid: &Uid, rid: &Rid, request_id: &Id) -> Option<RequestState> {
        self.request(uid, rid, request_id).map(|request| request.facts.state)
    }

    /// `pending`: the open requests of a room, oldest first.
    pub fn pending(&self, rid: &Rid, now: i64) -> Vec<Pending<'_>> {
        let in_room = self.requests.iter().filter(|((room, _, _), _)| room == rid);
        let waiting = in_room.filter(|(_, request)| request.waits(now));
        let shown = waiting.map(|((_, uid, request_id), request)| {
            let live = self.approves_of(rid, uid, request_id).filter(|approve| approve.is_live(now));
            Pending { uid: *uid, request, approvals: live.count() }
        });
        sorted(shown, |pending| pending.request.facts.seq)
    }

    /// `mine`: a user's open requests, oldest first, in one room or, as in the inbox, in all.
    pub fn mine(&self, uid: &Uid, rid: Option<&Rid>, now: i64) -> Vec<(Rid, &Request)> {
        let own = self.requests_of(uid).filter(|(room, _)| rid.is_none_or(|rid| rid == room));
        let waiting = own.filter(|(_, request)| request.waits(now));
        sorted(waiting, |(_, request)| request.facts.seq)
    }

    /// `approved`: the live approves of a user's open requests, oldest first, in one room or, as in
    /// the inbox, in all.
    pub fn approved(&self, uid: &Uid, rid: Option<&Rid>, now: i64) -> Vec<(Rid, &Approve)> {
        let all = self.approves.iter().map(|((room, _), approve)| (*room, approve));
        let own = all.filter(|(room, approve)| {
            approve.facts.to == *uid && approve.is_live(now) && rid.is_none_or(|rid| rid == room)
        });
        let own = own.filter(|(room, approve)| {
            self.request(uid, room, &approve.request_id).is_some_and(|request| request.waits(now))
        });
        sorted(own, |(_, approve)| approve.facts.seq)
    }

    /// `denials`: the denials that hold in a room, oldest first, each with the user's denied
    /// requests that may still be approved.
    pub fn denials(&self, rid: &Rid, now: i64) -> Vec<(Uid, &Denial, Vec<&Request>)> {
        let in_room = self.denials.iter().filter(|((room, _), _)| room == rid);
        let holding = in_room.filter(|(_, denial)| denial.facts.is_block || denial.facts.until > now);
        let shown = holding.map(|((_, uid), denial)| (*uid, denial, self.denied(rid, uid, now)));
        sorted(shown, |(_, denial, _)| denial.seq)
    }

    fn denied(&self, rid: &Rid, uid: &Uid, now: i64) -> Vec<&Request> {
        let own = self.requests.iter().filter(|((room, of, _), _)| (room, of) == (rid, uid));
        let denied = own.map(|(_, request)| request).filter(|request| {
            request.facts.state == RequestState::Denied && request.facts.is_kept && request.facts.exp > now
        });
        sorted(denied, |request| request.facts.seq)
    }

    /// `notices`: a user's notices, oldest first.
    pub fn notices(&self, uid: &Uid) -> impl Iterator<Item = &Notice> + use<'_> {
        let uid = *uid;
        self.notices.iter().filter(move |notice| notice.uid == uid)
    }
}

fn sorted<T>(items: impl Iterator<Item = T>, seq: impl Fn(&T) -> Seq) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_by_key(|item| seq(item));
    items
}
