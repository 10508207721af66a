//! Compares joins and lists with the reference.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::items::ReceiptResult;
use vestibule_approve::signed::{Rid, Uid};
use vestibule_model::reference::{News, Reference, Request};

/// The reference at one moment.
pub(crate) struct View<'a> {
    pub(crate) store: &'a Reference,
    pub(crate) now: i64,
}

impl View<'_> {
    /// The answer to a join of a room or of the inbox.
    #[track_caller]
    pub(crate) fn check_joined(&self, uid: &Uid, rid: Option<&Rid>, joined: &Value) {
        let mine = self.store.mine(uid, rid, self.now);
        let mine = mine.into_iter().map(|(rid, request)| self.shown(&rid, uid, request));
        assert_eq!(requests(&joined["mine"]), mine.collect::<Vec<_>>(), "mine");
        let approved = self.store.approved(uid, rid, self.now);
        let approved = approved.into_iter().map(|(rid, approve)| {
            json!([rid, approve.facts.approve_id, approve.request_id, approve.facts.to, approve.facts.by])
        });
        let fields = ["rid", "approve_id", "request_id", "to", "by"];
        assert_eq!(pick(&joined["approves"], &fields), approved.collect::<Vec<_>>(), "approves");
        let notices = self.store.notices(uid).filter(|notice| rid.is_none_or(|rid| *rid == notice.rid));
        let notices: Vec<_> = notices.map(|notice| told(&notice.rid, &notice.news)).collect();
        assert_eq!(list(&joined["notices"]).iter().map(told_in).collect::<Vec<_>>(), notices, "notices");
        let room = rid.and_then(|rid| self.store.room(rid)).filter(|room| room.policy != Policy::Secret);
        assert_eq!(joined["card"]["version"], json!(room.map(|room| room.version)), "card");
    }

    /// The answer to a proof.
    #[track_caller]
    pub(crate) fn check_proved(&self, rid: &Rid, proved: &Value) {
        let pending = self.store.pending(rid, self.now);
        let pending = pending.into_iter().map(|pending| self.shown(rid, &pending.uid, pending.request));
        assert_eq!(requests(&proved["pending"]), pending.collect::<Vec<_>>(), "pending");
        let version = self.store.room(rid).map(|room| room.version);
        assert_eq!(proved["card"]["version"], json!(version), "a member's card");
    }

    /// The answer to `denials`.
    #[track_caller]
    pub(crate) fn check_denials(&self, rid: &Rid, denials: &Value) {
        let expected = self.store.denials(rid, self.now);
        let expected = expected.into_iter().map(|(uid, denial, requests)| {
            let ids: Vec<_> = requests.iter().map(|request| request.facts.request_id).collect();
            json!([uid, denial.by, denial.facts.is_block, ids])
        });
        let found = list(&denials["items"])
            .into_iter()
            .map(|item| json!([item["uid"], item["by"], item["block"], ids(&item["requests"])]));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "denials");
    }

    fn shown(&self, rid: &Rid, uid: &Uid, request: &Request) -> Value {
        let facts = &request.facts;
        let approves = self.store.approves_of(rid, uid, &facts.request_id);
        let live = approves.filter(|approve| approve.is_live(self.now)).count();
        json!([rid, uid, facts.request_id, facts.state, facts.exp, live])
    }
}

/// A notice in the form of [`told_in`].
pub(crate) fn told(rid: &Rid, news: &News) -> Value {
    match news {
        News::Receipt { approve_id, request_id, to, result } => {
            let code = (*result == ReceiptResult::Nacked).then_some("wrong_key");
            json!([rid, "receipt", request_id, approve_id, to, result, code, null, null])
        }
        News::Denied { request_id, by, is_block } => {
            json!([rid, "denied", request_id, null, null, null, "no", by, is_block])
        }
        News::Expired { request_id } => {
            json!([rid, "expired", request_id, null, null, null, null, null, null])
        }
        News::Withdrawn { request_id } => {
            json!([rid, "withdrawn", request_id, null, null, null, null, null, null])
        }
    }
}

/// The relevant part of a notice as it was sent.
pub(crate) fn told_in(notice: &Value) -> Value {
    let fields = ["rid", "event", "request_id", "approve_id", "to", "result", "code", "by", "block"];
    fields.iter().map(|field| notice[field].clone()).collect()
}

fn requests(items: &Value) -> Vec<Value> {
    pick(items, &["rid", "uid", "request_id", "state", "exp", "approvals"])
}

fn pick(items: &Value, fields: &[&str]) -> Vec<Value> {
    let item = |item: &Value| fields.iter().map(|field| item[field].clone()).collect();
    list(items).iter().map(item).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

fn ids(requests: &Value) -> Vec<Value> {
    list(requests).into_iter().map(|request| request["request_id"].clone()).collect()
}
