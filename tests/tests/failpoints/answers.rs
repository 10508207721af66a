//! Which answers are possible, and how the answers to one command must agree.

use crate::actor::{Actor, Entry};

/// The refusals that a race or a denial explains.
fn explained(entry: &Entry) -> &'static [&'static str] {
    match entry.event {
        "request" => &["cooldown", "blocked"],
        // `no_request` is checked where the sent requests are known.
        "approve" => &["slots_full", "closed", "no_request"],
        "deny" => &["closed"],
        _ => &[],
    }
}

/// Checks every answer to an actor.
pub(crate) fn check(actor: &Actor) {
    for entry in actor.log.iter().filter(|entry| !entry.is_settled) {
        check_entry(entry);
    }
}

fn check_entry(entry: &Entry) {
    for answer in entry.answers.iter().filter(|answer| !answer.is_ok) {
        let reason = answer.response["reason"].as_str().expect("a reason");
        assert!(explained(entry).contains(&reason), "{entry:?}");
    }
    let has_id = matches!(entry.event, "request" | "approve");
    if let Some(first) = entry.answers.first() {
        if entry.was_told {
            assert!(first.is_ok, "somebody was told of what was never stored: {entry:?}");
        }
        if has_id && first.is_ok {
            // Known before only if it was sent before; and certainly if somebody was told of it.
            assert!(entry.sent > 1 || first.response["dup"] == false, "{entry:?}");
            assert!(
                !entry.was_told || first.response["dup"] == true,
                "told, and then stored anew: {entry:?}"
            );
        }
    }
    // A lifted denial can be repeated; everything else happens once.
    if !matches!(entry.event, "deny" | "unblock") {
        for later in entry.answers.iter().skip(1) {
            assert!(later.is_ok && later.response["dup"] == true, "answered anew: {entry:?}");
        }
    }
    match entry.event {
        "approve" => assert_one(entry, "seq"),
        "request" => assert_one(entry, "request_id"),
        _ => {}
    }
}

fn assert_one(entry: &Entry, field: &str) {
    let mut values = entry.answers.iter().filter(|answer| answer.is_ok).map(|answer| &answer.response[field]);
    if let Some(first) = values.next() {
        assert!(values.all(|value| value == first), "answered with another {field}: {entry:?}");
    }
}
