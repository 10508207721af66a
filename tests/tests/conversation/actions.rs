//! Actions, as frames for the server and as commands for the reference.

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::{Approve, Card, Deny, Id, Policy, Request};
use vestibule_approve::ids::Hash;
use vestibule_approve::refusal::{Reason, Refusal};
use vestibule_approve::rules::{Answer, Caller, Command, Decision};
use vestibule_approve::signed::{Rid, Uid};
use vestibule_tests::people::{Reply, TEN_MINUTES, now_ms, random};

use crate::expiry::SHORT;
use crate::harness::Harness;
use crate::participants::Topic;
use crate::steps::{Action, Operation, SeatNumber};

/// A frame on its way to the server.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) seat: SeatNumber,
    pub(crate) rid: Rid,
    pub(crate) caller: Caller,
    /// Whether it is for members only.
    pub(crate) is_members: bool,
    pub(crate) topic: Topic,
    pub(crate) event: &'static str,
    pub(crate) payload: Value,
    pub(crate) command: Command,
}

/// A request that was sent and not refused.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) rid: Rid,
    pub(crate) uid: Uid,
    pub(crate) frame: Request,
}

/// An approve that was sent and not refused.
#[derive(Clone)]
pub(crate) struct Approved {
    pub(crate) rid: Rid,
    pub(crate) by: SeatNumber,
    pub(crate) frame: Approve,
}

impl Harness<'_> {
    /// Makes the frame; nothing if it needs a request or an approve and there is none yet.
    pub(crate) fn outgoing(&mut self, operation: &Operation) -> Option<Outgoing> {
        let Operation { seat, as_member, in_inbox, ref action } = *operation;
        match *action {
            Action::Publish { room, step, policy } => Some(self.publish(seat, as_member, room, step, policy)),
            Action::Ask { room, box_key, is_short } => {
                let rid = self.participants.rooms[room].rid();
                let mut frame = self.participants.user_at(seat).person.request(&rid);
                frame.box_pub = Blob(vec![u8::try_from(box_key).expect("a small number"); 65]);
                frame.exp = exp(is_short);
                Some(self.ask(seat, rid, frame, is_short))
            }
            Action::AskAgain { request } => {
                let Asked { rid, uid, frame } = self.asked(request)?;
                Some(self.ask(self.seat_of(&uid, seat), rid, frame, false))
            }
            Action::AskOtherwise { request } => {
                let Asked { rid, uid, mut frame } = self.asked(request)?;
                frame.note = Some(random::<9>().to_string());
                Some(self.ask(self.seat_of(&uid, seat), rid, frame, false))
            }
            Action::Approve { request, fits, is_short } => {
                let approved = self.new_approve(seat, request, fits, is_short)?;
                Some(self.approve(seat, as_member, approved, is_short))
            }
            Action::ApproveAgain { approve } => {
                let approved = self.approved(approve)?;
                Some(self.approve(approved.by, as_member, approved, false))
            }
            Action::ApproveOtherwise { approve } => {
                let mut approved = self.approved(approve)?;
                approved.frame.ct = Blob(random::<20>().0.to_vec());
                Some(self.approve(seat, as_member, Approved { by: seat, ..approved }, false))
            }
            Action::Deny { request, block } => self.deny(seat, as_member, request, block),
            Action::Unblock { request } => {
                let Asked { rid, uid, .. } = self.asked(request)?;
                let payload = json!({ "uid": uid });
                Some(self.by_member(seat, as_member, rid, "unblock", payload, Command::Unblock { uid }))
            }
            Action::Withdraw { request, is_own } => self.withdraw(seat, in_inbox, request, is_own),
            Action::Ack { approve, is_own } => {
                let (seat, rid, approve_id, device) = self.receiver(seat, approve, is_own)?;
                let payload = json!({ "approve_id": approve_id, "device": device });
                Some(self.own(seat, in_inbox, rid, "ack", payload, Command::Ack { approve_id, device }))
            }
            Action::Nack { approve, is_own } => {
                let (seat, rid, approve_id, device) = self.receiver(seat, approve, is_own)?;
                let payload = json!({ "approve_id": approve_id, "device": device, "code": "wrong_key" });
                Some(self.own(seat, in_inbox, rid, "nack", payload, Command::Nack { approve_id }))
            }
        }
    }

    fn publish(&self, seat: SeatNumber, as_member: bool, room: usize, step: u64, policy: Policy) -> Outgoing {
        let room = &self.participants.rooms[room];
        let rid = room.rid();
        let version = (self.store.room(&rid).map_or(0, |room| room.version) + step).max(1);
        let digest = Card::signed_bytes(&rid, version, policy, None).hash();
        let payload = room.card(version, policy, None);
        let command = Command::Publish { version, policy, digest, listed: None };
        self.by_member(seat, as_member, rid, "card", payload, command)
    }

    fn new_approve(&self, seat: SeatNumber, request: usize, fits: bool, is_short: bool) -> Option<Approved> {
        let Asked { rid, uid, frame } = self.asked(request)?;
        let exp = exp(is_short);
        let mut approve =
            self.participants.room(&rid).approve(&self.participants.user_at(seat).person, &uid, &frame);
        approve.exp = exp;
        if !fits {
            approve.r#box = Hash(random().0);
        }
        Some(Approved { rid, by: seat, frame: approve })
    }

    fn deny(&self, seat: SeatNumber, as_member: bool, request: usize, block: bool) -> Option<Outgoing> {
        let Asked { rid, uid: to, frame } = self.asked(request)?;
        let request_id = frame.request_id;
        let mut deny = Deny { request_id, to, code: "no".to_owned(), block, room_sig: random() };
        let by = self.participants.user_at(seat).uid;
        deny.room_sig = self.participants.room(&rid).key.sign(&deny.signed_bytes(&rid, &by));
        let command = Command::Deny { to, request_id, is_block: block };
        Some(self.by_member(seat, as_member, rid, "deny", json!(deny), command))
    }

    fn withdraw(&self, seat: SeatNumber, in_inbox: bool, request: usize, is_own: bool) -> Option<Outgoing> {
        let Asked { rid, uid, frame } = self.asked(request)?;
        let seat = if is_own { self.seat_of(&uid, seat) } else { seat };
        let request_id = frame.request_id;
        let payload = json!({ "request_id": request_id });
        Some(self.own(seat, in_inbox, rid, "withdraw", payload, Command::Withdraw { request_id }))
    }

    /// The seat that acks or nacks an approve, the room, the approve's id and the device's id.
    fn receiver(&self, seat: SeatNumber, approve: usize, is_own: bool) -> Option<(SeatNumber, Rid, Id, Id)> {
        let Approved { rid, frame, .. } = self.approved(approve)?;
        let seat = if is_own { self.seat_of(&frame.to, seat) } else { seat };
        Some((seat, rid, frame.approve_id, self.participants.seats[seat].id))
    }

    fn ask(&mut self, seat: SeatNumber, rid: Rid, mut frame: Request, is_short: bool) -> Outgoing {
        let (user, device) = (self.participants.user_at(seat), self.participants.seats[seat].id);
        user.person.sign_request(&rid, &mut frame);
        let digest = frame.signed_bytes(&rid, &user.uid).hash();
        let (request_id, box_hash, exp) = (frame.request_id, frame.box_hash(), frame.exp);
        let command = Command::Request { request_id, device, box_hash, digest, exp };
        let uid = user.uid;
        let payload = json!(frame);
        self.asked.push(Asked { rid, uid, frame });
        if is_short {
            self.ending = Some(exp);
        }
        let caller = Caller { uid, is_member: false };
        let topic = Topic::Room(rid);
        Outgoing { seat, rid, caller, is_members: false, topic, event: "request", payload, command }
    }

    fn approve(
        &mut self,
        seat: SeatNumber,
        as_member: bool,
        mut approved: Approved,
        is_short: bool,
    ) -> Outgoing {
        let rid = approved.rid;
        let (user, room) = (self.participants.user_at(seat), self.participants.room(&rid));
        let frame = &mut approved.frame;
        frame.sign_pub = user.person.key.public();
        room.sign_approve(&user.person, frame);
        let digest = frame.signed_bytes(&rid, &user.uid).hash();
        let Approve { approve_id, request_id, to, r#box: box_hash, exp, .. } = *frame;
        let command = Command::Approve { approve_id, to, request_id, box_hash, digest, exp };
        let payload = json!(frame);
        if is_short {
            self.ending = Some(exp);
        }
        self.approved.push(approved);
        self.by_member(seat, as_member, rid, "approve", payload, command)
    }

    fn by_member(
        &self,
        seat: SeatNumber,
        as_member: bool,
        rid: Rid,
        event: &'static str,
        payload: Value,
        command: Command,
    ) -> Outgoing {
        let is_member = as_member || self.participants.seats[seat].rooms.get(&rid) == Some(&true);
        let caller = Caller { uid: self.participants.user_at(seat).uid, is_member };
        let topic = Topic::Room(rid);
        Outgoing { seat, rid, caller, is_members: is_member, topic, event, payload, command }
    }

    fn own(
        &self,
        seat: SeatNumber,
        in_inbox: bool,
        rid: Rid,
        event: &'static str,
        mut payload: Value,
        command: Command,
    ) -> Outgoing {
        payload["rid"] = json!(rid);
        let caller = Caller { uid: self.participants.user_at(seat).uid, is_member: false };
        let topic = if in_inbox { Topic::Inbox } else { Topic::Room(rid) };
        Outgoing { seat, rid, caller, is_members: false, topic, event, payload, command }
    }

    /// The request at this place, counted from the last one.
    fn asked(&self, place: usize) -> Option<Asked> {
        let place = place % self.asked.len().max(1);
        self.asked.iter().nth_back(place).cloned()
    }

    fn approved(&self, place: usize) -> Option<Approved> {
        let place = place % self.approved.len().max(1);
        self.approved.iter().nth_back(place).cloned()
    }

    /// A seat of this user.
    fn seat_of(&self, uid: &Uid, seat: SeatNumber) -> SeatNumber {
        let seats: Vec<_> = self.participants.seats_of(uid).collect();
        seats[seat % seats.len()]
    }
}

fn exp(is_short: bool) -> i64 {
    now_ms() + if is_short { SHORT } else { TEN_MINUTES }
}

/// Compares an answer with the reference's.
#[track_caller]
pub(crate) fn check_answer(reply: &Reply, expected: &Result<Decision, Refusal>) {
    match expected {
        Ok(decision) => {
            assert_eq!(reply.status, "ok", "{}, expected {decision:?}", reply.text);
            let mut response = reply.response.clone();
            // Its value depends on the clock.
            if let Some(seq) = response.as_object_mut().and_then(|fields| fields.remove("seq")) {
                assert!(seq.as_i64().is_some_and(|seq| seq > 0), "{}", reply.text);
            }
            assert_eq!(response, answer(decision.answer), "{}", reply.text);
        }
        Err(refusal) => {
            assert_eq!(reply.refused(), json!(refusal.reason), "{}, expected {refusal:?}", reply.text);
            if refusal.reason != Reason::Expired {
                // This detail contains the time.
                assert_eq!(reply.response.get("detail"), json!(refusal).get("detail"), "{}", reply.text);
            }
        }
    }
}

fn answer(answer: Answer) -> Value {
    match answer {
        Answer::Publish { version, dup } => json!({ "version": version, "dup": dup }),
        Answer::Creator { creator, dup } => json!({ "creator": creator, "dup": dup }),
        Answer::Request { request_id, state, dup, .. } => {
            json!({ "request_id": request_id, "state": state, "dup": dup })
        }
        Answer::Approve { state, dup, others, .. } => json!({ "state": state, "dup": dup, "others": others }),
        Answer::Deny { state, dup } => json!({ "state": state, "dup": dup }),
        Answer::Nack { state, dup } => json!({ "state": state, "dup": dup }),
        Answer::Ack { dup, deleted } => json!({ "dup": dup, "deleted": deleted }),
        Answer::Unblock { dup } | Answer::Withdraw { dup } | Answer::Sweep { dup } => json!({ "dup": dup }),
    }
}
