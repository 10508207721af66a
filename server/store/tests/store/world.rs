//! What is done next, and what the reference makes of it.

use proptest::{
    option,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree as _,
    test_runner::{Config, TestRng, TestRunner},
};
use proptest_state_machine::ReferenceStateMachine;
use vestibule_approve::{
    frames::{Deny, Id, Policy},
    ids::Seq,
    limits::{Quotas, VERSION_AHEAD_MS},
    refusal::Refusal,
    rules::{ApproveFacts, ApproveState, Caller, Command, Decision, RequestState},
    signed::{Hash, Rid, Uid, box_hash},
};
use vestibule_model::reference::{Notice, Reference, Request};

use crate::{
    actions::{Act, DENIAL_CODE, Deed, SIGNATURE, approve, card, request},
    pools::{
        APPROVES, ROOMS, USERS, approve_id, box_key, device, exp, known_or, mostly, request_id, room, user,
    },
    testing,
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
    /// What became of the deeds that were just done.
    pub(crate) outcomes: Vec<Outcome>,
    /// All that was done, for it to be repeated.
    done: Vec<Deed>,
    /// Where the next deeds are about one user in one room.
    focus: Option<(Rid, Uid)>,
}

/// What became of a deed. Seqs are the reference's.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) decided: Result<Decision, Refusal>,
    /// The notice about it.
    pub(crate) told: Option<Notice>,
    /// The requests that are pending again because of it, oldest first.
    pub(crate) reopened: Vec<(Uid, Id, Seq)>,
}

/// One step of a case.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Somebody does something.
    Do(Box<Deed>),
    /// Several do something at once, so that it goes into one transaction.
    Together(Vec<Deed>),
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
            18 => world.deeds().prop_map(|deed| Step::Do(Box::new(deed))),
            6 => world.together().prop_map(Step::Together),
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
        world.outcomes.clear();
        match step {
            Step::Do(deed) => world.carry_out(deed),
            Step::Together(deeds) => deeds.iter().for_each(|deed| world.carry_out(deed)),
            // On a server the lists of several rooms are in the order of what was done only while
            // the clock does not go back.
            Step::Pass(span) if testing::is_on_server() => world.now_us += span.max(&0),
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
    pub(crate) fn new(quotas: Quotas) -> Self {
        let (store, now_us) = (Reference::default(), BEGINNING);
        let mut world = Self { store, quotas, now_us, outcomes: Vec::new(), done: Vec::new(), focus: None };
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
        let has_changed = |decision: &Decision| decision.change.is_some();
        self.outcomes.is_empty()
            || self.outcomes.iter().any(|outcome| outcome.decided.as_ref().is_ok_and(has_changed))
    }

    fn carry_out(&mut self, deed: &Deed) {
        let Deed { rid, caller, .. } = deed;
        let (before, now) = (self.store.clone(), self.now());
        let decided = self.store.carry_out(&self.quotas, rid, caller, &deed.command(), now);
        let last = |uid| self.store.notices(&uid).last().filter(|notice| notice.seq > before.seq());
        let told = USERS.into_iter().find_map(last).cloned();
        let is_reopened = |(rid, uid, request): &(Rid, Uid, &Request)| {
            let known = before.request(uid, rid, &request.facts.request_id);
            let waited = known.is_none_or(|known| known.facts.state == RequestState::Pending);
            request.facts.state == RequestState::Pending && !waited
        };
        let reopened = self.requests().into_iter().filter(is_reopened);
        let mut reopened: Vec<_> =
            reopened.map(|(_, uid, Request { facts, .. })| (uid, facts.request_id, facts.seq)).collect();
        reopened.sort_unstable_by_key(|(.., seq)| *seq);
        self.outcomes.push(Outcome { decided, told, reopened });
        self.done.push(deed.clone());
    }

    /// Several deeds, each drawn as if those before it had been done. On a server only those of one
    /// room are sure to share a transaction.
    fn together(&self) -> BoxedStrategy<Vec<Deed>> {
        let world = self.clone();
        let drawn = (room(), user(), any::<bool>(), 2..9_usize);
        let drawn = drawn.prop_perturb(move |(rid, uid, is_focused, count), rng| {
            let only = testing::is_on_server().then_some(rid);
            let focus = is_focused.then_some((rid, uid));
            Self { focus, ..world.clone() }.draw(only, count, rng)
        });
        // To be left out while a failure is made smaller.
        let some = |deeds: Vec<Deed>| {
            deeds.into_iter().map(|deed| option::weighted(0.95, Just(deed))).collect::<Vec<_>>()
        };
        drawn.prop_flat_map(some).prop_map(|deeds| deeds.into_iter().flatten().collect()).boxed()
    }

    fn draw(mut self, only: Option<Rid>, count: usize, rng: TestRng) -> Vec<Deed> {
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut deeds = Vec::new();
        // Not every draw is about the room.
        for _ in 0..count * 4 {
            if deeds.len() == count {
                break;
            }
            let deed = self.deeds().new_tree(&mut runner).expect("a deed").current();
            if only.is_none_or(|rid| rid == deed.rid) {
                self.carry_out(&deed);
                deeds.push(deed);
            }
        }
        deeds
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
            if self.focus.is_some() { 5 } else { 1 } => self.unblocking(),
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
        let (rooms, users) = match self.focus {
            Some((rid, uid)) => (Just(rid).boxed(), Just(uid).boxed()),
            None => (rooms.boxed(), user().boxed()),
        };
        (rooms, users, request_id(), device(), box_key(), exp(self.now()))
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

    fn unblocking(&self) -> BoxedStrategy<Deed> {
        (self.place(), user(), mostly())
            .prop_map(|((rid, uid), by, is_member)| {
                plain(rid, Caller { uid: by, is_member }, Command::Unblock { uid })
            })
            .boxed()
    }

    fn place(&self) -> BoxedStrategy<(Rid, Uid)> {
        match self.focus {
            Some(focus) => Just(focus).boxed(),
            None => (room(), user()).boxed(),
        }
    }

    fn is_in_focus(&self, rid: Rid, uid: Uid) -> bool {
        self.focus.is_none_or(|focus| focus == (rid, uid))
    }

    /// The requests that somebody may still approve.
    fn approvable(&self) -> impl Iterator<Item = (Rid, Uid, &Request)> {
        self.requests()
            .into_iter()
            .filter(|(_, _, request)| request.facts.is_kept && request.facts.exp > self.now())
    }

    /// A request, mostly one that waits.
    fn about(&self) -> BoxedStrategy<Named> {
        let made_up = (self.place(), request_id(), box_key());
        let made_up = made_up.prop_map(|((rid, uid), id, key)| (rid, uid, id, box_of(key)));
        let known = self.requests().into_iter().map(name);
        let known = known.filter(|(rid, uid, ..)| self.is_in_focus(*rid, *uid));
        let known = known_or(known.collect(), made_up);
        let waiting = self.approvable().map(name).filter(|(rid, uid, ..)| self.is_in_focus(*rid, *uid));
        known_or(waiting.collect(), known).boxed()
    }

    /// An approve, mostly one that waits, and mostly with the one it is for.
    fn settling(&self) -> BoxedStrategy<(Rid, Caller, Id)> {
        let named = |(rid, approve): (Rid, ApproveFacts)| (rid, approve.to, approve.approve_id);
        let made_up = (self.place(), approve_id()).prop_map(|((rid, uid), id)| (rid, uid, id));
        let mut all = self.approves();
        all.retain(|(rid, approve)| self.is_in_focus(*rid, approve.to));
        let known = known_or(all.iter().copied().map(named).collect(), made_up);
        let live = all.into_iter().filter(|(_, approve)| approve.state == ApproveState::Live);
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
