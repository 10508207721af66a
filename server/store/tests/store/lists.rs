//! What everybody is shown, by the store and by the reference.

use std::collections::BTreeSet;

use vestibule_approve::{
    frames::{Card, Id, Policy},
    ids::{Hash, Rid, Seq, Uid},
    items::{self, ApproveItem, Cursor, DenialItem, ReceiptResult, RequestItem},
    limits::PAGE,
    rules::{Answer, Caller, Command, RequestState},
};
use vestibule_model::reference::{self, Request};
use vestibule_store::{ListPage, Store, StoreError};

use crate::{
    actions::{DENIAL_CODE, NACK_CODE, SIGNATURE},
    pools::{REQUESTS, ROOMS, USERS},
    testing,
    world::World,
};

/// Items of a page where lists are read page by page.
const FEW: i64 = 2;

/// A request as a list shows it.
type Shown = (Rid, Uid, Id, RequestState, Hash, Seq, i64);
/// An approve as a list shows it.
type Waiting = (Rid, Uid, Id, Id, Hash, Seq);
/// A denial as a list shows it.
type Denied = (Uid, Uid, bool, Option<i64>, Seq, Vec<Shown>);

/// The store's seq of what the reference counts as `counted`.
pub(crate) fn seq(seqs: &[Seq], counted: Seq) -> Seq {
    let place = usize::try_from(counted.0).expect("a count");
    if place == 0 { Seq::ZERO } else { seqs[place - 1] }
}

/// An answer with its seq replaced.
pub(crate) fn with_seq(answer: Answer, replaced: impl Fn(Seq) -> Seq) -> Answer {
    match answer {
        Answer::Request { request_id, state, seq, dup } => {
            Answer::Request { request_id, state, seq: seq.map(replaced), dup }
        }
        Answer::Approve { state, seq, dup, others } => {
            Answer::Approve { state, seq: seq.map(replaced), dup, others }
        }
        other => other,
    }
}

/// Who is told what.
pub(crate) fn told(notice: &reference::Notice, seqs: &[Seq]) -> (Uid, items::Notice) {
    (notice.uid, told_as(notice, seqs))
}

/// Everything that is read often: what users find who come, what members see, and what is due. Only
/// some of it after a step that changed nothing. `last` is the seq that the store has given last.
pub(crate) async fn compare(store: &Store, world: &World, seqs: &[Seq], last: Seq) {
    let expected = Expected { world, seqs };
    let share = |count: usize| if world.has_changed() { count } else { 1 };
    for &uid in &USERS[..share(USERS.len())] {
        let half = Seq(world.store.seq().0 / 2);
        let found = store.join_snapshot(uid, None, seq(seqs, half)).await.expect("an snapshot");
        // On a server each user has a seq of their own.
        assert!(found.until == last || testing::is_on_server() && found.until < last);
        assert!(found.card.is_none());
        assert_eq!(shown(&found.mine), expected.mine(&uid, None));
        assert_eq!(waiting(&found.approves.items), expected.approved(&uid, None));
        assert_eq!(found.notices.items, expected.notices(&uid, None, half));
    }
    for &rid in &ROOMS[..share(ROOMS.len())] {
        let pending = store.pending(rid, Cursor::START, PAGE).await.expect("a list");
        assert_eq!(shown(&pending), expected.pending(&rid));
        let denials = store.denials(rid, Cursor::START, PAGE).await.expect("a list");
        assert_eq!(denied(&denials.items), expected.denials(&rid));
    }
    let due = store.due(world.now()).await.expect("what is due");
    let count = due.len();
    let due: BTreeSet<_> = due.into_iter().map(|due| name(due.rid, due.uid, &due.command)).collect();
    assert_eq!(due.len(), count, "due twice");
    assert_eq!(due, expected.due());
}

/// Everything else, and lists page by page.
pub(crate) async fn compare_page_by_page(store: &Store, world: &World, seqs: &[Seq]) {
    let expected = Expected { world, seqs };
    for rid in ROOMS {
        let pending = walk(async |from| store.pending(rid, from, FEW).await).await;
        assert_eq!(pending.iter().map(show).collect::<Vec<_>>(), expected.pending(&rid));
        let denials = walk(async |from| store.denials(rid, from, FEW).await).await;
        assert_eq!(denied(&denials), expected.denials(&rid));
        let card = store.card(rid).await.expect("a card");
        assert_eq!(card.map(digest), world.store.room(&rid).map(|room| room.digest));
        let stored = store.room(rid).await.expect("a room").map(|room| (room.creator, room.is_listed));
        assert_eq!(stored, world.store.room(&rid).map(|room| (room.creator, room.is_listed)));
    }
    for uid in USERS {
        for rid in ROOMS.map(Some).into_iter().chain([None]) {
            let snapshot = store.join_snapshot(uid, rid, Seq::ZERO).await.expect("an snapshot");
            let room = rid.and_then(|rid| world.store.room(&rid));
            let public = room.filter(|room| room.policy != Policy::Secret);
            assert_eq!(snapshot.card.map(digest), public.map(|room| room.digest));
            let mine = walk(async |from| store.mine(uid, rid, from, FEW).await).await;
            assert_eq!(mine.iter().map(show).collect::<Vec<_>>(), expected.mine(&uid, rid.as_ref()));
            let approves = walk(async |from| store.approved(uid, rid, from, FEW).await).await;
            assert_eq!(waiting(&approves), expected.approved(&uid, rid.as_ref()));
            let notices = walk(async |from| store.notices(uid, rid, from, FEW).await).await;
            assert_eq!(notices, expected.notices(&uid, rid.as_ref(), Seq::ZERO));
        }
        for (rid, request_id) in ROOMS.iter().flat_map(|rid| REQUESTS.map(|id| (*rid, id))) {
            let state = store.status(rid, uid, request_id).await.expect("a state");
            assert_eq!(state, expected.status(&uid, &rid, &request_id));
        }
    }
    for policy in [None, Some(Policy::Open), Some(Policy::Request), Some(Policy::Secret)] {
        let directory = store.directory(policy, None, 100).await.expect("a directory");
        let rooms: Vec<Rid> = directory.into_iter().map(|card| card.rid).collect();
        assert_eq!(rooms, expected.directory(policy));
    }
}

/// The whole list, page by page.
async fn walk<T>(page: impl AsyncFn(Cursor) -> Result<ListPage<T>, StoreError>) -> Vec<T> {
    let (mut items, mut from) = (Vec::new(), Some(Cursor::START));
    while let Some(cursor) = from {
        let page = page(cursor).await.expect("a page");
        items.extend(page.items);
        from = page.next;
    }
    items
}

/// What the reference shows, in the form of what the store shows.
struct Expected<'a> {
    world: &'a World,
    seqs: &'a [Seq],
}

impl Expected<'_> {
    fn pending(&self, rid: &Rid) -> Vec<Shown> {
        let pending = self.world.store.pending(rid, self.world.now());
        pending.into_iter().map(|item| self.show(*rid, item.uid, item.request)).collect()
    }

    fn mine(&self, uid: &Uid, rid: Option<&Rid>) -> Vec<Shown> {
        let mine = self.world.store.mine(uid, rid, self.world.now());
        mine.into_iter().map(|(rid, request)| self.show(rid, *uid, request)).collect()
    }

    fn approved(&self, uid: &Uid, rid: Option<&Rid>) -> Vec<Waiting> {
        let approved = self.world.store.approved(uid, rid, self.world.now());
        let shown = approved.into_iter().map(|(rid, approve)| {
            let facts = approve.facts;
            let seq = seq(self.seqs, facts.seq);
            (rid, facts.by, facts.approve_id, approve.request_id, facts.digest, seq)
        });
        shown.collect()
    }

    fn denials(&self, rid: &Rid) -> Vec<Denied> {
        let denials = self.world.store.denials(rid, self.world.now());
        let shown = denials.into_iter().map(|(uid, denial, requests)| {
            let until = (!denial.facts.is_block).then_some(denial.facts.until);
            let requests = requests.into_iter().map(|request| self.show(*rid, uid, request)).collect();
            (uid, denial.by, denial.facts.is_block, until, seq(self.seqs, denial.seq), requests)
        });
        shown.collect()
    }

    fn notices(&self, uid: &Uid, rid: Option<&Rid>, after: Seq) -> Vec<items::Notice> {
        let all = self.world.store.notices(uid);
        let told = all.filter(|notice| notice.seq > after && rid.is_none_or(|rid| notice.rid == *rid));
        told.map(|notice| told_as(notice, self.seqs)).collect()
    }

    /// Whatever the rules would end now.
    fn due(&self) -> BTreeSet<(Rid, Uid, Id)> {
        let World { store, quotas, .. } = self.world;
        let ends = |rid: Rid, uid: Uid, command: Command| {
            let caller = Caller { uid, is_member: false };
            let decision = store.decide(quotas, &rid, &caller, &command, self.world.now());
            decision.expect("the server's own").change.map(|_| name(rid, uid, &command))
        };
        let requests = self.world.requests().into_iter().filter_map(|(rid, uid, request)| {
            ends(rid, uid, Command::Expire { request_id: request.facts.request_id })
        });
        let approves = self.world.approves().into_iter().filter_map(|(rid, approve)| {
            ends(rid, approve.to, Command::Lapse { approve_id: approve.approve_id })
        });
        requests.chain(approves).collect()
    }

    /// What is over is so from that moment on, whether or not it has been ended.
    fn status(&self, uid: &Uid, rid: &Rid, request_id: &Id) -> Option<RequestState> {
        let request = self.world.store.request(uid, rid, request_id)?;
        let is_over = request.is_open() && request.facts.exp <= self.world.now();
        Some(if is_over { RequestState::Expired } else { request.facts.state })
    }

    fn directory(&self, policy: Option<Policy>) -> Vec<Rid> {
        let policy_of = |rid: &Rid| self.world.store.room(rid).map(|room| room.policy);
        let is_asked_for = |rid: &Rid| policy.is_none() || policy_of(rid) == policy;
        self.world.store.listed().filter(is_asked_for).collect()
    }

    fn show(&self, rid: Rid, uid: Uid, request: &Request) -> Shown {
        let facts = request.facts;
        let of_request = self.world.store.approves_of(&rid, &uid, &facts.request_id);
        let live = of_request.filter(|approve| approve.is_live(self.world.now())).count();
        // What is denied is shown without.
        let approvals = if facts.state == RequestState::Denied { 0 } else { live };
        let approvals = i64::try_from(approvals).expect("a few");
        let seq = seq(self.seqs, facts.seq);
        (rid, uid, facts.request_id, facts.state, facts.digest, seq, approvals)
    }
}

fn shown(page: &ListPage<RequestItem>) -> Vec<Shown> {
    assert!(page.next.is_none(), "a few items fit a page");
    page.items.iter().map(show).collect()
}

fn show(item: &RequestItem) -> Shown {
    let digest = item.request.signed_bytes(&item.rid, &item.uid).hash();
    (item.rid, item.uid, item.request.request_id, item.state, digest, item.seq, item.approvals)
}

fn waiting(items: &[ApproveItem]) -> Vec<Waiting> {
    let shown = items.iter().map(|ApproveItem { rid, by, approve, seq, .. }| {
        let digest = approve.signed_bytes(rid, by).hash();
        (*rid, *by, approve.approve_id, approve.request_id, digest, *seq)
    });
    shown.collect()
}

fn denied(items: &[DenialItem]) -> Vec<Denied> {
    let shown = items.iter().map(|item| {
        (item.uid, item.by, item.block, item.until, item.seq, item.requests.iter().map(show).collect())
    });
    shown.collect()
}

fn told_as(notice: &reference::Notice, seqs: &[Seq]) -> items::Notice {
    let news = match notice.news.clone() {
        reference::News::Receipt { approve_id, request_id, to, result } => {
            let code = (result == ReceiptResult::Nacked).then_some(NACK_CODE);
            items::News::Receipt { approve_id, request_id, to, result, code }
        }
        reference::News::Denied { request_id, by, is_block } => {
            let code = DENIAL_CODE.to_owned();
            items::News::Denied { request_id, by, code, block: is_block, room_sig: SIGNATURE }
        }
        reference::News::Expired { request_id } => items::News::Expired { request_id },
        reference::News::Withdrawn { request_id } => items::News::Withdrawn { request_id },
    };
    items::Notice { rid: notice.rid, seq: seq(seqs, notice.seq), at: notice.at, news }
}

fn digest(card: Card) -> Hash {
    let Card { rid, version, policy, name, .. } = card;
    Card::signed_bytes(&rid, version, policy, name.as_deref()).hash()
}

/// What is ended. Requests and approves have different ids.
fn name(rid: Rid, uid: Uid, command: &Command) -> (Rid, Uid, Id) {
    match *command {
        Command::Expire { request_id: id } | Command::Lapse { approve_id: id } => (rid, uid, id),
        _ => panic!("{command:?} is not the server's own"),
    }
}
