//! Who is in a topic, in the shapes of `Phoenix.Presence`.
//!
//! A key (a user) has one meta per tracker (a connection), oldest first. Every change gives a [`Diff`] to be sent to those
//! who watch, and [`Presence::state`] is what a newcomer is told.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// What a tracker says about itself: any JSON object. Phoenix adds `phx_ref`.
pub type Meta = Map<String, Value>;

/// The presence of one topic. `T` names the trackers, such as connections.
#[derive(Debug)]
pub struct Presence<T> {
    entries: BTreeMap<String, Vec<Entry<T>>>,
    prefix: String,
    next_ref: u64,
}

#[derive(Debug)]
struct Entry<T> {
    tracker: T,
    meta: Meta,
}

/// Metas by key, as both `presence_state` and the halves of `presence_diff` have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entries(BTreeMap<String, Metas>);

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Metas {
    metas: Vec<Meta>,
}

impl Entries {
    fn of(key: &str, meta: Meta) -> Self {
        Entries(BTreeMap::from([(key.to_owned(), Metas { metas: vec![meta] })]))
    }
}

/// The payload of `presence_diff`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    joins: Entries,
    leaves: Entries,
}

impl<T: PartialEq + Copy> Presence<T> {
    /// Nobody. `prefix` is put before every `phx_ref` and has to differ between topics and their lives, so that a ref is
    /// never seen twice by one client.
    pub fn new(prefix: String) -> Self {
        Self { entries: BTreeMap::new(), prefix, next_ref: 0 }
    }

    /// Adds `tracker` under `key`; nothing where it is there already (Phoenix: `:already_tracked`).
    pub fn track(&mut self, tracker: T, key: &str, mut meta: Meta) -> Option<Diff> {
        if self.meta(tracker, key).is_some() {
            return None;
        }
        meta.insert("phx_ref".to_owned(), self.fresh_ref());
        self.entries.entry(key.to_owned()).or_default().push(Entry { tracker, meta: meta.clone() });
        Some(Diff { joins: Entries::of(key, meta), leaves: Entries::default() })
    }

    /// Gives `tracker` another meta under `key`: one diff in which the old one leaves and the new one, which names the
    /// old one's ref, joins. Nothing where it is not tracked.
    pub fn update(&mut self, tracker: T, key: &str, mut meta: Meta) -> Option<Diff> {
        let fresh_ref = self.fresh_ref();
        let entry = self.entries.get_mut(key)?.iter_mut().find(|entry| entry.tracker == tracker)?;
        meta.insert("phx_ref".to_owned(), fresh_ref);
        if let Some(previous) = entry.meta.get("phx_ref") {
            meta.insert("phx_ref_prev".to_owned(), previous.clone());
        }
        let previous = std::mem::replace(&mut entry.meta, meta.clone());
        Some(Diff { joins: Entries::of(key, meta), leaves: Entries::of(key, previous) })
    }

    /// The meta of `tracker` under `key`, without Phoenix's refs.
    pub fn meta(&self, tracker: T, key: &str) -> Option<Meta> {
        let entry = self.entries.get(key)?.iter().find(|entry| entry.tracker == tracker)?;
        let mut meta = entry.meta.clone();
        meta.remove("phx_ref");
        meta.remove("phx_ref_prev");
        Some(meta)
    }

    /// Removes `tracker` from one key; nothing where it was not under it.
    pub fn untrack(&mut self, tracker: T, key: &str) -> Option<Diff> {
        self.remove(tracker, |tracked| tracked == key)
    }

    /// Removes `tracker` from every key: one diff, or nothing where it was under none.
    pub fn untrack_all(&mut self, tracker: T) -> Option<Diff> {
        self.remove(tracker, |_| true)
    }

    fn remove(&mut self, tracker: T, is_meant: impl Fn(&str) -> bool) -> Option<Diff> {
        let mut leaves = Entries::default();
        self.entries.retain(|key, entries| {
            if !is_meant(key) {
                return true;
            }
            for entry in entries.extract_if(.., |entry| entry.tracker == tracker) {
                leaves.0.entry(key.clone()).or_default().metas.push(entry.meta);
            }
            !entries.is_empty()
        });
        (!leaves.0.is_empty()).then(|| Diff { joins: Entries::default(), leaves })
    }

    /// Everybody: the payload of `presence_state`.
    pub fn state(&self) -> Entries {
        let metas = |entries: &Vec<Entry<T>>| Metas {
            metas: entries.iter().map(|entry| entry.meta.clone()).collect(),
        };
        Entries(self.entries.iter().map(|(key, entries)| (key.clone(), metas(entries))).collect())
    }

    fn fresh_ref(&mut self) -> Value {
        self.next_ref += 1;
        Value::String(format!("{}{}", self.prefix, self.next_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meta(value: Value) -> Meta {
        serde_json::from_value(value).unwrap()
    }

    fn text(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn a_second_device_is_a_second_meta_oldest_first() {
        let mut presence = Presence::new("r".into());
        let first = presence.track(1, "u", meta(json!({"device": "a"}))).unwrap();
        assert_eq!(text(&first), r#"{"joins":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}},"leaves":{}}"#);
        presence.track(2, "u", meta(json!({"device": "b"})));
        let state = r#"{"u":{"metas":[{"device":"a","phx_ref":"r1"},{"device":"b","phx_ref":"r2"}]}}"#;
        assert_eq!(text(&presence.state()), state);
        let left = presence.untrack_all(1).unwrap();
        assert_eq!(text(&left), r#"{"joins":{},"leaves":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}}"#);
        assert_eq!(presence.untrack_all(1), None);
    }

    #[test]
    fn an_update_is_one_diff_that_names_the_previous_ref() {
        let mut presence = Presence::new("r".into());
        presence.track(1, "u", meta(json!({"device": "a"})));
        let diff = presence.update(1, "u", meta(json!({"device": "a", "away": true}))).unwrap();
        assert_eq!(
            text(&diff),
            concat!(
                r#"{"joins":{"u":{"metas":[{"away":true,"device":"a","phx_ref":"r2","phx_ref_prev":"r1"}]}},"#,
                r#""leaves":{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}}"#
            )
        );
        assert_eq!(presence.meta(1, "u"), Some(meta(json!({"device": "a", "away": true}))));
        assert_eq!(presence.update(2, "u", Meta::new()), None);
    }

    #[test]
    fn leaving_with_two_keys_is_one_diff() {
        let mut presence = Presence::new("r".into());
        presence.track(1, "u", Meta::new());
        presence.track(1, "v", Meta::new());
        let diff = presence.untrack_all(1).unwrap();
        let both = r#"{"u":{"metas":[{"phx_ref":"r1"}]},"v":{"metas":[{"phx_ref":"r2"}]}}"#;
        assert_eq!(text(&diff), format!(r#"{{"joins":{{}},"leaves":{both}}}"#));
        assert_eq!(text(&presence.state()), "{}");
    }

    #[test]
    fn untracking_one_key_leaves_the_others() {
        let mut presence = Presence::new("r".into());
        presence.track(1, "u", Meta::new());
        presence.track(1, "v", Meta::new());
        presence.track(2, "u", Meta::new());
        let diff = presence.untrack(1, "u").unwrap();
        assert_eq!(text(&diff), r#"{"joins":{},"leaves":{"u":{"metas":[{"phx_ref":"r1"}]}}}"#);
        let rest = r#"{"u":{"metas":[{"phx_ref":"r3"}]},"v":{"metas":[{"phx_ref":"r2"}]}}"#;
        assert_eq!(text(&presence.state()), rest);
        assert_eq!(presence.untrack(1, "u"), None);
    }

    #[test]
    fn who_is_tracked_is_not_tracked_again() {
        let mut presence = Presence::new("r".into());
        presence.track(1, "u", meta(json!({"device": "a"})));
        assert_eq!(presence.track(1, "u", Meta::new()), None);
        let state = r#"{"u":{"metas":[{"device":"a","phx_ref":"r1"}]}}"#;
        assert_eq!(text(&presence.state()), state);
    }
}
