//! Each setting under its three names, all derived from its declaration as an option.

use std::{any::TypeId, error::Error as _, ffi::OsStr, num::NonZeroU32};

use clap::{
    Arg, ArgAction, ArgGroup, Args as _, Command, Id,
    error::{ContextKind, ContextValue},
};

use super::{
    database::without_password,
    guess::{self, did_you_mean},
    live::LIVE,
    options::Config,
};

/// The prefix of the server's environment variables.
pub(super) const PREFIX: &str = "VESTIBULE_";

/// The one setting that may contain a secret, which is never shown.
const DATABASE: &str = "database";

/// One setting: `--max-frame` on the command line, `VESTIBULE_MAX_FRAME` in the environment,
/// `max_frame` in the file.
pub(super) struct Setting {
    arg: Arg,
    key: String,
    is_live: bool,
}

/// All settings, in the order of their declaration.
pub(super) fn all() -> Vec<Setting> {
    let command = Config::augment_args(Command::new("vestibule"));
    let live = live_ids(command.clone());
    let setting = |arg: &Arg| {
        let is_live = live.contains(arg.get_id());
        Setting { arg: arg.clone(), key: key(arg), is_live }
    };
    command.get_arguments().map(setting).collect()
}

/// The members of the group [`LIVE`].
fn live_ids(mut command: Command) -> Vec<Id> {
    // Only building collects a group's members.
    command.build();
    let live = command.get_groups().find(|group| group.get_id() == LIVE);
    live.into_iter().flat_map(ArgGroup::get_args).cloned().collect()
}

/// A flag's name as it stands in the file.
fn key(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}

impl Setting {
    /// Its name in the file.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a running server applies a change of it.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Its name in the environment.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.to_uppercase())
    }

    /// Its name on the command line.
    pub(super) fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// The name under which clap has it.
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Its help text.
    pub(super) fn help(&self) -> String {
        let help = self.arg.get_long_help().or(self.arg.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// The heading of its group.
    pub(super) fn heading(&self) -> &str {
        self.arg.get_help_heading().unwrap_or_default()
    }

    /// Its default as text; empty if there is none.
    pub(super) fn default(&self) -> Vec<String> {
        self.arg.get_default_values().iter().map(|text| text.to_string_lossy().into_owned()).collect()
    }

    /// A value of it, as it may be shown.
    pub(super) fn shown(&self, value: &str) -> String {
        if self.key == DATABASE { without_password(value) } else { value.to_owned() }
    }

    /// Whether it can have several values.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// Whether a value may be a bare number.
    pub(super) fn is_number(&self) -> bool {
        [TypeId::of::<NonZeroU32>(), TypeId::of::<usize>(), TypeId::of::<u64>(), TypeId::of::<u32>()]
            .iter()
            .any(|number| self.is(*number))
    }

    /// Whether it is on or off.
    pub(super) fn is_switch(&self) -> bool {
        self.is(TypeId::of::<bool>())
    }

    fn is(&self, kind: TypeId) -> bool {
        self.arg.get_value_parser().type_id() == kind
    }

    /// The values in a text, split at the delimiter. An empty text has none, if the setting has no
    /// default.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        match self.arg.get_value_delimiter() {
            _ if text.is_empty() && self.default().is_empty() => Vec::new(),
            Some(delimiter) => text.split(delimiter).collect(),
            None => vec![text],
        }
    }

    /// Checks a value as the option would, and returns the error without the option's name.
    pub(super) fn check(&self, value: &OsStr) -> Result<(), String> {
        let arg = Arg::new("value").value_parser(self.arg.get_value_parser().clone());
        let command = Command::new("vestibule").no_binary_name(true).arg(arg);
        match command.try_get_matches_from([OsStr::new("--"), value]) {
            Ok(_) => Ok(()),
            Err(error) => Err(what_is_wrong(&error, value)),
        }
    }
}

/// The parser's error for a value, without the option's name.
fn what_is_wrong(error: &clap::Error, value: &OsStr) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            let value = value.to_string_lossy().to_lowercase();
            let meant = guess::nearest(&value, valid, |valid| valid);
            format!("expected one of: {}{}", valid.join(", "), did_you_mean(meant))
        }
        (None, _) => "expected a value, found none".to_owned(),
    }
}

/// The setting with the most similar name, if any is similar enough.
pub(super) fn nearest<'a>(name: &str, settings: &'a [Setting]) -> Option<&'a Setting> {
    let name = name.to_lowercase().replace('-', "_");
    guess::nearest(&name, settings, |setting| setting.key())
}

/// Values as one text, as on the command line.
pub(super) fn in_one(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(key: &str) -> Setting {
        all().into_iter().find(|setting| setting.key() == key).unwrap()
    }

    #[test]
    fn one_name_gives_three() {
        let setting = setting("max_frame");
        assert_eq!(
            (setting.flag(), setting.variable()),
            ("--max-frame".into(), "VESTIBULE_MAX_FRAME".into())
        );
    }

    #[test]
    fn live_settings_are_those_of_the_group() {
        let live = all().into_iter().filter(Setting::is_live).count();
        assert_eq!(live, 45);
        assert!(setting("max_channels").is_live() && !setting("listen").is_live());
    }

    #[test]
    fn each_setting_has_a_name_a_value_and_help() {
        for setting in all() {
            assert!(!setting.key().is_empty() && !setting.help().is_empty(), "{}", setting.id());
            assert!(setting.arg.get_action().takes_values(), "{}: a file sets values", setting.key());
            assert!(!setting.heading().is_empty(), "{} is in no group", setting.key());
        }
    }

    #[test]
    fn headings_are_for_people() {
        let settings = all();
        let mut headings: Vec<&str> = settings.iter().map(Setting::heading).collect();
        headings.dedup();
        let expected = [
            "Server",
            "Monitoring and administration",
            "TLS",
            "Logins",
            "Auth hook",
            "Limits on connections",
            "Limits on rooms, requests and approves",
        ];
        assert_eq!(headings, expected);
    }

    #[test]
    fn a_value_is_checked_as_the_flags_is() {
        let max_frame = setting("max_frame");
        assert_eq!(max_frame.check("16KiB".as_ref()), Ok(()));
        assert!(max_frame.check("16KB".as_ref()).unwrap_err().starts_with("expected a size"));
        assert!(max_frame.check("--help".as_ref()).is_err());
        assert!(setting("listen").check("x".as_ref()).is_err());
        assert!(setting("data").check("".as_ref()).unwrap_err().starts_with("expected a value"));
        let format = setting("log_format").check("jsn".as_ref()).unwrap_err();
        assert_eq!(format, "expected one of: text, json (did you mean json?)");
    }

    #[test]
    fn an_empty_text_is_an_empty_list() {
        assert_eq!(setting("name").split(""), [""; 0]);
        assert_eq!(setting("origin").split(""), [""; 0]);
        assert_eq!(setting("origin").split("//a,//b"), ["//a", "//b"]);
        assert_eq!(setting("log").split("a,b"), ["a,b"]);
        assert_eq!(setting("listen").split(""), [""]);
    }

    #[test]
    fn the_nearest_name_is_found() {
        let settings = all();
        for (name, near) in [
            ("max_fram", "max_frame"),
            ("max-frame", "max_frame"),
            ("MAX_FRAME", "max_frame"),
            ("origins", "origin"),
            ("max_mesage", "max_message"),
            ("trusted_proxies", "trusted_proxy"),
        ] {
            assert_eq!(nearest(name, &settings).map(Setting::key), Some(near), "{name}");
        }
        assert!(nearest("qqq", &settings).is_none());
    }
}
