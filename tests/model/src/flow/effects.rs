//! The effects of the steps.

use vestibule_approve::{
    refusal::{Reason, Refusal},
    rules::{Answer, ApproveState, Caller, Change, Command, Decision, RequestState, decide},
};

use super::{
    Flow,
    names::{ALICE, ApproveName, BOB, Device, EVE, ROOM, RequestName, closing_card, id_of_eves, mallory},
    scope::Flaw,
    state::{Frame, State},
    steps::Step,
};
use crate::reference::Reference;

impl Flow {
    /// The state after a step; `None` if nothing changes.
    pub(super) fn take(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        match step {
            Step::Ask(device) => {
                next.network.insert(Frame::Ask(state.asks(device)));
            }
            Step::Renew(device) => next.device_mut(device).turn += 1,
            Step::Approve(approve) => {
                next.network.insert(Frame::Approve(approve));
            }
            Step::Deliver(device, approve) => {
                next.network.insert(Frame::Push(device, approve));
            }
            Step::Arrive(frame) => {
                next.network.remove(&frame);
                self.arrive(&mut next, frame);
            }
            Step::Lose(frame) => {
                next.network.remove(&frame);
            }
            Step::Save(device) => {
                next.device_mut(device).is_unsaved = false;
                next.device_mut(device).has_key = true;
            }
            Step::CrashDevice(device) => next.device_mut(device).is_unsaved = false,
            Step::CrashAlice => {
                next.alice_crashes += 1;
                next.network.retain(|frame| !matches!(frame, Frame::Approve(_)));
            }
            Step::CrashServer => {
                next.network.clear();
                next.store = next.disk.take().unwrap_or(next.store);
            }
            Step::Sync => next.disk = None,
            Step::Expire(request) => self.expire(&mut next, request),
            Step::End(request) => self.end(&mut next, request),
            Step::Tick => {
                next.now += 1;
                self.end_cooldowns(&mut next);
            }
            Step::Withdraw(_)
            | Step::Garbage(_)
            | Step::Deny(_)
            | Step::Block(_)
            | Step::Unblock
            | Step::Close
            | Step::DenyEve
            | Step::Lapse(_) => {
                let (caller, command) = command(step)?;
                self.serve(&mut next, caller, &command).ok()?;
            }
        }
        Self::clear(&mut next);
        (next != *state).then_some(next)
    }

    /// Drops the frames that can no longer change anything.
    fn clear(state: &mut State) {
        let State { store, network, devices, .. } = state;
        network.retain(|frame| match *frame {
            Frame::Ask(_) => true,
            Frame::Approve(approve) => is_kept(store, approve),
            Frame::Push(device, approve) if approve.is_good() => {
                !devices[device as usize].has_key || may_be_acked(store, device, approve)
            }
            Frame::Push(device, approve) => {
                is_live(store, approve)
                    || devices[device as usize].has_key && may_be_acked(store, device, approve)
            }
            Frame::Ack(device, approve) => may_be_acked(store, device, approve),
            Frame::Nack(_, approve) => is_kept(store, approve) && is_live(store, approve),
        });
    }

    fn arrive(&self, state: &mut State, frame: Frame) {
        match frame {
            Frame::Ask(request) => {
                let answer = self.serve(state, BOB, &request.command(self.scope.request_exp));
                if let Ok(Decision { answer: Answer::Request { request_id, .. }, .. }) = answer {
                    let known = RequestName::of_id(&request_id).expect("a request of Bob's");
                    state.told.requests.insert(request, known);
                }
            }
            Frame::Approve(approve) => {
                if self.serve(state, ALICE, &approve.command()).is_ok() {
                    state.told.approves.insert(approve);
                }
            }
            Frame::Push(device, approve) => self.receive(state, device, approve),
            Frame::Ack(device, approve) => {
                let ack = Command::Ack { approve_id: approve.id(), device: device.id() };
                self.serve(state, BOB, &ack).expect("an ack is never refused");
            }
            Frame::Nack(_, approve) => {
                let nack = Command::Nack { approve_id: approve.id() };
                self.serve(state, BOB, &nack).expect("a nack is never refused");
            }
        }
    }

    /// A device opens an approve, saves the key and acks, or nacks.
    fn receive(&self, state: &mut State, device: Device, approve: ApproveName) {
        let knows = state.device_mut(device);
        let is_unopened = knows.has_key && self.flaw == Some(Flaw::AcksUnopened);
        if approve.is_good() || is_unopened {
            if self.flaw == Some(Flaw::AcksBeforeSaving) && !knows.has_key {
                knows.is_unsaved = true;
            } else {
                knows.has_key = true;
            }
            state.network.insert(Frame::Ack(device, approve));
        } else if self.flaw != Some(Flaw::FirstApproveWins) {
            state.network.insert(Frame::Nack(device, approve));
        }
    }

    fn expire(&self, state: &mut State, request: RequestName) {
        let decision = self.serve(state, BOB, &Command::Expire { request_id: request.id() });
        let change = decision.expect("a sweep is never refused").change;
        if matches!(change, Some(Change::Close { state: RequestState::Done, .. })) {
            state.told.timed_out.insert(request);
        }
    }

    /// Bob is no longer promised anything, however his request ended.
    fn end(&self, state: &mut State, request: RequestName) {
        let decision = self.serve(state, BOB, &Command::End { request_id: request.id() });
        if decision.expect("an end is never refused").change.is_some() {
            state.told.timed_out.insert(request);
        }
    }

    /// Notes which requests members left denied for a whole cooldown.
    fn end_cooldowns(&self, state: &mut State) {
        let denial = state.store.denial(&BOB.uid, &ROOM).map(|denial| denial.facts);
        if denial.is_some_and(|denial| !denial.is_block && denial.until <= state.now) {
            let status = |name: &RequestName| state.store.status(&BOB.uid, &ROOM, &name.id());
            let denied = self.requests(state).filter(|name| status(name) == Some(RequestState::Denied));
            state.told.timed_out.extend(denied.collect::<Vec<_>>());
        }
    }

    /// The server carries out a command.
    fn serve(&self, state: &mut State, caller: Caller, command: &Command) -> Result<Decision, Refusal> {
        let quotas = &self.scope.quotas;
        self.refuse_by_flaw(state, command)?;
        let mut decision = self.decide(state, &caller, command)?;
        decision.change = decision.change.map(|change| self.change_by_flaw(change));
        if let Some(change) = decision.change {
            let before = state.store.clone();
            let mut store = (*before).clone();
            store.apply(quotas, &ROOM, &caller, command, change, state.now);
            state.store = self.stores.of(store);
            if self.flaw == Some(Flaw::AnswersBeforeCommit) {
                state.disk.get_or_insert(before);
            }
        }
        Ok(decision)
    }

    /// The server's decision about a command.
    pub(super) fn decide(
        &self,
        state: &State,
        caller: &Caller,
        command: &Command,
    ) -> Result<Decision, Refusal> {
        let mut facts = state.store.facts(&ROOM, caller, command, state.now);
        match (self.flaw, &mut facts.room) {
            (Some(Flaw::AnybodyCloses), Some(room)) => room.creator = Some(caller.uid),
            (Some(Flaw::DenialKeepsPlace), _) => facts.usage.open_in_room += facts.usage.denied_in_room,
            _ => {}
        }
        decide(&self.scope.quotas, &facts, caller, command, state.now)
    }

    fn refuse_by_flaw(&self, state: &State, command: &Command) -> Result<(), Refusal> {
        let Command::Approve { to, request_id, .. } = command else { return Ok(()) };
        let final_state = match self.flaw {
            Some(Flaw::FirstApproveWins) => RequestState::Approved,
            Some(Flaw::DenialIsFinal) => RequestState::Denied,
            _ => return Ok(()),
        };
        let is_final = state.store.status(to, &ROOM, request_id) == Some(final_state);
        if is_final { Err(Reason::Closed.into()) } else { Ok(()) }
    }

    fn change_by_flaw(&self, change: Change) -> Change {
        match (self.flaw, change) {
            (Some(Flaw::OneAckClosesForAll), Change::Save { request_id, is_first, .. }) => {
                Change::Save { request_id, is_first, closes: true }
            }
            (Some(Flaw::NackDoesNotReopen), Change::Nack { .. }) => Change::Nack { reopens: false },
            _ => change,
        }
    }
}

/// The command of a step that is nothing but a command, and who sends it.
fn command(step: Step) -> Option<(Caller, Command)> {
    let deny = |request_id, to: Caller, is_block| Command::Deny { to: to.uid, request_id, is_block };
    Some(match step {
        Step::Withdraw(request) => (BOB, Command::Withdraw { request_id: request.id() }),
        Step::Garbage(approve) => (approve.by(), approve.command()),
        Step::Deny(request) => (mallory(0), deny(request.id(), BOB, false)),
        Step::Block(request) => (mallory(0), deny(request.id(), BOB, true)),
        Step::Unblock => (mallory(0), Command::Unblock { uid: BOB.uid }),
        Step::Close => (mallory(0), closing_card()),
        Step::DenyEve => (mallory(0), deny(id_of_eves(), EVE, false)),
        Step::Lapse(approve) => (BOB, Command::Lapse { approve_id: approve.id() }),
        _ => return None,
    })
}

/// Whether the request of an approve may still change.
fn is_kept(store: &Reference, approve: ApproveName) -> bool {
    store.request(&BOB.uid, &ROOM, &approve.request().id()).is_none_or(|request| request.facts.is_kept)
}

/// Whether an approve is live, or not stored yet.
fn is_live(store: &Reference, approve: ApproveName) -> bool {
    let stored = store.approve(&ROOM, &approve.id());
    stored.is_none_or(|stored| stored.facts.state == ApproveState::Live)
}

/// Whether an ack would still change anything.
fn may_be_acked(store: &Reference, device: Device, approve: ApproveName) -> bool {
    let request = store.request(&BOB.uid, &ROOM, &approve.request().id());
    let has_acked = request.and_then(|request| request.devices.get(&device.id())) == Some(&true);
    let is_acked = store.approve(&ROOM, &approve.id()).is_some_and(|stored| stored.facts.is_acked);
    is_kept(store, approve) && !(has_acked && (is_acked || !is_live(store, approve)))
}
