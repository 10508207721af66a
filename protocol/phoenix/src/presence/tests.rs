use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn meta(value: Value) -> Meta {
    serde_json::from_value(value).unwrap()
}

fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap()
}

fn presence() -> Presence<u8> {
    Presence::new("r".into(), usize::MAX)
}

#[test]
fn metas_of_a_key_are_ordered_oldest_first() {
    let mut presence = presence();
    assert!(presence.track(1, "u", meta(json!({"device": "a"}))));
    let first = r#"{"joins":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}},"leaves":{}}"#;
    assert_eq!(text(&presence.take_changes()), first);
    presence.track(2, "u", meta(json!({"device": "b"})));
    presence.take_changes();
    let state = r#"{"u":{"metas":[{"device":"a","phx_ref":"r1"},{"device":"b","phx_ref":"r2"}]}}"#;
    assert_eq!(text(&presence.state()), state);
    assert!(presence.untrack_all(1));
    let left = r#"{"joins":{},"leaves":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}}"#;
    assert_eq!(text(&presence.take_changes()), left);
    assert!(!presence.untrack_all(1) && !presence.has_changed());
}

#[test]
fn an_update_is_one_diff_that_names_the_previous_ref() {
    let mut presence = presence();
    presence.track(1, "u", meta(json!({"device": "a"})));
    presence.take_changes();
    assert!(presence.update(1, "u", meta(json!({"device": "a", "away": true}))));
    assert_eq!(
        text(&presence.take_changes()),
        concat!(
            r#"{"joins":{"u":{"metas":[{"away":true,"device":"a","phx_ref":"r2","phx_ref_prev":"r1"}]}},"#,
            r#""leaves":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}}"#
        )
    );
    assert_eq!(presence.meta(1, "u"), Some(meta(json!({"device": "a", "away": true}))));
    assert!(!presence.update(2, "u", Meta::new()));
}

#[test]
fn leaving_with_two_keys_is_one_diff() {
    let mut presence = presence();
    presence.track(1, "u", Meta::new());
    presence.track(1, "v", Meta::new());
    presence.take_changes();
    presence.untrack_all(1);
    let both = r#"{"u":{"metas":[{"phx_ref":"r1"}]},"v":{"metas":[{"phx_ref":"r2"}]}}"#;
    assert_eq!(text(&presence.take_changes()), format!(r#"{{"joins":{{}},"leaves":{both}}}"#));
    assert_eq!(text(&presence.state()), "{}");
}

#[test]
fn untracking_one_key_leaves_the_others() {
    let mut presence = presence();
    presence.track(1, "u", Meta::new());
    presence.track(1, "v", Meta::new());
    presence.track(2, "u", Meta::new());
    presence.take_changes();
    assert!(presence.untrack(1, "u"));
    let left = r#"{"joins":{},"leaves":{"u":{"metas":[{"phx_ref":"r1"}]}}}"#;
    assert_eq!(text(&presence.take_changes()), left);
    let rest = r#"{"u":{"metas":[{"phx_ref":"r3"}]},"v":{"metas":[{"phx_ref":"r2"}]}}"#;
    assert_eq!(text(&presence.state()), rest);
    assert!(!presence.untrack(1, "u"));
}

#[test]
fn tracking_again_changes_nothing() {
    let mut presence = presence();
    assert!(presence.track(1, "u", meta(json!({"device": "a"}))));
    assert!(!presence.track(1, "u", Meta::new()));
    let state = r#"{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}"#;
    assert_eq!(text(&presence.state()), state);
}

#[test]
fn a_join_and_its_leave_cancel_out() {
    let mut presence = presence();
    presence.track(1, "u", Meta::new());
    presence.update(1, "u", meta(json!({"away": true})));
    presence.untrack(1, "u");
    assert!(!presence.has_changed());
}

/// A list that fits two entries of `meta`'s size.
fn full(count: u8) -> Presence<u8> {
    let entry = length("u1") + length(&meta(json!({"phx_ref": "r1"}))) + SEPARATORS;
    let mut presence = Presence::new("r".into(), 2 * entry);
    for tracker in 1..=count {
        presence.track(tracker, &format!("u{tracker}"), Meta::new());
    }
    presence
}

#[test]
fn waiting_entries_move_up_when_there_is_room() {
    let mut presence = full(4);
    let two = r#"{"u1":{"metas":[{"phx_ref":"r1"}]},"u2":{"metas":[{"phx_ref":"r2"}]}}"#;
    assert_eq!(text(&presence.state()), two);
    assert_eq!(text(&presence.take_changes()), format!(r#"{{"joins":{two},"leaves":{{}}}}"#));
    assert_eq!(presence.meta(3, "u3"), Some(Meta::new()), "who waits is tracked as well");
    assert!(presence.untrack_all(3), "somebody who waits leaves, and nobody is told");
    assert!(!presence.has_changed());
    presence.untrack(1, "u1");
    let diff = concat!(
        r#"{"joins":{"u4":{"metas":[{"phx_ref":"r4"}]}},"#,
        r#""leaves":{"u1":{"metas":[{"phx_ref":"r1"}]}}}"#
    );
    assert_eq!(text(&presence.take_changes()), diff);
}

#[test]
fn an_entry_that_outgrows_the_list_waits() {
    let mut presence = full(3);
    presence.take_changes();
    presence.update(1, "u1", meta(json!({"mood": "x".repeat(1000)})));
    let rest = r#"{"u2":{"metas":[{"phx_ref":"r2"}]},"u3":{"metas":[{"phx_ref":"r3"}]}}"#;
    assert_eq!(text(&presence.state()), rest);
    presence.track(4, "u4", Meta::new());
    presence.untrack(2, "u2");
    let rest = r#"{"u3":{"metas":[{"phx_ref":"r3"}]},"u4":{"metas":[{"phx_ref":"r5"}]}}"#;
    assert_eq!(text(&presence.state()), rest);
    // There is room again, once it is as small as the others.
    presence.untrack(3, "u3");
    presence.update(1, "u1", Meta::new());
    assert_eq!(presence.meta(1, "u1"), Some(Meta::new()));
    assert!(text(&presence.state()).contains("u4"));
}

/// The state as phoenix.js has it, and the metas that it was sent for each ref.
#[derive(Debug, Default)]
struct Client {
    state: BTreeMap<String, Vec<Value>>,
    joined: BTreeSet<String>,
    left: BTreeSet<String>,
}

fn metas(entries: &Value) -> impl Iterator<Item = (&String, &Vec<Value>)> {
    let entries = entries.as_object().unwrap().iter();
    entries.map(|(key, entry)| (key, entry["metas"].as_array().unwrap()))
}

impl Client {
    /// As `Presence.syncDiff`: joins first, each after those that are there; then leaves.
    fn sync(&mut self, diff: &Diff) {
        let diff = json!(diff);
        for (key, joins) in metas(&diff["joins"]) {
            let present = self.state.entry(key.clone()).or_default();
            present.retain(|meta| joins.iter().all(|joined| joined["phx_ref"] != meta["phx_ref"]));
            present.extend(joins.iter().cloned());
            for joined in joins {
                assert!(self.joined.insert(joined["phx_ref"].to_string()), "told twice that {joined} joined");
            }
        }
        for (key, leaves) in metas(&diff["leaves"]) {
            let present = self.state.get_mut(key).expect("nobody leaves who was not shown");
            for left in leaves {
                let before = present.len();
                present.retain(|meta| meta["phx_ref"] != left["phx_ref"]);
                assert_eq!(present.len() + 1, before, "nobody leaves who was not shown");
                assert!(self.left.insert(left["phx_ref"].to_string()), "told twice that {left} left");
            }
            if present.is_empty() {
                self.state.remove(key);
            }
        }
    }

    /// The state without the order of a key's metas, which updates change only on the client's
    /// side.
    fn present(&self) -> Value {
        let entry = |metas: &Vec<Value>| json!({ "metas": in_order(metas) });
        self.state.iter().map(|(key, metas)| (key.clone(), entry(metas))).collect()
    }
}

fn in_order(metas: &[Value]) -> Vec<Value> {
    let mut metas = metas.to_vec();
    metas.sort_by_key(ToString::to_string);
    metas
}

#[derive(Clone, Debug)]
enum Step {
    Track(u8, u8, usize),
    Update(u8, u8, usize),
    Untrack(u8, u8),
    Leave(u8),
    Told,
}

fn step() -> impl Strategy<Value = Step> {
    let (tracker, key, size) = (0..5u8, 0..3u8, 0..60usize);
    prop_oneof![
        4 => (tracker.clone(), key.clone(), size.clone()).prop_map(|(t, k, s)| Step::Track(t, k, s)),
        3 => (tracker.clone(), key.clone(), size).prop_map(|(t, k, s)| Step::Update(t, k, s)),
        2 => (tracker.clone(), key).prop_map(|(t, k)| Step::Untrack(t, k)),
        1 => tracker.prop_map(Step::Leave),
        1 => Just(Step::Told),
    ]
}

/// Returns whether it changed anything.
fn take(presence: &mut Presence<u8>, step: &Step) -> bool {
    let mood = |size: usize| meta(json!({ "mood": "x".repeat(size) }));
    match *step {
        Step::Track(tracker, key, size) => presence.track(tracker, &key.to_string(), mood(size)),
        Step::Update(tracker, key, size) => presence.update(tracker, &key.to_string(), mood(size)),
        Step::Untrack(tracker, key) => presence.untrack(tracker, &key.to_string()),
        Step::Leave(tracker) => presence.untrack_all(tracker),
        Step::Told => false,
    }
}

proptest! {
    /// Whether changes are gathered or sent one by one, and whatever the bound: clients end with
    /// the list, in the same order, and hear nothing twice.
    #[test]
    fn gathered_changes_are_as_good_as_each(
        steps in prop::collection::vec(step(), 0..80),
        room in prop_oneof![Just(usize::MAX), 0..600usize],
    ) {
        let new = || Presence::new("r".into(), room);
        let ((mut each, mut one_by_one), (mut gathered, mut told)) =
            ((new(), Client::default()), (new(), Client::default()));
        for step in steps.iter().chain([&Step::Told]) {
            let is_done = take(&mut each, step);
            one_by_one.sync(&each.take_changes());
            prop_assert_eq!(take(&mut gathered, step), is_done);
            prop_assert!(gathered.bytes <= room && text(&gathered.state()).len() <= room.saturating_add(2));
            if matches!(step, Step::Told) {
                told.sync(&gathered.take_changes());
                prop_assert_eq!(&told.state, &one_by_one.state);
                let state = json!(gathered.state());
                let state: Value = metas(&state)
                    .map(|(key, metas)| (key.clone(), json!({ "metas": in_order(metas) })))
                    .collect();
                prop_assert_eq!(told.present(), state);
            }
        }
    }
}
