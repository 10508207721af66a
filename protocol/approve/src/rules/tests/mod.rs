//! The rules, arm by arm. A [`Scene`] is a state of the store; each test sets one up and checks
//! what a command does.

mod acks;
mod approver;
mod newcomer;
mod room;
mod time;

use super::*;
use crate::{
    base64url::Fixed,
    frames::Id,
    ids::{Hash, Seq, Uid},
    refusal::Reason,
};

const NOW: i64 = 1_000_000;
/// When everything stored here expires.
const END: i64 = NOW + 1_000;

const BOB: Caller = Caller { uid: Uid([1; 32]), is_member: false };
const ALICE: Caller = Caller { uid: Uid([2; 32]), is_member: true };
const EVE: Caller = Caller { uid: Uid([4; 32]), is_member: false };

const BOX: Hash = Hash([9; 32]);
const REQUEST: Id = id(5);
const PHONE: Id = id(21);
const LAPTOP: Id = id(22);

const ALL_STATES: [RequestState; 6] = [
    RequestState::Pending,
    RequestState::Approved,
    RequestState::Done,
    RequestState::Denied,
    RequestState::Withdrawn,
    RequestState::Expired,
];
const OPEN_STATES: [RequestState; 2] = [RequestState::Pending, RequestState::Approved];
const FINISHED_STATES: [RequestState; 3] =
    [RequestState::Done, RequestState::Withdrawn, RequestState::Expired];

/// The facts, the quotas and the time.
#[derive(Clone)]
struct Scene {
    facts: Facts,
    quotas: Quotas,
    now: i64,
}

impl Scene {
    /// A room that takes requests, and nothing else.
    fn new() -> Self {
        let facts = Facts { room: Some(room(Policy::Request)), ..Facts::default() };
        Self { facts, quotas: Quotas::default(), now: NOW }
    }

    /// A room without a card.
    fn without_room(mut self) -> Self {
        self.facts.room = None;
        self
    }

    fn with_policy(mut self, policy: Policy) -> Self {
        self.facts.room = Some(room(policy));
        self
    }

    fn created_by(mut self, creator: Caller) -> Self {
        self.facts.room = Some(RoomFacts { creator: Some(creator.uid), ..room(Policy::Request) });
        self
    }

    /// Bob's request, with its frame while it can be approved.
    fn with_request(mut self, state: RequestState) -> Self {
        self.facts.request = Some(stored(state));
        self
    }

    fn first_acked_at(mut self, at: i64) -> Self {
        self.facts.request.as_mut().expect("a request").first_ack = Some(at);
        self
    }

    fn with_frame_forgotten(mut self) -> Self {
        self.facts.request.as_mut().expect("a request").is_kept = false;
        self
    }

    /// Another request of Bob's for the same box key.
    fn with_same_box(mut self, state: RequestState) -> Self {
        self.facts.same_box = Some(stored(state));
        self
    }

    fn with_device(mut self, device: Id, has_acked: bool) -> Self {
        self.facts.devices.push(DeviceFacts { device, has_acked });
        self
    }

    fn with_approve(mut self, approve: ApproveFacts) -> Self {
        self.facts.approves.push(approve);
        self
    }

    /// The approve that the command names, also among the request's.
    fn naming(self, approve: ApproveFacts) -> Self {
        let mut scene = self.with_approve(approve);
        scene.facts.approve = Some(approve);
        scene
    }

    fn with_denial(mut self, until: i64, is_block: bool) -> Self {
        self.facts.denial = Some(DenialFacts { until, is_block });
        self
    }

    fn with_usage(mut self, change: impl FnOnce(&mut Usage)) -> Self {
        change(&mut self.facts.usage);
        self
    }

    fn with_quotas(mut self, change: impl FnOnce(&mut Quotas)) -> Self {
        change(&mut self.quotas);
        self
    }

    fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    fn run(&self, caller: Caller, command: &Command) -> Result<Decision, Refusal> {
        decide(&self.quotas, &self.facts, &caller, command, self.now)
    }

    /// The decision about a command that is not refused.
    fn does(&self, caller: Caller, command: &Command) -> Decision {
        self.run(caller, command).expect("a decision")
    }

    fn changes(&self, caller: Caller, command: &Command) -> Option<Change> {
        self.does(caller, command).change
    }

    fn refusal(&self, caller: Caller, command: &Command) -> Refusal {
        self.run(caller, command).expect_err("a refusal")
    }

    fn reason(&self, caller: Caller, command: &Command) -> Reason {
        self.refusal(caller, command).reason
    }
}

const fn id(number: u8) -> Id {
    Fixed([number; 16])
}

/// Another member.
const fn member(number: u8) -> Caller {
    Caller { uid: Uid([number; 32]), is_member: true }
}

fn room(policy: Policy) -> RoomFacts {
    RoomFacts { version: 2, policy, digest: Hash([7; 32]), creator: None, is_listed: false }
}

fn stored(state: RequestState) -> RequestFacts {
    RequestFacts {
        request_id: REQUEST,
        state,
        is_kept: !FINISHED_STATES.contains(&state),
        box_hash: BOX,
        digest: Hash([6; 32]),
        exp: END,
        first_ack: None,
        seq: Seq(40),
    }
}

/// A live approve for Bob, with a digest made from its number.
fn live(by: Caller, number: u8) -> ApproveFacts {
    ApproveFacts {
        approve_id: id(number),
        by: by.uid,
        to: BOB.uid,
        digest: Hash([number; 32]),
        state: ApproveState::Live,
        is_acked: false,
        exp: END,
        seq: Seq(50),
    }
}

fn in_state(state: ApproveState, by: Caller, number: u8) -> ApproveFacts {
    ApproveFacts { state, ..live(by, number) }
}

/// An approve that a device has acked.
fn acked(by: Caller, number: u8) -> ApproveFacts {
    ApproveFacts { is_acked: true, ..live(by, number) }
}

/// An expired approve that the sweep has not ended yet.
fn lapsed(by: Caller, number: u8) -> ApproveFacts {
    ApproveFacts { exp: NOW, ..live(by, number) }
}
