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

use crate::cast::{Cast, Seat, Topic};
use crate::deeds::{Approved, Asked, Sending, check_answer};
use crate::steps::{Deed, Doing, SeatNumber, Step};
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
pub(crate) struct Stage<'a> {
    server: &'a RefCell<Server>,
    pub(crate) cast: Cast,
    pub(crate) store: Reference,
    /// The reference before the last change.
    pub(crate) before: Reference,
    pub(crate) quotas: Quotas,
    pub(crate) asked: Vec<Asked>,
    pub(crate) approved: Vec<Approved>,
    /// When the frame that expires soon does.
    pub(crate) ending: Option<i64>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(server: &'a RefCell<Server>) -> Self {
        let cast = Cast::new(server.borrow().address());
        let (asked, approved) = (Vec::new(), Vec::new());
        let (store, before, quotas) = (Reference::default(), Reference::default(), quotas());
        let mut stage = Self { server, cast, store, before, quotas, asked, approved, ending: None };
        // One room to begin with; the steps must publish the other one.
        let deed = Deed::Publish { room: 0, step: 1, policy: Policy::Request };
        stage.perform(&Doing { seat: 0, as_member: true, in_inbox: false, deed });
        stage
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
                let rid = self.cast.rooms[room].rid();
                self.enter(seat, &rid, as_member);
            }
            Step::Listen { seat } => self.listen(seat),
            Step::Leave { seat, room } => {
                let rid = self.cast.rooms[room].rid();
                if self.cast.seats[seat].rooms.remove(&rid).is_some() {
                    let name = self.cast.name(seat, Topic::Room(rid));
                    self.cast.device(seat).leave(&name);
                }
            }
            Step::Hang { seat } => self.cast.seats[seat].hang(),
            Step::Do(doing) => {
                if doing.deed.is_short() {
                    self.elapse();
                }
                self.perform(&doing);
                self.sweep_what_is_forgiven();
            }
            Step::Interrupted(doing) => {
                self.elapse();
                self.perform_interrupted(&Doing { deed: doing.deed.lasting(), ..doing });
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
        for user in &self.cast.users {
            let mut device = self.cast.connect(&user.uid, random());
            let inbox = device.join(&user.person.inbox()).ok();
            self.view().check_joined(&user.uid, None, &inbox);
            for room in &self.cast.rooms {
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

    fn perform(&mut self, doing: &Doing) {
        let known = (self.asked.len(), self.approved.len());
        let Some(sending) = self.sending(doing) else { return };
        self.come(&sending);
        let expected = self.decide(&sending);
        let reply = self.call(&sending);
        check_answer(&reply, &expected);
        self.expect_told_of(&sending, &expected);
        if expected.is_err() {
            // Nothing is pushed about a refused frame.
            self.asked.truncate(known.0);
            self.approved.truncate(known.1);
        }
    }

    /// Repeats the action, as a client does without an answer. Whether the first one arrived is
    /// unknown.
    fn perform_interrupted(&mut self, doing: &Doing) {
        let Some(sending) = self.sending(doing) else { return };
        self.come(&sending);
        let name = self.cast.name(sending.seat, sending.topic);
        // The connection may break meanwhile.
        let _ = self.cast.device(sending.seat).send(&name, sending.event, &sending.payload);
        self.kill();
        match sending.topic {
            Topic::Inbox => drop(self.join_inbox(sending.seat)),
            Topic::Room(rid) => drop(self.join_room(sending.seat, &rid, sending.is_members)),
        }
        let reply = self.call(&sending);

        let first = self.decide(&sending);
        let stored = self.store.clone();
        let again = self.decide(&sending);
        assert_eq!(self.store, stored, "the reference does the same twice");
        let is_change = first.as_ref().is_ok_and(|decision| decision.change.is_some());
        let outcome = if is_change && reply.response["dup"] == true { again } else { first };
        check_answer(&reply, &outcome);
        self.expect_told_of(&sending, &outcome);
    }

    fn decide(&mut self, sending: &Sending) -> Result<Decision, Refusal> {
        let Sending { rid, caller, command, .. } = sending;
        let before = self.store.clone();
        let decision = self.store.carry_out(&self.quotas, rid, caller, command, now_ms());
        if decision.as_ref().is_ok_and(|decision| decision.change.is_some()) {
            self.before = before;
        }
        decision
    }

    fn call(&mut self, sending: &Sending) -> Reply {
        let name = self.cast.name(sending.seat, sending.topic);
        self.cast.device(sending.seat).call(&name, sending.event, &sending.payload)
    }

    fn expect_told_of(&mut self, sending: &Sending, outcome: &Result<Decision, Refusal>) {
        let change = outcome.as_ref().ok().and_then(|decision| decision.change);
        let uid = sending.caller.uid;
        let expected = self.told_of(&sending.rid, &uid, &sending.command, change);
        self.expect_told(Some((sending.seat, sending.topic)), expected);
    }

    fn kill(&mut self) {
        self.server.borrow_mut().restart();
        self.cast.seats.iter_mut().for_each(Seat::hang);
    }

    /// Joins the sender to the frame's topic, in the role that the frame needs.
    fn come(&mut self, sending: &Sending) {
        let at = &self.cast.seats[sending.seat];
        match sending.topic {
            Topic::Inbox if at.listens => {}
            Topic::Inbox => self.listen(sending.seat),
            Topic::Room(rid) => {
                let is_member = at.rooms.get(&rid).copied();
                if is_member.is_none() || (sending.is_members && is_member == Some(false)) {
                    self.enter(sending.seat, &rid, sending.is_members);
                }
            }
        }
    }

    /// Joins a room anew, and checks what is shown.
    fn enter(&mut self, seat: SeatNumber, rid: &Rid, as_member: bool) {
        let uid = self.cast.user_at(seat).uid;
        let (joined, proved) = self.join_room(seat, rid, as_member);
        self.view().check_joined(&uid, Some(rid), &joined);
        if let Some(proved) = proved {
            self.view().check_proved(rid, &proved);
        }
    }

    /// Joins the inbox anew, and checks what is shown.
    fn listen(&mut self, seat: SeatNumber) {
        let joined = self.join_inbox(seat);
        self.view().check_joined(&self.cast.user_at(seat).uid, None, &joined);
    }

    fn join_room(&mut self, seat: SeatNumber, rid: &Rid, as_member: bool) -> (Value, Option<Value>) {
        let (uid, name) = (self.cast.user_at(seat).uid, self.cast.name(seat, Topic::Room(*rid)));
        let joined = self.cast.device(seat).visit(rid);
        let server = self.cast.address.to_string();
        let proof = as_member.then(|| self.cast.room(rid).prove(&server, &uid, &nonce(&joined)));
        let proved = proof.map(|proof| self.cast.device(seat).call(&name, "prove", proof).ok());
        self.cast.seats[seat].rooms.insert(*rid, as_member);
        (joined, proved)
    }

    fn join_inbox(&mut self, seat: SeatNumber) -> Value {
        let inbox = self.cast.user_at(seat).person.inbox();
        let device = self.cast.device(seat);
        let joined = device.join(&inbox).ok();
        device.push(&inbox, "caught_up");
        self.cast.seats[seat].listens = true;
        joined
    }

    fn view(&self) -> View<'_> {
        View { store: &self.store, now: now_ms() }
    }
}

fn nonce(joined: &Value) -> Fixed<32> {
    joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes")
}
