//! Writes settings as a file: all defaults, or those that differ from them.

use std::fmt::{self, Display, Formatter, Write as _};

use toml::Value;

use super::{
    channels::table_name,
    setting::{self, Setting, in_one},
    settings::Settings,
};

/// A setting that differs from its default. It contains no secrets: a password in the database's
/// address is not shown, and all others are in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name in the file.
    pub setting: String,
    /// Its value, as on the command line.
    pub value: String,
    /// Its source: a line of the file, an environment variable, or an option.
    pub source: String,
    /// The line that would set it in a file.
    line: String,
}

impl Display for Difference {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}  # {}", self.line, self.source)
    }
}

impl Settings {
    /// The settings that differ from their defaults.
    pub fn differences(&self) -> Vec<Difference> {
        let differs = |setting: Setting| {
            let value = self.values.get(setting.key())?;
            let texts: Vec<String> =
                value.texts.iter().map(|text| text.to_string_lossy().into_owned()).collect();
            (texts != setting.default()).then(|| {
                let texts: Vec<String> = texts.iter().map(|text| setting.shown(text)).collect();
                Difference {
                    setting: setting.key().to_owned(),
                    value: in_one(&texts),
                    source: value.source.to_string(),
                    line: assignment(&setting, &texts),
                }
            })
        };
        let channels = self.channels.iter().map(|(source, channel)| {
            let setting = table_name(&channel.pattern);
            let line = format!("[{setting}]");
            Difference { setting, value: channel.rules.to_string(), source: source.to_string(), line }
        });
        setting::all().into_iter().filter_map(differs).chain(channels).collect()
    }
}

/// The beginning of the file of defaults.
const PREAMBLE: &str = "\
# Settings of Vestibule, each with its default. To change one, remove the # before its name.
#
# An environment variable overrides this file, and an option overrides both: max_frame is
# VESTIBULE_MAX_FRAME and --max-frame. After a change: vestibule check-config --config FILE
#
# On SIGHUP the server applies changes to this file, except to settings marked [restart].
";

/// The end of the help of a setting that needs a restart.
const RESTART: &str = " [restart]";

/// An example of what only the file can have.
const CHANNELS: &str = "
# ---- Channels ----
#
# Topics of your own front end, served without a line of Rust: who may join, which events clients
# may publish to each other, and whether they see who is there. All keys and a worked example of
# each are in docs/front-ends.md.
#
#   [channels.\"chat:*\"]
#   join = \"account\"
#   publish = [\"new_msg\"]
#   presence = true
";

/// The longest line of a comment.
const WIDTH: usize = 100;

/// A file of all settings, each commented out, with its help and default.
pub fn default_config() -> String {
    let mut file = PREAMBLE.to_owned();
    let mut heading = String::new();
    for setting in setting::all() {
        if setting.heading() != heading {
            setting.heading().clone_into(&mut heading);
            let _ = write!(file, "\n# ---- {heading} ----\n");
        }
        file.push('\n');
        let mark = if setting.is_live() { "" } else { RESTART };
        for line in comment(&(setting.help() + mark)) {
            let _ = writeln!(file, "{line}");
        }
        let _ = writeln!(file, "#{}", assignment(&setting, &setting.default()));
    }
    file + CHANNELS
}

/// A text as comment lines, with an empty one between paragraphs.
fn comment(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        if !lines.is_empty() {
            lines.push("#".to_owned());
        }
        let mut line = "#".to_owned();
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut line, "#".to_owned()));
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// `key = value`, for the values as on the command line.
fn assignment(setting: &Setting, texts: &[String]) -> String {
    let value = match texts {
        _ if setting.is_list() => Value::Array(texts.iter().map(|text| value(setting, text)).collect()),
        [one] => value(setting, one),
        _ => Value::String(String::new()),
    };
    format!("{} = {value}", setting.key())
}

/// A value as a person would write it.
fn value(setting: &Setting, text: &str) -> Value {
    let string = || Value::String(text.to_owned());
    match text {
        "on" | "off" if setting.is_switch() => Value::Boolean(text == "on"),
        digits if setting.is_number() => digits.parse().map_or_else(|_| string(), Value::Integer),
        _ => string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Sources, Task, file};

    fn sources(arguments: &[&str], variables: &[(&str, &str)]) -> Sources {
        let arguments = ["vestibule", "check-config"].iter().chain(arguments).map(Into::into);
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let Task::CheckConfig(sources) = Task::of(arguments, variables).unwrap() else {
            unreachable!("the command is to check")
        };
        sources
    }

    /// The settings that a file makes, and how many it sets.
    fn read(text: &str) -> (Settings, usize) {
        let layer = file::parse(text, Path::new("v.toml"), &setting::all());
        assert_eq!(layer.problems, []);
        let count = layer.values.len();
        (Settings::of(layer.values, Vec::new()).unwrap(), count)
    }

    #[test]
    fn the_file_of_defaults_changes_nothing() {
        let defaults = format!("{:?}", sources(&[], &[]).read().unwrap().config);
        let (settings, count) = read(&default_config());
        assert_eq!((format!("{:?}", settings.config), count), (defaults, 0));
    }

    #[test]
    fn uncommented_defaults_change_nothing() {
        let is_setting = |line: &str| line.starts_with(|first: char| first.is_ascii_lowercase());
        let in_force = default_config()
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let (settings, count) = read(&in_force);
        assert_eq!(count, setting::all().len(), "each setting is there");
        let defaults = sources(&[], &[]).read().unwrap().config;
        assert_eq!(format!("{:?}", settings.config), format!("{defaults:?}"));
        assert!(settings.differences().is_empty());
    }

    #[test]
    fn the_file_of_defaults_has_short_lines() {
        let file = default_config();
        assert!(file.lines().all(|line| line.chars().count() <= WIDTH), "{file}");
        assert!(file.contains(
            "# Address and port to listen on; port 0 picks a free one [restart]\n#listen = \"127.0.0.1:4000\"\n"
        ));
        assert!(file.contains("#max_channels = 100\n"), "{file}");
        assert!(file.contains("#demo = true\n") && file.contains("#origin = []\n"), "{file}");
    }

    #[test]
    fn differences_have_their_sources() {
        let flags =
            ["--origin", "//a.example,//b.example", "--demo=off", "--max-channels", "7", "--poll", "10s"];
        let variables =
            [("VESTIBULE_MAX_FRAME", "64KiB"), ("VESTIBULE_DATA", "/var/\"x\""), ("VESTIBULE_NAME", "")];
        let settings = sources(&flags, &variables).read().unwrap();
        let differences = settings.differences();
        let origin = differences.iter().find(|difference| difference.setting == "origin").unwrap();
        assert_eq!((&*origin.value, &*origin.source), ("//a.example,//b.example", "--origin"));
        assert_eq!(
            differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "data = '/var/\"x\"'  # VESTIBULE_DATA",
                "origin = [\"//a.example\", \"//b.example\"]  # --origin",
                "demo = false  # --demo",
                "max_channels = 7  # --max-channels",
                "max_frame = \"64KiB\"  # VESTIBULE_MAX_FRAME",
            ]
        );
        assert!(sources(&[], &[]).read().unwrap().differences().is_empty());
    }
}
