//! The steps that may happen next.

use vestibule_approve::rules::{ApproveState, RequestState};

use super::{
    Flow,
    names::{ApproveName, BOB, Device, ROOM, RequestName},
    scope::Flaw,
    state::{Frame, State},
};

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A device sends its request, or repeats an unanswered one.
    Ask(Device),
    /// A device whose request has ended makes the next.
    Renew(Device),
    /// Alice approves a request, or repeats an unanswered approve.
    Approve(ApproveName),
    /// The server sends a stored approve: at its commit, at a join, or once more after a while.
    Deliver(Device, ApproveName),
    /// A frame arrives and is dealt with.
    Arrive(Frame),
    /// A frame is lost with its connection.
    Lose(Frame),
    /// A device saves a key that it has already acked.
    Save(Device),
    /// A device's client crashes.
    CrashDevice(Device),
    /// Alice's client crashes.
    CrashAlice,
    /// The server crashes.
    CrashServer,
    /// The server's writes reach the disk.
    Sync,
    /// Bob withdraws a request.
    Withdraw(RequestName),
    /// The hostile member sends a bad approve.
    Garbage(ApproveName),
    /// The hostile member denies.
    Deny(RequestName),
    /// The hostile member blocks.
    Block(RequestName),
    /// The hostile member lifts the denial.
    Unblock,
    /// The hostile member publishes a card that closes the room.
    Close,
    /// A member denies Eve.
    DenyEve,
    /// The sweep ends an expired request.
    Expire(RequestName),
    /// The sweep ends an expired approve.
    Lapse(ApproveName),
    /// An operator ends a request.
    End(RequestName),
    /// Time passes.
    Tick,
}

impl Flow {
    /// Whether a step is one of those that Bob may rely on: nobody is hostile, nothing fails, and
    /// nothing is asked again.
    pub fn is_cooperative(&self, state: &State, step: Step) -> bool {
        match step {
            Step::Ask(device) => state.waits_for(device).is_none(),
            // What was denied, a person approves.
            Step::Approve(approve) => {
                let status = state.store.status(&BOB.uid, &ROOM, &approve.request().id());
                status != Some(RequestState::Approved) || self.approves_by_itself(state, approve.request())
            }
            Step::Deliver(..)
            | Step::Arrive(_)
            | Step::Save(_)
            | Step::Sync
            | Step::Expire(_)
            | Step::Lapse(_) => true,
            _ => false,
        }
    }

    /// Whether Alice's client, if it approves by itself, goes on although others have approved:
    /// garbage may come first. The creator's always does, since a place is kept for it; another's
    /// as long as few approves wait.
    fn approves_by_itself(&self, state: &State, request: RequestName) -> bool {
        let approves = state.store.approves_of(&ROOM, &BOB.uid, &request.id());
        let live = approves.filter(|approve| approve.is_live(state.now)).count();
        if self.flaw == Some(Flaw::FirstApprovalSilences) {
            return live == 0;
        }
        // One that waits for nobody's approve is not shown again, unless it is pending anew.
        self.scope.alice_created || (1..self.scope.enough).contains(&live)
    }

    pub(super) fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps_of_bob(state, steps);
        self.steps_of_alice(state, steps);
        self.steps_of_mallory(state, steps);
        self.steps_of_the_server(state, steps);
        for frame in &state.network {
            steps.extend([Step::Arrive(*frame), Step::Lose(*frame)]);
        }
        if state.now < self.scope.end {
            steps.push(Step::Tick);
        }
    }

    fn steps_of_bob(&self, state: &State, steps: &mut Vec<Step>) {
        for device in self.devices() {
            let knows = state.device(device);
            match state.waits_for(device) {
                None if !knows.has_key => steps.push(Step::Ask(device)),
                Some(_) if self.may_renew(state, device) => steps.push(Step::Renew(device)),
                Some(request) if self.scope.withdraws => steps.push(Step::Withdraw(request)),
                _ => {}
            }
            if knows.is_unsaved {
                steps.extend([Step::Save(device), Step::CrashDevice(device)]);
            }
        }
    }

    fn may_renew(&self, state: &State, device: Device) -> bool {
        let knows = state.device(device);
        !knows.has_key && knows.turn + 1 < self.scope.turns && Self::has_ended(state, device)
    }

    /// Whether the server has told the device that what it waits for has ended.
    fn has_ended(state: &State, device: Device) -> bool {
        let request = state.waits_for(device);
        let stored = request.and_then(|request| state.store.request(&BOB.uid, &ROOM, &request.id()));
        stored.is_some_and(|stored| !stored.facts.is_kept)
    }

    fn steps_of_alice(&self, state: &State, steps: &mut Vec<Step>) {
        for request in Self::shown(state) {
            if let Some(approve) = self.next_approve(state, request) {
                steps.push(Step::Approve(approve));
            }
        }
        if state.alice_crashes < self.scope.alice_crashes {
            steps.push(Step::CrashAlice);
        }
    }

    /// Bob's requests that members are shown, waiting or denied.
    fn shown(state: &State) -> Vec<RequestName> {
        let pending = state.store.pending(&ROOM, state.now).into_iter().map(|pending| pending.request);
        let denied = state.store.denials(&ROOM, state.now).into_iter().flat_map(|(_, _, requests)| requests);
        pending.chain(denied).filter_map(|request| RequestName::of_id(&request.facts.request_id)).collect()
    }

    /// Alice's first approve that is not over, and that she has not forgotten. One that is stored
    /// needs no repeating: see the property about repeats.
    fn next_approve(&self, state: &State, request: RequestName) -> Option<ApproveName> {
        let attempts = state.alice_crashes..=self.scope.attempts();
        let mut approves = attempts.map(|attempt| ApproveName::Alice { request, attempt });
        let next = approves.find(|approve| {
            let stored = state.store.approve(&ROOM, &approve.id());
            approve.exp() > state.now && stored.is_none_or(|stored| stored.facts.state == ApproveState::Live)
        })?;
        state.store.approve(&ROOM, &next.id()).is_none().then_some(next)
    }

    fn steps_of_mallory(&self, state: &State, steps: &mut Vec<Step>) {
        let of_mallory = |approve: &ApproveName| !approve.is_good();
        let used = Self::approves(state).filter(of_mallory).count();
        for request in self.requests(state) {
            if usize::from(self.scope.garbage) > used {
                let account = u8::try_from(used).expect("few accounts");
                steps.push(Step::Garbage(ApproveName::Mallory { request, account }));
            }
            if self.scope.denies {
                steps.extend([Step::Deny(request), Step::Block(request)]);
            }
        }
        if self.scope.unblocks {
            steps.push(Step::Unblock);
        }
        if self.scope.closes {
            steps.push(Step::Close);
        }
        if self.scope.denies_eve {
            steps.push(Step::DenyEve);
        }
    }

    fn steps_of_the_server(&self, state: &State, steps: &mut Vec<Step>) {
        for (_, approve) in state.store.approved(&BOB.uid, Some(&ROOM), state.now) {
            let Some(name) = ApproveName::of_id(&approve.facts.approve_id) else { continue };
            let stored = state.store.request(&BOB.uid, &ROOM, &name.request().id());
            for device in self.devices().filter(|device| Self::asked_for(state, *device, name)) {
                let has_acked = stored.is_some_and(|stored| stored.devices.get(&device.id()) == Some(&true));
                if !(has_acked && approve.facts.is_acked) {
                    steps.push(Step::Deliver(device, name));
                }
            }
        }
        steps.extend(self.requests(state).map(Step::Expire));
        steps.extend(Self::approves(state).map(Step::Lapse));
        if self.scope.operator_ends {
            steps.extend(self.requests(state).map(Step::End));
        }
        if !state.network.is_empty() || state.disk.is_some() {
            steps.push(Step::CrashServer);
        }
        if state.disk.is_some() {
            steps.push(Step::Sync);
        }
    }

    /// The devices there are.
    pub(super) fn devices(&self) -> impl Iterator<Item = Device> + use<> {
        Device::ALL.into_iter().take(self.scope.devices)
    }

    /// Bob's stored requests.
    pub(super) fn requests(&self, state: &State) -> impl Iterator<Item = RequestName> + use<> {
        let turns = self.scope.turns;
        let names =
            self.devices().flat_map(move |device| (0..turns).map(move |turn| RequestName { device, turn }));
        let store = state.store.clone();
        names.filter(move |name| store.status(&BOB.uid, &ROOM, &name.id()).is_some())
    }

    /// The stored approves for Bob.
    fn approves(state: &State) -> impl Iterator<Item = ApproveName> {
        state.store.approves_for(&BOB.uid).filter_map(|approve| ApproveName::of_id(&approve.facts.approve_id))
    }

    /// Whether a device takes an approve at all: it takes what it asked for.
    fn asked_for(state: &State, device: Device, approve: ApproveName) -> bool {
        let asked =
            |(own, known): (&RequestName, &RequestName)| own.device == device && *known == approve.request();
        state.told.requests.iter().any(asked)
    }
}
