//! What must be stored, after everything that was answered.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::actor::{Actor, Entry, Role};
use crate::snapshot::Snapshot;

/// A request, with what happened to it according to the answers.
pub(crate) struct Asked<'a> {
    pub(crate) uid: String,
    pub(crate) entry: &'a Entry,
    /// The names of the commands about it that were answered ok, and of events that may have
    /// happened.
    happened: HashSet<&'static str>,
    /// The approves that are stored and were not nacked.
    good: HashSet<&'a str>,
}

/// An approve that may have been stored.
pub(crate) struct Given<'a> {
    pub(crate) by: String,
    pub(crate) entry: &'a Entry,
}

/// Everything that everybody sent.
pub(crate) struct Expectations<'a> {
    pub(crate) requests: HashMap<&'a str, Asked<'a>>,
    pub(crate) approves: HashMap<&'a str, Given<'a>>,
}

impl<'a> Expectations<'a> {
    pub(crate) fn of(actors: &'a [Actor]) -> Self {
        let mut expectations = Self { requests: HashMap::new(), approves: HashMap::new() };
        for (actor, entry) in sent(actors, "request") {
            let asked = Asked { uid: actor.uid(), entry, happened: HashSet::new(), good: HashSet::new() };
            expectations.requests.insert(entry.text("request_id"), asked);
        }
        for (actor, entry) in sent(actors, "approve") {
            let id = entry.text("approve_id");
            expectations.approves.insert(id, Given { by: actor.uid(), entry });
            let asked = expectations.requests.get_mut(entry.text("request_id"));
            match asked {
                Some(asked) if entry.is_done() => _ = asked.good.insert(id),
                Some(asked) => assert!(
                    !asked.entry.is_done() || !is_refused(entry, "no_request"),
                    "a request was forgotten: {entry:?}"
                ),
                None => assert!(!entry.is_done(), "an approve of what nobody asked: {entry:?}"),
            }
        }
        expectations.follow(actors);
        expectations
    }

    fn follow(&mut self, actors: &'a [Actor]) {
        for event in ["ack", "nack", "withdraw", "deny"] {
            for (_, entry) in sent(actors, event).filter(|(_, entry)| entry.is_done()) {
                let is_of_approve = event == "ack" || event == "nack";
                let asked = if is_of_approve { self.approved(entry) } else { self.asked(entry) };
                asked.happened.insert(event);
                if event == "nack" {
                    asked.good.remove(entry.text("approve_id"));
                }
            }
        }
        for (_, entry) in sent(actors, "deny") {
            self.asked(entry).happened.insert("perhaps denied");
        }
        for (event, whom) in [("unblock", "uid"), ("approve", "to")] {
            for (_, entry) in sent(actors, event) {
                self.lift(entry.text(whom));
            }
        }
    }

    /// A denial may be lifted: the requests that it held back are pending again.
    fn lift(&mut self, uid: &str) {
        let denied =
            self.requests.values_mut().filter(|asked| asked.uid == uid && asked.did("perhaps denied"));
        for asked in denied {
            asked.happened.insert("lift");
        }
    }

    fn asked(&mut self, entry: &Entry) -> &mut Asked<'a> {
        self.requests.get_mut(entry.text("request_id")).expect("a request that somebody sent")
    }

    /// The request of the approve that is acked or nacked.
    fn approved(&mut self, entry: &Entry) -> &mut Asked<'a> {
        let approve = self.approves[entry.text("approve_id")].entry;
        self.asked(approve)
    }

    /// Compares what everybody is shown with what was answered.
    pub(crate) fn check(&self, actors: &[Actor], snapshots: &[Snapshot]) {
        let status: HashMap<&str, &Value> = snapshots
            .iter()
            .flat_map(|snapshot| &snapshot.status)
            .map(|(id, state)| (id.as_str(), state))
            .collect();
        for (id, state) in &status {
            let asked = &self.requests[id];
            let may_be = asked.states();
            assert!(
                may_be.contains(&state.as_str().unwrap_or("unknown")),
                "{state} instead of {may_be:?}: {:?}",
                asked.entry
            );
        }
        let open: HashSet<&str> =
            status.iter().filter(|(_, state)| is_open(state)).map(|(id, _)| *id).collect();
        for (actor, snapshot) in actors.iter().zip(snapshots) {
            match actor.role {
                Role::Asker { .. } | Role::Inbox => self.check_own(&actor.uid(), &open, snapshot),
                Role::Member => {
                    self.check_requests(&open, &snapshot.pending, &status);
                    for denial in &snapshot.denials {
                        // Its answer may be `closed`: it was stored, and its newcomer withdrew
                        // before the repeat arrived.
                        let is_it = |(member, deny): (&Actor, &Entry)| {
                            denial["by"] == json!(member.uid()) && denial["uid"] == deny.payload["to"]
                        };
                        assert!(sent(actors, "deny").any(is_it), "nobody denied this: {denial}");
                    }
                }
                Role::Bystander => {}
            }
            if let Role::Asker { .. } = actor.role {
                self.check_requests(&self.of_user(&actor.uid(), &open), &snapshot.mine, &status);
            }
        }
    }

    /// The waiting approves are exactly those that were answered and neither acked nor nacked.
    fn check_own(&self, uid: &str, open: &HashSet<&str>, snapshot: &Snapshot) {
        let own = self.of_user(uid, open);
        assert_eq!(ids(&snapshot.mine, "request_id"), own, "the own open requests");
        let waiting: HashSet<&str> =
            own.iter().flat_map(|id| self.requests[id].good.iter().copied()).collect();
        assert_eq!(ids(&snapshot.approves, "approve_id"), waiting, "the approves that wait for {uid}");
        for item in &snapshot.approves {
            self.check_approve(item);
            let entry = self.approves[item["approve_id"].as_str().expect("an id")].entry;
            assert_eq!(&item["seq"], entry.seq(), "another seq than was answered");
        }
    }

    fn check_requests(&self, open: &HashSet<&str>, items: &[Value], status: &HashMap<&str, &Value>) {
        assert_eq!(&ids(items, "request_id"), open, "the open requests");
        for item in items {
            let id = item["request_id"].as_str().expect("an id");
            self.check_request(item);
            let asked = &self.requests[id];
            assert_eq!(&item["state"], status[id]);
            assert_eq!(item["approvals"], json!(asked.good.len()), "{item}");
            if !asked.did("nack") {
                assert_eq!(&item["seq"], asked.entry.seq(), "another seq than was answered");
            }
        }
    }

    /// A request is shown as its newcomer sent it.
    pub(crate) fn check_request(&self, item: &Value) {
        let asked = self.requests.get(item["request_id"].as_str().expect("an id"));
        let Some(asked) = asked else { panic!("nobody asked this: {item}") };
        assert_eq!(item["uid"], json!(asked.uid));
        assert_same(item, &asked.entry.payload);
    }

    /// An approve is shown as its member sent it.
    pub(crate) fn check_approve(&self, item: &Value) {
        let given = self.approves.get(item["approve_id"].as_str().expect("an id"));
        let Some(given) = given else { panic!("nobody approved this: {item}") };
        assert_eq!(item["by"], json!(given.by));
        assert_same(item, &given.entry.payload);
    }

    fn of_user<'b>(&self, uid: &str, open: &HashSet<&'b str>) -> HashSet<&'b str> {
        open.iter().copied().filter(|id| self.requests[id].uid == uid).collect()
    }
}

impl Asked<'_> {
    fn did(&self, event: &str) -> bool {
        self.happened.contains(event)
    }

    /// The possible states of the request.
    pub(crate) fn states(&self) -> &'static [&'static str] {
        if !self.entry.is_done() {
            return &["unknown"];
        }
        match (self.did("ack"), self.did("withdraw")) {
            // If a withdrawal and an ack are sent at once, either may come first.
            (true, true) => &["done", "withdrawn"],
            (true, false) => &["done"],
            (false, true) => &["withdrawn"],
            (false, false) if !self.good.is_empty() => &["approved"],
            (false, false) if !self.did("deny") => &["pending"],
            // Denied after its last approve was nacked, or overruled before; or reopened with
            // another of the same user.
            (false, false) if self.did("nack") || self.did("lift") => &["pending", "denied"],
            (false, false) => &["denied"],
        }
    }

    /// Whether nothing can happen to it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.entry.is_answered() && (!self.entry.is_done() || self.did("ack") || self.did("withdraw"))
    }
}

/// The commands of this name, with their senders.
pub(crate) fn sent<'a>(
    actors: &'a [Actor],
    event: &'static str,
) -> impl Iterator<Item = (&'a Actor, &'a Entry)> {
    let all = actors.iter().flat_map(|actor| actor.log.iter().map(move |entry| (actor, entry)));
    all.filter(move |(_, entry)| entry.event == event)
}

fn is_refused(entry: &Entry, reason: &str) -> bool {
    entry.answers.iter().any(|answer| !answer.is_ok && answer.response["reason"] == reason)
}

fn is_open(state: &Value) -> bool {
    state == "pending" || state == "approved"
}

fn ids<'a>(items: &'a [Value], name: &str) -> HashSet<&'a str> {
    let ids: HashSet<&str> = items.iter().map(|item| item[name].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), items.len(), "an item is listed twice");
    ids
}

fn assert_same(item: &Value, sent: &Value) {
    for (field, value) in sent.as_object().expect("a frame") {
        assert_eq!(&item[field], value, "{field} was changed");
    }
}
