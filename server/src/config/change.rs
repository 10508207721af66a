//! What becomes of settings that change while the server runs.

use std::ffi::OsString;

use super::{
    layer::{Problem, Values},
    setting::{self, Setting, in_one},
    settings::Settings,
};

/// The settings that a running server takes over.
///
/// Not among them: what is there once (where the server listens and stores, its page), the server's name, which is in what
/// clients are signing just now, and sizes, which hang together: what one connection may send another one has to be able
/// to take, whichever of them is older.
const LIVE: [&str; 39] = [
    "origin",
    "trusted_proxy",
    "log",
    "max_frames_per_second",
    "max_frames_at_once",
    "max_joins_per_second",
    "max_joins_at_once",
    "max_calls_per_second",
    "max_calls_at_once",
    "max_connects_per_second",
    "max_connects_at_once",
    "max_sockets_per_user",
    "max_sockets_per_address",
    "max_polls_per_user",
    "max_polls_per_address",
    "max_connections_per_address",
    "max_batches",
    "max_channels",
    "idle",
    "poll",
    "lifetime",
    "max_open_per_user",
    "max_open_per_room",
    "max_denied_per_room",
    "max_open",
    "max_requests_per_user",
    "max_new_requests_per_minute",
    "max_new_requests_at_once",
    "max_fan_out_per_second",
    "max_fan_out_at_once",
    "max_devices",
    "max_rooms_per_user",
    "max_approves",
    "max_nacks",
    "cooldown",
    "keep_for_devices",
    "keep_finished",
    "keep_notices",
    "max_store",
];

/// The settings that were changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that are in force now.
    pub live: Vec<Change>,
    /// Those that will be after a restart.
    pub fixed: Vec<Change>,
}

/// A setting that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name in the file.
    pub setting: String,
    /// Its value before, as a flag would be given it.
    pub from: String,
    /// Its new value.
    pub to: String,
    /// Where that comes from: a line of the file, or the default.
    pub source: String,
}

/// Whether a running server takes a setting over.
pub(super) fn is_live(key: &str) -> bool {
    LIVE.contains(&key)
}

impl Settings {
    /// These settings with what can be taken over of `new`, and what differs between the two.
    pub fn adopt(&self, new: &Self) -> Result<(Self, Changes), Vec<Problem>> {
        let (mut values, mut changes) = (self.values.clone(), Changes::default());
        for setting in setting::all() {
            let key = setting.key();
            let (from, to) = (written(&setting, &self.values), written(&setting, &new.values));
            if from == to {
                continue;
            }
            let source = new.values.get(key).map_or("default".to_owned(), |value| value.source.to_string());
            let change = Change { setting: key.to_owned(), from: shown(&from), to: shown(&to), source };
            if is_live(key) {
                values.remove(key);
                values.extend(new.values.get_key_value(key).map(|(key, value)| (key.clone(), value.clone())));
                changes.live.push(change);
            } else {
                changes.fixed.push(change);
            }
        }
        Ok((Self::of(values, Vec::new())?, changes))
    }
}

/// How a setting is written, also if it is nowhere.
fn written(setting: &Setting, values: &Values) -> Vec<OsString> {
    match values.get(setting.key()) {
        Some(value) => value.texts.clone(),
        None => setting.default().into_iter().map(OsString::from).collect(),
    }
}

fn shown(texts: &[OsString]) -> String {
    in_one(&texts.iter().map(|text| text.to_string_lossy().into_owned()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::file;

    fn settings(text: &str) -> Settings {
        let layer = file::parse(text, Path::new("v.toml"), &setting::all());
        Settings::of(layer.values, Vec::new()).unwrap()
    }

    #[test]
    fn what_is_live_is_a_setting() {
        let keys: Vec<String> = setting::all().iter().map(|setting| setting.key().to_owned()).collect();
        for key in LIVE {
            assert!(keys.iter().any(|known| known == key), "{key}");
        }
    }

    #[test]
    fn what_needs_a_restart_is_in_the_manual() {
        let manual = include_str!("../../../docs/operations/configure.md");
        let fixed: Vec<String> = setting::all()
            .iter()
            .filter(|setting| !is_live(setting.key()))
            .map(|setting| format!("`{}`", setting.key()))
            .collect();
        // However its lines are broken.
        let manual: Vec<&str> = manual.split_whitespace().collect();
        assert!(manual.join(" ").contains(&fixed.join(", ")), "{}", fixed.join(", "));
    }

    #[test]
    fn what_can_be_is_taken_over_and_the_rest_stays() {
        let old = settings("max_channels = 7\nname = \"a\"\nmax_nacks = 5");
        let new = settings("max_channels = 8\nname = \"b\"\nmax_frame = \"64KiB\"\ndemo = true");
        let (adopted, changes) = old.adopt(&new).unwrap();
        let told = |changes: &[Change]| {
            let told = |change: &Change| {
                let Change { setting, from, to, source } = change;
                format!("{setting}: {from} to {to} ({source})")
            };
            changes.iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(told(&changes.live), ["max_channels: 7 to 8 (v.toml:1)", "max_nacks: 5 to 3 (default)"]);
        let fixed = ["name: a to b (v.toml:2)", "max_frame: 256KiB to 64KiB (v.toml:3)"];
        assert_eq!(told(&changes.fixed), fixed);
        let limits = adopted.config.rules().limits;
        assert_eq!(
            (limits.channels, limits.frame, &adopted.config.names[..]),
            (8, 256 * 1024, &["a".to_owned()][..])
        );
        assert_eq!(adopted.config.store().quotas.nacks_per_approver, 3, "the default again");
        // What needs a restart goes on needing it, also if something else is changed; taken back, it does no more.
        let (_, changes) = adopted.adopt(&new).unwrap();
        assert_eq!((changes.live.len(), told(&changes.fixed)), (0, fixed.map(str::to_owned).to_vec()));
        let (_, changes) = adopted.adopt(&settings("max_channels = 8\nname = \"a\"")).unwrap();
        assert_eq!(changes, Changes::default());
    }
}
