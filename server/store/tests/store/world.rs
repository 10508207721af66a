//! What is done next, and what the reference makes of it.

use proptest::{
    prelude::*,
    sample::{Index, select},
};
use proptest_state_machine::ReferenceStateMachine;
use vestibule_approve::{
    frames::{Deny, Id, Policy},
    limits::{Quotas, VERSION_AHEAD_MS},
    refusal::Refusal,
    rules::{ApproveFacts, ApproveState, Caller, Command, Decision},
    signed::{Hash, Rid, Uid, box_hash},
};
use vestibule_model::reference::{Reference, Request};

use crate::{
    actions::{Act, DENIAL_CODE, Deed, SIGNATURE, approve, card, request},
    pools::{
        APPROVES, ROOMS, USERS, approve_id, box_key, device, exp, known_or, mostly, request_id, room, user,
    },
};

/// When the world begins, in Unix microseconds.
const BEGINNING: i64 = 1_700_000_000_000_000;
/// Microseconds that pass, or that the clock is set back by.
const SPANS: [i64; 9] = [0, 300, 1_000, 1_000, 6_000, 40_000, 250_000, 2_000_000, -3_000];

/// The reference, and all that is to be known of it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) store: Reference,
    pub(crate) quotas: Quotas,
    pub(crate) now_us: i64,
    /// What became of the deed that was just done.
    pub(crate) outcome: Option<Result<Decision, Refusal>>,
    /// All that was done, for it to be repeated.
    done: Vec<Deed>,
}

/// One step of a case.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Somebody does something.
    Do(Box<Deed>),
    /// Time passes, in microseconds.
    Pass(i64),
    /// What is over is forgotten.
    Tidy,
    /// An operator removes a room.
    Remove(Rid),
    /// An operator erases a user.
    Erase(Uid),
    /// The store is stopped and opened again.
    Restart,
    /// The store is opened from what its files hold at this moment.
    Crash,
}

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        // Of all open requests a room gets a tenth, a user a hundredth, and each at least one.
        let in_all = select(&[1, 4, 200, 300, 600_usize]);
        let counts = (1..4_usize, 2..6_usize, 1..6_usize, in_all, 1..4_usize, 1..3_usize, 0..3_usize);
        let approves = (1..4_usize, 1..3_usize);
        let times = (select(&[0, 40_i64]), select(&[10, 250_i64]), select(&[20, 300_i64]));
        let quotas = (counts, approves, times).prop_map(|(counts, approves, times)| Quotas {
            open_per_user_in_room: counts.0,
            requests_per_user: counts.1,
            open_per_room: counts.2,
            denied_per_room: counts.6,
            open_in_all: counts.3,
            devices_per_request: counts.4,
            rooms_per_user: counts.5,
            approves_per_request: approves.0,
            nacks_per_approver: approves.1,
            cooldown_ms: times.0,
            devices_ms: times.1,
            memory_ms: times.2,
            notices_ms: 1_000,
        });
        quotas.prop_map(World::new).boxed()
    }

    fn transitions(world: &Self) -> BoxedStrategy<Step> {
        prop_oneof![
            24 => world.deeds().prop_map(|deed| Step::Do(Box::new(deed))),
            6 => select(&SPANS).prop_map(Step::Pass),
            2 => Just(Step::Tidy),
            1 => room().prop_map(Step::Remove),
            1 => user().prop_map(Step::Erase),
            1 => Just(Step::Restart),
            1 => Just(Step::Crash),
        ]
        .boxed()
    }

    fn apply(mut world: Self, step: &Step) -> Self {
        let (quotas, now) = (world.quotas, world.now());
        world.outcome = None;
        match step {
            Step::Do(deed) => {
                let Deed { rid, caller, .. } = &**deed;
                let outcome = world.store.carry_out(&quotas, rid, caller, &deed.command(), now);
                world.outcome = Some(outcome);
                world.done.push(Deed::clone(deed));
            }
            Step::Pass(span) => world.now_us += span,
            Step::Tidy => world.store.forget(&quotas, now),
            Step::Remove(rid) => world.store.remove(&quotas, rid, now),
            Step::Erase(uid) => world.store.erase(&quotas, uid, now),
            Step::Restart | Step::Crash => {}
        }
        world
    }
}

impl World {
    fn new(quotas: Quotas) -> Self {
        let (store, now_us) = (Reference::default(), BEGINNING);
        let mut world = Self { store, quotas, now_us, outcome: None, done: Vec::new() };
        // One room to begin with; the other one has to be made.
        let caller = Caller { uid: USERS[0], is_member: true };
        let act = Act::Publish(card(ROOMS[0], 1, Policy::Request), Some(true));
        let deed = Deed { rid: ROOMS[0], caller, act };
        world.store.carry_out(&quotas, &deed.rid, &caller, &deed.command(), world.now()).expect("a room");
        world.done.push(deed);
        world
    }

    /// Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.now_us / 1000
    }

    /// Whether the last step may have changed what somebody is shown.
    pub(crate) fn has_changed(&self) -> bool {
        match &self.outcome {
            Some(outcome) => outcome.as_ref().is_ok_and(|decision| decision.change.is_some()),
            None => true,
        }
    }

    /// What was done before the first step.
    pub(crate) fn founding(&self) -> &Deed {
        &self.done[0]
    }

    /// All requests that are not forgotten.
    pub(crate) fn requests(&self) -> Vec<(Rid, Uid, &Request)> {
        let of_user = |uid| self.store.requests_of(uid).map(|(rid, request)| (rid, *uid, request));
        USERS.iter().flat_map(of_user).collect()
    }

    /// All approves that are not forgotten, with their rooms.
    pub(crate) fn approves(&self) -> Vec<(Rid, ApproveFacts)> {
        let in_room = |rid: Rid| {
            let known = APPROVES.iter().filter_map(move |id| self.store.approve(&rid, id));
            known.map(move |approve| (rid, approve.facts))
        };
        ROOMS.into_iter().flat_map(in_room).collect()
    }

    fn deeds(&self) -> BoxedStrategy<Deed> {
        let done = self.done.clone();
        let is_waited_for = self.approvable().next().is_some();
        prop_oneof![
            1 => self.publishing(),
            1 => handing_over(),
            if is_waited_for { 8 } else { 30 } => self.asking(),
            8 => self.approving(),
            5 => self.denying(),
            1 => unblocking(),
            1 => self.withdrawing(),
            2 => self.expiring(),
            1 => self.ending(),
            8 => self.acking(),
            4 => self.settling().prop_map(|(rid, caller, approve_id)| {
                plain(rid, caller, Command::Nack { approve_id })
            }),
            1 => self.lapsing(),
            1 => self.revoking(),
            4 => any::<Index>().prop_map(move |index| index.get(&done).clone()),
        ]
        .boxed()
    }

    fn publishing(&self) -> BoxedStrategy<Deed> {
        let published = ROOMS.map(|rid| self.store.room(&rid).map_or(0, |room| room.version));
        let policy = select(&[Policy::Open, Policy::Request, Policy::Request, Policy::Secret]);
        let last = self.now().saturating_add(VERSION_AHEAD_MS).cast_unsigned();
        let step = select(&[Some(0), Some(1), Some(1), Some(5_000), None]);
        let listed = select(&[None, None, Some(true), Some(false)]);
        (0..ROOMS.len(), user(), mostly(), policy, step, 0..2_u64, listed)
            .prop_map(move |(room, uid, is_member, policy, step, beyond, listed)| {
                let version = step.map_or(last + beyond, |step| published[room] + step).max(1);
                let rid = ROOMS[room];
                let act = Act::Publish(card(rid, version, policy), listed);
                Deed { rid, caller: Caller { uid, is_member }, act }
            })
            .boxed()
    }

    fn asking(&self) -> BoxedStrategy<Deed> {
        let is_asked_in = |rid: &Rid| self.store.room(rid).is_some_and(|room| room.policy != Policy::Secret);
        let rooms = known_or(ROOMS.into_iter().filter(is_asked_in).collect(), room());
        (rooms, user(), request_id(), device(), box_key(), exp(self.now()))
            .prop_map(|(rid, uid, request_id, device, box_key, exp)| {
                let act = Act::Ask { request: request(uid, request_id, box_key, exp), device };
                Deed { rid, caller: Caller { uid, is_member: false }, act }
            })
            .boxed()
    }

    fn approving(&self) -> BoxedStrategy<Deed> {
        (self.about(), approve_id(), user(), mostly(), mostly(), exp(self.now()))
            .prop_map(|((rid, to, request_id, asked), approve_id, uid, is_member, fits, exp)| {
                let r#box = if fits { asked } else { box_of(9) };
                let act = Act::Approve(approve(to, request_id, approve_id, r#box, exp));
                Deed { rid, caller: Caller { uid, is_member }, act }
            })
            .boxed()
    }

    fn denying(&self) -> BoxedStrategy<Deed> {
        (self.about(), user(), mostly(), any::<bool>())
            .prop_map(|((rid, to, request_id, _), uid, is_member, block)| {
                let code = DENIAL_CODE.to_owned();
                let act = Act::Deny(Deny { request_id, to, code, block, room_sig: SIGNATURE });
                Deed { rid, caller: Caller { uid, is_member }, act }
            })
            .boxed()
    }

    fn withdrawing(&self) -> BoxedStrategy<Deed> {
        self.about()
            .prop_map(|(rid, uid, request_id, _)| plain(rid, own(uid), Command::Withdraw { request_id }))
            .boxed()
    }

    fn expiring(&self) -> BoxedStrategy<Deed> {
        let over = self.requests().into_iter().filter(|(_, _, request)| request.facts.exp <= self.now());
        known_or(over.map(name).collect(), self.about())
            .prop_map(|(rid, uid, request_id, _)| plain(rid, own(uid), Command::Expire { request_id }))
            .boxed()
    }

    fn ending(&self) -> BoxedStrategy<Deed> {
        self.about()
            .prop_map(|(rid, uid, request_id, _)| plain(rid, own(uid), Command::End { request_id }))
            .boxed()
    }

    fn acking(&self) -> BoxedStrategy<Deed> {
        (self.settling(), device())
            .prop_map(|((rid, caller, approve_id), device)| {
                plain(rid, caller, Command::Ack { approve_id, device })
            })
            .boxed()
    }

    fn lapsing(&self) -> BoxedStrategy<Deed> {
        let over = self.approves().into_iter().filter(|(_, approve)| approve.exp <= self.now());
        let over = over.map(|(rid, approve)| (rid, own(approve.to), approve.approve_id));
        known_or(over.collect(), self.settling())
            .prop_map(|(rid, caller, approve_id)| plain(rid, caller, Command::Lapse { approve_id }))
            .boxed()
    }

    fn revoking(&self) -> BoxedStrategy<Deed> {
        self.settling()
            .prop_map(|(rid, caller, approve_id)| plain(rid, caller, Command::Revoke { approve_id }))
            .boxed()
    }

    /// The requests that somebody may still approve.
    fn approvable(&self) -> impl Iterator<Item = (Rid, Uid, &Request)> {
        self.requests()
            .into_iter()
            .filter(|(_, _, request)| request.facts.is_kept && request.facts.exp > self.now())
    }

    /// A request, mostly one that waits.
    fn about(&self) -> BoxedStrategy<Named> {
        let made_up = (room(), user(), request_id(), box_key());
        let made_up = made_up.prop_map(|(rid, uid, id, key)| (rid, uid, id, box_of(key)));
        let known = known_or(self.requests().into_iter().map(name).collect(), made_up);
        known_or(self.approvable().map(name).collect(), known).boxed()
    }

    /// An approve, mostly one that waits, and mostly with the one it is for.
    fn settling(&self) -> BoxedStrategy<(Rid, Caller, Id)> {
        let named = |(rid, approve): (Rid, ApproveFacts)| (rid, approve.to, approve.approve_id);
        let known =
            known_or(self.approves().into_iter().map(named).collect(), (room(), user(), approve_id()));
        let live = self.approves().into_iter().filter(|(_, approve)| approve.state == ApproveState::Live);
        (known_or(live.map(named).collect(), known), user(), mostly())
            .prop_map(|((rid, to, approve_id), other, is_own)| {
                (rid, own(if is_own { to } else { other }), approve_id)
            })
            .boxed()
    }
}

/// What a request is known by, and its box key.
type Named = (Rid, Uid, Id, Hash);

fn name((rid, uid, request): (Rid, Uid, &Request)) -> Named {
    (rid, uid, request.facts.request_id, request.facts.box_hash)
}

fn own(uid: Uid) -> Caller {
    Caller { uid, is_member: false }
}

fn unblocking() -> BoxedStrategy<Deed> {
    (room(), user(), user(), mostly())
        .prop_map(|(rid, by, uid, is_member)| {
            plain(rid, Caller { uid: by, is_member }, Command::Unblock { uid })
        })
        .boxed()
}

fn handing_over() -> BoxedStrategy<Deed> {
    (room(), user(), user(), mostly(), mostly())
        .prop_map(|(rid, by, to, is_member, is_theirs)| {
            let command = if is_theirs { Command::HandOver { to } } else { Command::Appoint { to } };
            plain(rid, Caller { uid: by, is_member }, command)
        })
        .boxed()
}

fn plain(rid: Rid, caller: Caller, command: Command) -> Deed {
    Deed { rid, caller, act: Act::Plain(command) }
}

fn box_of(key: u8) -> Hash {
    box_hash("box", &[key])
}
