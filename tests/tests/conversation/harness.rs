//! Runs a case, on the server and on the reference at once.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::limits::Quotas;
use vestibule_approve::refusal::Refusal;
use vestibule_approve::rules::Decision;
use vestibule_approve::signed::Rid;
use vestibule_model::reference::Reference;
use vestibule_tests::people::{Reply, now_ms, random};
use vestibule_tests::process::{Launch, Server};

use crate::actions::{Approved, Asked, Outgoing, check_answer};
use crate::participants::{Participants, Seat, Topic};
use crate::steps::{Action, Operation, SeatNumber, Step};
use crate::views::View;

/// Small quotas, so that cases reach them.
fn quotas() -> Quotas {
    Quotas {
        open_per_user_in_room: 2,
        requests_per_user: 6,
        open_per_room: 4,
        devices_per_request: 2,
        rooms_per_user: 1,
        approves_per_request: 1,
        nacks_per_approver: 1,
        ..Quotas::default()
    }
}

/// A server with these quotas that ends expired frames at once and never redelivers.
pub(crate) fn launch() -> Launch {
    let quotas = quotas();
    let counts = [
        ("--max-open-per-user", quotas.open_per_user_in_room),
        ("--max-requests-per-user", quotas.requests_per_user),
        ("--max-open-per-room", quotas.open_per_room),
        ("--max-devices", quotas.devices_per_request),
        ("--max-rooms-per-user", quotas.rooms_per_user),
        ("--max-approves", quotas.approves_per_request),
        ("--max-nacks", quotas.nacks_per_approver),
    ];
    let launch = Launch::vestibule().arg("--sweep").arg("30ms").arg("--redelivery").arg("1h");
    counts.iter().fold(launch, |launch, (name, count)| launch.arg(name).arg(&count.to_string()))
}

/// The server, the people, and the reference.
pub(crate) struct Harness<'a> {
    server: &'a RefCell<Server>,
    pub(crate) participants: Participants,
    pub(crate) store: Reference,
    /// The reference before the last change.
    pub(crate) before: Reference,
    pub(crate) quotas: Quotas,
    pub(crate) asked: Vec<Asked>,
    pub(crate) approved: Vec<Approved>,
    /// When the frame that expires soon does.
    pub(crate) ending: Option<i64>,
}

impl<'a> Harness<'a> {
    pub(crate) fn new(server: &'a RefCell<Server>) -> Self {
        let participants = Participants::new(server.borrow().address());
        let (asked, approved) = (Vec::new(), Vec::new());
        let (store, before, quotas) = (Reference::default(), Reference::default(), quotas());
        let mut harness = Self { server, participants, store, before, quotas, asked, approved, ending: None };
        // One room to begin with; the steps must publish the other one.
        let action = Action::Publish { room: 0, step: 1, policy: Policy::Request };
        harness.perform(&Operation { seat: 0, as_member: true, in_inbox: false, action });
        harness
    }

    /// Runs a step. A step that an expiry overtook before it was waited for does not count.
    pub(crate) fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        let played = catch_unwind(AssertUnwindSafe(|| self.step(step)));
        if self.is_late() {
            return Err(TestCaseError::reject("the machine stood still"));
        }
        played.unwrap_or_else(|failure| resume_unwind(failure));
        Ok(())
    }

    fn step(&mut self, step: Step) {
        if self.ends_now() {
            self.elapse();
        }
        match step {
            Step::Enter { seat, room, as_member } => {
                let rid = self.participants.rooms[room].rid();
                self.enter(seat, &rid, as_member);
            }
            Step::Listen { seat } => self.listen(seat),
            Step::Leave { seat, room } => {
                let rid = self.participants.rooms[room].rid();
                if self.participants.seats[seat].rooms.remove(&rid).is_some() {
                    let name = self.participants.name(seat, Topic::Room(rid));
                    self.participants.device(seat).leave(&name);
                }
            }
            Step::Hang { seat } => self.participants.seats[seat].hang(),
            Step::Do(operation) => {
                if operation.action.is_short() {
                    self.elapse();
                }
                self.perform(&operation);
                self.sweep_what_is_forgiven();
            }
            Step::Interrupted(operation) => {
                self.elapse();
                self.perform_interrupted(&Operation { action: operation.action.lasting(), ..operation });
                self.sweep_what_is_forgiven();
            }
            Step::Kill => {
                self.elapse();
                self.kill();
            }
            Step::Elapse => self.elapse(),
        }
    }

    /// What every new connection is shown.
    pub(crate) fn close(mut self) {
        self.elapse();
        for user in &self.participants.users {
            let mut device = self.participants.connect(&user.uid, random());
            let inbox = device.join(&user.person.inbox()).ok();
            self.view().check_joined(&user.uid, None, &inbox);
            for room in &self.participants.rooms {
                let joined = device.visit(&room.rid());
                self.view().check_joined(&user.uid, Some(&room.rid()), &joined);
                let nonce = nonce(&joined);
                let proved = device.prove(room, &nonce).ok();
                self.view().check_proved(&room.rid(), &proved);
                let denials = device.call(&room.topic(), "denials", json!({})).ok();
                self.view().check_denials(&room.rid(), &denials);
            }
        }
    }

    fn perform(&mut self, operation: &Operation) {
        let known = (self.asked.len(), self.approved.len());
        let Some(outgoing) = self.outgoing(operation) else { return };
        self.come(&outgoing);
        let expected = self.decide(&outgoing);
        let reply = self.call(&outgoing);
        check_answer(&reply, &expected);
        self.expect_told_of(&outgoing, &expected);
        if expected.is_err() {
            // Nothing is pushed about a refused frame.
            self.asked.truncate(known.0);
            self.approved.truncate(known.1);
        }
    }

    /// Repeats the action, as a client does without an answer. Whether the first one arrived is
    /// unknown.
    fn perform_interrupted(&mut self, operation: &Operation) {
        let Some(outgoing) = self.outgoing(operation) else { return };
        self.come(&outgoing);
        let name = self.participants.name(outgoing.seat, outgoing.topic);
        // The connection may break meanwhile.
        let _ = self.participants.device(outgoing.seat).send(&name, outgoing.event, &outgoing.payload);
        self.kill();
        match outgoing.topic {
            Topic::Inbox => drop(self.join_inbox(outgoing.seat)),
            Topic::Room(rid) => drop(self.join_room(outgoing.seat, &rid, outgoing.is_members)),
        }
        let reply = self.call(&outgoing);

        let first = self.decide(&outgoing);
        let stored = self.store.clone();
        let again = self.decide(&outgoing);
        assert_eq!(self.store, stored, "the reference does the same twice");
        let is_change = first.as_ref().is_ok_and(|decision| decision.change.is_some());
        let outcome = if is_change && reply.response["dup"] == true { again } else { first };
        check_answer(&reply, &outcome);
        self.expect_told_of(&outgoing, &outcome);
    }

    fn decide(&mut self, outgoing: &Outgoing) -> Result<Decision, Refusal> {
        let Outgoing { rid, caller, command, .. } = outgoing;
        let before = self.store.clone();
        let decision = self.store.carry_out(&self.quotas, rid, caller, command, now_ms());
        if decision.as_ref().is_ok_and(|decision| decision.change.is_some()) {
            self.before = before;
        }
        decision
    }

    fn call(&mut self, outgoing: &Outgoing) -> Reply {
        let name = self.participants.name(outgoing.seat, outgoing.topic);
        self.participants.device(outgoing.seat).call(&name, outgoing.event, &outgoing.payload)
    }

    fn expect_told_of(&mut self, outgoing: &Outgoing, outcome: &Result<Decision, Refusal>) {
        let change = outcome.as_ref().ok().and_then(|decision| decision.change);
        let uid = outgoing.caller.uid;
        let expected = self.told_of(&outgoing.rid, &uid, &outgoing.command, change);
        self.expect_told(Some((outgoing.seat, outgoing.topic)), expected);
    }

    fn kill(&mut self) {
        self.server.borrow_mut().restart();
        self.participants.seats.iter_mut().for_each(Seat::hang);
    }

    /// Joins the sender to the frame's topic, in the role that the frame needs.
    fn come(&mut self, outgoing: &Outgoing) {
        let at = &self.participants.seats[outgoing.seat];
        match outgoing.topic {
            Topic::Inbox if at.listens => {}
            Topic::Inbox => self.listen(outgoing.seat),
            Topic::Room(rid) => {
                let is_member = at.rooms.get(&rid).copied();
                if is_member.is_none() || (outgoing.is_members && is_member == Some(false)) {
                    self.enter(outgoing.seat, &rid, outgoing.is_members);
                }
            }
        }
    }

    /// Joins a room anew, and checks what is shown.
    fn enter(&mut self, seat: SeatNumber, rid: &Rid, as_member: bool) {
        let uid = self.participants.user_at(seat).uid;
        let (joined, proved) = self.join_room(seat, rid, as_member);
        self.view().check_joined(&uid, Some(rid), &joined);
        if let Some(proved) = proved {
            self.view().check_proved(rid, &proved);
        }
    }

    /// Joins the inbox anew, and checks what is shown.
    fn listen(&mut self, seat: SeatNumber) {
        let joined = self.join_inbox(seat);
        self.view().check_joined(&self.participants.user_at(seat).uid, None, &joined);
    }

    fn join_room(&mut self, seat: SeatNumber, rid: &Rid, as_member: bool) -> (Value, Option<Value>) {
        let (uid, name) =
            (self.participants.user_at(seat).uid, self.participants.name(seat, Topic::Room(*rid)));
        let joined = self.participants.device(seat).visit(rid);
        let server = self.participants.address.to_string();
        let proof = as_member.then(|| self.participants.room(rid).prove(&server, &uid, &nonce(&joined)));
        let proved = proof.map(|proof| self.participants.device(seat).call(&name, "prove", proof).ok());
        self.participants.seats[seat].rooms.insert(*rid, as_member);
        (joined, proved)
    }

    fn join_inbox(&mut self, seat: SeatNumber) -> Value {
        let inbox = self.participants.user_at(seat).person.inbox();
        let device = self.participants.device(seat);
        let joined = device.join(&inbox).ok();
        device.push(&inbox, "caught_up");
        self.participants.seats[seat].listens = true;
        joined
    }

    fn view(&self) -> View<'_> {
        View { store: &self.store, now: now_ms() }
    }
}

fn nonce(joined: &Value) -> Fixed<32> {
    joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes")
}
