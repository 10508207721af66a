//! What must hold in every state, and what must stay possible.

use stateright::Property;
use vestibule_approve::{
    base64url::Fixed,
    refusal::Reason,
    rules::{Answer, ApproveState, Command, Policy, RequestState},
};

use super::{
    Flow,
    names::{ALICE, ApproveName, BOB, Device, EVE, ROOM, RequestName, request_of_a_newcomer},
    state::{Frame, State},
};

/// A frame that was answered ok is stored until it has served its purpose.
pub const KEPT: &str = "what was answered ok is kept";
/// An approve reaches only its recipient.
pub const ADDRESSED: &str = "a key goes to its addressee only";
/// A request is done when every device that asked has the key.
pub const DONE: &str = "done means that every device has the key";
/// The answer to a repeated frame is the first answer.
pub const REPEATED: &str = "a repeat is answered as the first time";
/// Users who are neither members nor the newcomer change nothing.
pub const FOREIGN: &str = "a guest changes nothing of others";
/// A request is approved exactly while it has a live approve, unless it has expired.
pub const APPROVED: &str = "approved means that an approve waits";

/// Only its creator changes a room's policy, and the creator does nothing in this world.
pub const POLICY: &str = "the policy is the creator's";
/// A newcomer finds a place while fewer requests are open than the quota.
pub const PLACES: &str = "only open requests take places";

impl Flow {
    pub(super) fn always() -> Vec<Property<Self>> {
        vec![
            Property::always(KEPT, |flow, state| flow.requests_are_kept(state) && approves_are_kept(state)),
            Property::always(ADDRESSED, |_, state| keys_are_addressed(state)),
            Property::always(DONE, |_, state| done_is_done(state)),
            Property::always(REPEATED, Self::repeats_are_answered_alike),
            Property::always(FOREIGN, Self::guests_change_nothing),
            Property::always(APPROVED, |_, state| approved_is_approved(state)),
            Property::always(POLICY, |_, state| policy_is_as_it_was(state)),
            Property::always(PLACES, Self::places_are_given_back),
            Property::sometimes("both devices have the key", |flow: &Self, state: &State| {
                flow.devices().all(|device| state.device(device).has_key)
            }),
        ]
    }

    fn requests_are_kept(&self, state: &State) -> bool {
        state.told.requests.values().all(|request| match status(state, *request) {
            None => false,
            Some(RequestState::Expired) => {
                state.now >= self.scope.request_exp || state.told.timed_out.contains(request)
            }
            Some(_) => true,
        })
    }

    fn repeats_are_answered_alike(&self, state: &State) -> bool {
        let requests = state.told.requests.iter().all(|(asked, known)| {
            // A device that was told of another request makes a new one once that has ended.
            if asked != known && !is_open(state, *known) || state.now >= self.scope.request_exp {
                return true;
            }
            let ask = asked.command(self.scope.request_exp);
            let again = self.decide(state, &BOB, &ask).map(|again| again.answer);
            matches!(again, Ok(Answer::Request { request_id, dup: true, .. }) if request_id == known.id())
        });
        let approves =
            state.told.approves.iter().filter(|approve| approve.exp() > state.now).all(|approve| {
                let again = self.decide(state, &ALICE, &approve.command());
                matches!(again.map(|again| again.answer), Ok(Answer::Approve { dup: true, .. }))
            });
        requests && approves
    }

    fn places_are_given_back(&self, state: &State) -> bool {
        let (newcomer, ask) = request_of_a_newcomer(self.scope.request_exp);
        let decision = self.decide(state, &newcomer, &ask);
        let is_full = decision.is_err_and(|refusal| refusal.reason == Reason::Quota);
        !is_full || state.store.open_in(&ROOM) >= self.scope.quotas.open_per_room
    }

    fn guests_change_nothing(&self, state: &State) -> bool {
        let of_requests =
            state.told.requests.values().map(|request| Command::Withdraw { request_id: request.id() });
        let of_approves = state.store.approves_for(&BOB.uid).flat_map(|approve| {
            let approve_id = approve.facts.approve_id;
            [Command::Ack { approve_id, device: Fixed([0; 16]) }, Command::Nack { approve_id }]
        });
        let mut commands = of_requests.chain(of_approves);
        commands.all(|command| {
            let decision = state.store.decide(&self.scope.quotas, &ROOM, &EVE, &command, state.now);
            decision.is_ok_and(|decision| decision.change.is_none())
        })
    }

    /// Whether a device has been promised the key and waits for it: its request was answered ok,
    /// and has not been ended by Bob, by time, or by a denial that nobody overruled.
    pub fn is_owed(&self, state: &State, device: Device) -> bool {
        let Some(request) = state.waits_for(device) else { return false };
        if state.device(device).has_key || state.told.timed_out.contains(&request) {
            return false;
        }
        match status(state, request) {
            Some(RequestState::Withdrawn | RequestState::Expired) => false,
            _ => state.now < self.scope.request_exp,
        }
    }

    /// Whether a device waits and no good approve of Alice's is on its way to it. She need not
    /// approve a denied request.
    pub fn is_unanswered(&self, state: &State, device: Device) -> bool {
        let request = state.waits_for(device);
        let is_denied = request.and_then(|request| status(state, request)) == Some(RequestState::Denied);
        self.is_owed(state, device) && !is_denied && !self.is_answered(state, device)
    }

    /// Whether a good approve of Alice's is, or was, stored for a device.
    pub fn is_answered(&self, state: &State, device: Device) -> bool {
        let Some(request) = state.waits_for(device) else { return false };
        let mut approves = state.store.approves_of(&ROOM, &BOB.uid, &request.id());
        approves.any(|approve| approve.facts.by == ALICE.uid && approve.is_live(state.now))
    }

    /// Whether, moreover, Alice was told that her approve is stored, and it has not expired.
    pub fn is_approved_for(&self, state: &State, device: Device) -> bool {
        let request = state.waits_for(device);
        let is_good = |approve: &ApproveName| Some(approve.request()) == request && approve.exp() > state.now;
        self.is_owed(state, device) && state.told.approves.iter().any(is_good)
    }
}

fn policy_is_as_it_was(state: &State) -> bool {
    state.store.room(&ROOM).is_some_and(|room| room.policy == Policy::Request)
}

fn status(state: &State, request: RequestName) -> Option<RequestState> {
    state.store.status(&BOB.uid, &ROOM, &request.id())
}

/// Whether it has expired, although nothing has ended it yet: then nobody sees it, and it is not
/// reopened.
fn is_over(state: &State, request: RequestName) -> bool {
    let request = state.store.request(&BOB.uid, &ROOM, &request.id());
    request.is_some_and(|request| request.facts.exp <= state.now)
}

fn is_open(state: &State, request: RequestName) -> bool {
    matches!(status(state, request), Some(RequestState::Pending | RequestState::Approved))
}

fn approves_are_kept(state: &State) -> bool {
    state.told.approves.iter().all(|approve| {
        let Some(stored) = state.store.approve(&ROOM, &approve.id()) else { return false };
        match stored.facts.state {
            ApproveState::Live | ApproveState::Saved => true,
            ApproveState::Nacked => !approve.is_good(),
            ApproveState::Dropped => {
                let is_over = approve.exp() <= state.now || !is_open(state, approve.request());
                let mut others = state.store.approves_of(&ROOM, &BOB.uid, &approve.request().id());
                is_over || others.any(|other| other.facts.is_acked)
            }
        }
    })
}

fn keys_are_addressed(state: &State) -> bool {
    let pushed = state.network.iter().filter_map(|frame| match frame {
        Frame::Push(_, approve) => Some(state.store.approve(&ROOM, &approve.id())),
        _ => None,
    });
    let mut pushed = pushed.flatten();
    pushed.all(|approve| approve.facts.to == BOB.uid)
        && state.store.approved(&EVE.uid, None, state.now).is_empty()
        && state.store.mine(&EVE.uid, None, state.now).len() <= 1
}

fn done_is_done(state: &State) -> bool {
    state.told.requests.iter().all(|(asked, known)| {
        let is_done =
            status(state, *known) == Some(RequestState::Done) && !state.told.timed_out.contains(known);
        !is_done || state.device(asked.device).has_key
    })
}

fn approved_is_approved(state: &State) -> bool {
    state.told.requests.values().all(|request| {
        let mut approves = state.store.approves_of(&ROOM, &BOB.uid, &request.id());
        match status(state, *request) {
            Some(RequestState::Approved) => {
                is_over(state, *request) || approves.any(|approve| approve.facts.state == ApproveState::Live)
            }
            Some(RequestState::Pending | RequestState::Denied) => {
                !approves.any(|approve| approve.is_live(state.now))
            }
            _ => true,
        }
    })
}
