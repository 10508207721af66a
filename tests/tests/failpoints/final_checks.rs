//! Checks after all lives: every notice is there, once, and the database is whole.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::actor::{Actor, Entry, Role};
use crate::expectations::sent;

/// A change that a user is told of.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Told {
    uid: String,
    event: String,
    id: String,
}

/// Each change that was answered as done has one notice, and there is no other notice.
pub(crate) fn check_notices(actors: &[Actor], notices: &[Vec<Value>]) {
    let mut found: HashMap<Told, usize> = HashMap::new();
    for (actor, notices) in actors.iter().zip(notices).filter(|(actor, _)| actor.role != Role::Inbox) {
        let uid = actor.uid();
        for notice in notices {
            let event = notice["event"].as_str().expect("an event");
            let name = if event == "receipt" { "approve_id" } else { "request_id" };
            let id = notice[name].as_str().expect("an id").to_owned();
            let event = if event == "receipt" { notice["result"].as_str().expect("a result") } else { event };
            *found.entry(Told { uid: uid.clone(), event: event.to_owned(), id }).or_default() += 1;
        }
    }
    let mut explained = HashSet::new();
    for (event, name) in [("ack", "saved"), ("nack", "nacked"), ("withdraw", "withdrawn"), ("deny", "denied")]
    {
        for (actor, entry) in sent(actors, event) {
            let (uid, id) = match event {
                "ack" | "nack" => (approver(actors, entry), entry.text("approve_id")),
                "withdraw" => (actor.uid(), entry.text("request_id")),
                _ => (entry.text("to").to_owned(), entry.text("request_id")),
            };
            let told = Told { uid, event: name.to_owned(), id: id.to_owned() };
            let count = found.get(&told).copied().unwrap_or(0);
            // A lifted denial can be repeated.
            assert!(count <= 1 || event == "deny", "{count} notices of {entry:?}");
            assert!(count >= 1 || !entry.is_first(), "no notice of {entry:?}");
            explained.insert(told);
        }
    }
    let strange: Vec<&Told> = found.keys().filter(|told| !explained.contains(told)).collect();
    assert!(strange.is_empty(), "notices of what nobody did: {strange:?}");
}

fn approver(actors: &[Actor], entry: &Entry) -> String {
    let of_approve = |approve: &Entry| approve.payload["approve_id"] == entry.payload["approve_id"];
    let (member, _) = sent(actors, "approve").find(|(_, approve)| of_approve(approve)).expect("its approve");
    assert_eq!(member.role, Role::Member);
    member.uid()
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Checks the database file itself.
pub(crate) fn check_database(path: &Path) {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    let checked = diesel::sql_query("SELECT integrity_check AS line FROM pragma_integrity_check")
        .load::<Session>(&mut connection)
        .expect("a check");
    assert_eq!(checked.into_iter().map(|line| line.line).collect::<Vec<_>>(), ["ok"]);
    let broken = diesel::sql_query("SELECT count(*) AS count FROM pragma_foreign_key_check")
        .get_result::<Count>(&mut connection)
        .expect("a check");
    assert_eq!(broken.count, 0, "rows that belong to none");
    let orphans = diesel::sql_query(
        "SELECT count(*) AS count FROM approves WHERE NOT EXISTS (SELECT 1 FROM requests WHERE requests.rid = approves.rid \
         AND requests.uid = approves.to_uid AND requests.request_id = approves.request_id)",
    )
    .get_result::<Count>(&mut connection)
    .expect("a count");
    assert_eq!(orphans.count, 0, "approves of requests that were never stored");
}
