//! The pushes that a change causes, and the check that exactly these arrived.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vestibule_approve::frames::{Id, Policy};
use vestibule_approve::rules::{Change, Command, RequestState};
use vestibule_approve::signed::{Rid, Uid};
use vestibule_tests::people::{Message, now_ms};

use crate::harness::Harness;
use crate::participants::{SEATS, Topic};
use crate::steps::SeatNumber;
use crate::views::{told, told_in};

/// The relevant part of a push.
type Push = (SeatNumber, Topic, Value);

impl Harness<'_> {
    /// The pushes about a change that `command` has just made for `uid`.
    pub(crate) fn told_of(
        &self,
        rid: &Rid,
        uid: &Uid,
        command: &Command,
        change: Option<Change>,
    ) -> Vec<Push> {
        let Some(change) = change else { return Vec::new() };
        let mut pushes = self.told_users(rid, command, change);
        for news in self.news(rid, uid, command, change).into_iter().chain(self.lifted(rid, command, change))
        {
            pushes.extend(self.members(rid).map(|seat| (seat, Topic::Room(*rid), news.clone())));
        }
        if let (Change::PutCard { .. }, Command::Publish { version, policy, .. }) = (change, command) {
            let sees = |is_member: &bool| *is_member || *policy != Policy::Secret;
            let seats =
                (0..SEATS).filter(|seat| self.participants.seats[*seat].rooms.get(rid).is_some_and(sees));
            pushes.extend(seats.map(|seat| (seat, Topic::Room(*rid), json!(["card", version]))));
        }
        pushes
    }

    /// Pushes to one user: the key, or a notice.
    fn told_users(&self, rid: &Rid, command: &Command, change: Change) -> Vec<Push> {
        let mut pushes = Vec::new();
        if let (Change::AddApprove { .. }, Command::Approve { to, approve_id, .. }) = (change, command) {
            pushes.extend(self.to_user(to, rid, &json!(["approve", to, approve_id, 1])));
        }
        for user in &self.participants.users {
            let last = self.store.notices(&user.uid).last();
            if let Some(notice) = last.filter(|notice| notice.seq == self.store.seq()) {
                pushes.extend(self.to_user(&user.uid, rid, &told(rid, &notice.news)));
            }
        }
        pushes
    }

    /// To all devices of a user: in the room if they have joined it, else in the inbox.
    fn to_user(&self, uid: &Uid, rid: &Rid, push: &Value) -> Vec<Push> {
        let topic = |seat: SeatNumber| {
            let at = &self.participants.seats[seat];
            let room = at.rooms.contains_key(rid).then_some(Topic::Room(*rid));
            room.or(at.listens.then_some(Topic::Inbox))
        };
        self.participants
            .seats_of(uid)
            .filter_map(|seat| topic(seat).map(|topic| (seat, topic, push.clone())))
            .collect()
    }

    /// The push to members.
    fn news(&self, rid: &Rid, uid: &Uid, command: &Command, change: Change) -> Option<Value> {
        let gone = |uid: &Uid, id: &Id, state: RequestState| Some(json!(["request_gone", uid, id, state]));
        let again = |approve_id: &Id| {
            let approve = self.store.approve(rid, approve_id)?;
            Some(json!(["request", approve.facts.to, approve.request_id, "pending"]))
        };
        match (change, command) {
            (Change::AddRequest, Command::Request { request_id, .. }) => {
                Some(json!(["request", uid, request_id, "pending"]))
            }
            (Change::AddApprove { .. }, Command::Approve { to, request_id, .. }) => {
                gone(to, request_id, RequestState::Approved)
            }
            (Change::Deny { .. }, Command::Deny { to, request_id, .. }) => {
                gone(to, request_id, RequestState::Denied)
            }
            (Change::Save { request_id, closes: true, .. }, _) => gone(uid, &request_id, RequestState::Done),
            (Change::Nack { reopens: true }, Command::Nack { approve_id })
            | (Change::Lapse { reopens: true }, Command::Lapse { approve_id }) => again(approve_id),
            // Members were told of a denied request when it was denied.
            (Change::Close { state: RequestState::Denied, .. }, _) => None,
            (Change::Close { request_id, state }, _) => gone(uid, &request_id, state),
            _ => None,
        }
    }

    /// The requests that members are shown again since its denial was lifted.
    fn lifted(&self, rid: &Rid, command: &Command, change: Change) -> Vec<Value> {
        let uid = match (change, command) {
            (Change::AddApprove { overrules: true, .. }, Command::Approve { to, .. }) => to,
            (Change::Unblock, Command::Unblock { uid }) => uid,
            _ => return Vec::new(),
        };
        let denied = self.before.denials(rid, now_ms()).into_iter().find(|(of, _, _)| of == uid);
        let ids =
            denied.into_iter().flat_map(|(_, _, requests)| requests).map(|request| request.facts.request_id);
        let pending = |id: &Id| self.store.status(uid, rid, id) == Some(RequestState::Pending);
        ids.filter(pending).map(|id| json!(["request", uid, id, "pending"])).collect()
    }

    fn members(&self, rid: &Rid) -> impl Iterator<Item = SeatNumber> {
        (0..SEATS).filter(|seat| self.participants.seats[*seat].rooms.get(rid) == Some(&true))
    }

    /// Checks that everybody has received exactly these. `by` is the sender's seat, and the topic
    /// of the answer.
    pub(crate) fn expect_told(&mut self, by: Option<(SeatNumber, Topic)>, mut expected: Vec<Push>) {
        let topics = (0..SEATS).flat_map(|seat| {
            let topics: BTreeSet<Topic> = self.participants.seats[seat].topics();
            topics.into_iter().map(move |topic| (seat, topic))
        });
        let (inboxes, rooms) = topics.partition(|(_, topic)| *topic == Topic::Inbox);
        let mut told = Vec::new();
        // The sender's topic tells the room right after its answer, and the room tells the inboxes.
        for topics in [by.into_iter().collect::<Vec<_>>(), rooms, inboxes] {
            let raise = |(seat, topic)| {
                let name = self.participants.name(seat, topic);
                (seat, self.participants.device(seat).raise_fence(&name))
            };
            let fences: Vec<(SeatNumber, String)> = topics.into_iter().map(raise).collect();
            for (seat, fence) in &fences {
                self.participants.device(*seat).reach_fence(fence);
            }
            for (seat, _) in fences {
                let messages = self.participants.device(seat).drain();
                told.extend(messages.iter().filter_map(|message| self.read(seat, message)));
            }
        }
        let in_order = |push: &Push| (push.0, push.1, push.2.to_string());
        told.sort_by_key(in_order);
        expected.sort_by_key(in_order);
        assert_eq!(told, expected, "told and expected");
    }

    /// The relevant part of a message, if it is one of the flow's pushes.
    fn read(&self, seat: SeatNumber, message: &Message) -> Option<Push> {
        let payload = &message.payload;
        let push = match &*message.event {
            "presence_state" | "presence_diff" | "presence_count" | "phx_close" => return None,
            event @ ("request" | "request_gone") => {
                json!([event, payload["uid"], payload["request_id"], payload["state"]])
            }
            "approve" => json!(["approve", payload["to"], payload["approve_id"], payload["attempt"]]),
            "card" => json!(["card", payload["version"]]),
            "receipt" | "denied" | "expired" | "withdrawn" => told_in(payload),
            other => json!([other, payload]),
        };
        let topics = [Topic::Inbox]
            .into_iter()
            .chain(self.participants.rooms.iter().map(|room| Topic::Room(room.rid())));
        let topic = topics.into_iter().find(|topic| self.participants.name(seat, *topic) == message.topic);
        Some((seat, topic.expect("a known topic"), push))
    }
}
