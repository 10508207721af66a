//! Changed settings of a running server: which are applied, and which need a restart.

use std::{collections::BTreeSet, ffi::OsString};

use super::{
    channels::{ChannelSetting, table_name},
    layer::{Problem, Values},
    setting::{self, Setting, in_one},
    settings::Settings,
};
use crate::topic_pattern::TopicPattern;

/// The settings that have changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changes that are in force now.
    pub live: Vec<Change>,
    /// Changes that take effect after a restart.
    pub fixed: Vec<Change>,
}

/// A setting that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name in the file.
    pub setting: String,
    /// Its value before, as on the command line.
    pub from: String,
    /// Its new value.
    pub to: String,
    /// The source of the new value: a line of the file, or the default.
    pub source: String,
}

impl Settings {
    /// These settings with the changes of `new` that a running server can apply, and all
    /// differences.
    pub fn adopt(&self, new: &Self) -> Result<(Self, Changes), Vec<Problem>> {
        let (mut values, mut changes) = (self.values.clone(), Changes::default());
        for setting in setting::all() {
            let key = setting.key();
            let (from, to) = (written(&setting, &self.values), written(&setting, &new.values));
            if from == to {
                continue;
            }
            let source = new.values.get(key).map_or("default".to_owned(), |value| value.source.to_string());
            let change = Change {
                setting: key.to_owned(),
                from: shown(&setting, &from),
                to: shown(&setting, &to),
                source,
            };
            if setting.is_live() {
                values.remove(key);
                values.extend(new.values.get_key_value(key).map(|(key, value)| (key.clone(), value.clone())));
                changes.live.push(change);
            } else {
                changes.fixed.push(change);
            }
        }
        changes.live.extend(self.changed_channels(new));
        Ok((Self { channels: new.channels.clone(), ..Self::of(values, Vec::new())? }, changes))
    }

    /// The channels that have come, gone or changed: a running server goes by all of them.
    fn changed_channels(&self, new: &Self) -> Vec<Change> {
        let names: BTreeSet<&TopicPattern> =
            self.channels.iter().chain(&new.channels).map(|(_, channel)| &channel.pattern).collect();
        let find = |of: &'_ Self, name: &TopicPattern| {
            of.channels.iter().find(|(_, channel)| channel.pattern == *name).cloned()
        };
        let change = |name: &TopicPattern| {
            let (before, after) = (find(self, name), find(new, name));
            let rules =
                |of: &Option<(_, ChannelSetting)>| of.as_ref().map(|(_, channel)| channel.rules.clone());
            let (from, to) = (rules(&before), rules(&after));
            (from != to).then(|| Change {
                setting: table_name(name),
                from: from.map_or("none".to_owned(), |rules| rules.to_string()),
                to: to.map_or("none".to_owned(), |rules| rules.to_string()),
                source: after.map_or("default".to_owned(), |(source, _)| source.to_string()),
            })
        };
        names.into_iter().filter_map(change).collect()
    }
}

/// The values of a setting as text; its default if it is not set.
fn written(setting: &Setting, values: &Values) -> Vec<OsString> {
    match values.get(setting.key()) {
        Some(value) => value.texts.clone(),
        None => setting.default().into_iter().map(OsString::from).collect(),
    }
}

fn shown(setting: &Setting, texts: &[OsString]) -> String {
    in_one(&texts.iter().map(|text| setting.shown(&text.to_string_lossy())).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vestibule_store::Clock;

    use super::*;
    use crate::config::file;

    fn settings(text: &str) -> Settings {
        let layer = file::parse(text, Path::new("v.toml"), &setting::all());
        Settings::of(layer.values, Vec::new()).unwrap()
    }

    #[test]
    fn settings_that_need_a_restart_are_in_the_manual() {
        let manual = include_str!("../../../docs/operations/configure.md");
        let fixed: Vec<String> = setting::all()
            .iter()
            .filter(|setting| !setting.is_live())
            .map(|setting| format!("`{}`", setting.key()))
            .collect();
        // However its lines are broken.
        let manual: Vec<&str> = manual.split_whitespace().collect();
        assert!(manual.join(" ").contains(&fixed.join(", ")), "{}", fixed.join(", "));
    }

    #[test]
    fn live_changes_are_applied_and_others_reported() {
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
        let limits = adopted.config.connect_policy().limits;
        assert_eq!(
            (limits.channels, limits.frame, &adopted.config.names[..]),
            (8, 256 * 1024, &["a".to_owned()][..])
        );
        assert_eq!(adopted.config.store(Clock::default()).quotas.nacks_per_approver, 3, "the default again");
        // A change that needs a restart still does after another change; taken back, it no longer
        // does.
        let (_, changes) = adopted.adopt(&new).unwrap();
        assert_eq!((changes.live.len(), told(&changes.fixed)), (0, fixed.map(str::to_owned).to_vec()));
        let (_, changes) = adopted.adopt(&settings("max_channels = 8\nname = \"a\"")).unwrap();
        assert_eq!(changes, Changes::default());
    }
}
