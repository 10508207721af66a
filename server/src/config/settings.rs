//! The configuration as read: the file, then the environment, then the options, each overriding the
//! ones before.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _, parser::ValueSource};

use super::{
    channels::{ChannelSetting, table_name},
    environment::{self, CONFIG, Variables},
    file,
    layer::{Layer, Problem, Source, Value, Values},
    options::Config,
    setting::{self, PREFIX, Setting},
};
use crate::configured::{ChannelTable, JoinRule};

/// The sources of the settings, kept to read the file again.
#[derive(Clone, Debug)]
pub struct Sources {
    file: Option<PathBuf>,
    variables: Variables,
    flags: Values,
}

/// All settings, and the source of each.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The parsed values.
    pub config: Config,
    /// Warnings about them.
    pub warnings: Vec<Problem>,
    pub(super) values: Values,
    pub(super) channels: Vec<(Source, ChannelSetting)>,
}

impl Sources {
    /// The flags of a command line, the variables of an environment, and the file that either of
    /// them names.
    pub(super) fn new(flags: &ArgMatches, variables: Variables) -> Self {
        let file = flags.get_one::<PathBuf>("config").cloned().or_else(|| {
            let named = variables.iter().find(|(name, value)| name == CONFIG && !value.is_empty());
            named.map(|(_, path)| path.into())
        });
        // The rest of the environment is not the server's, and may contain secrets.
        let own = |(name, _): &(OsString, OsString)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let variables = variables.into_iter().filter(own).collect();
        Self { file, variables, flags: given(flags) }
    }

    /// Reads all sources, and checks the settings for contradictions, too.
    pub fn read(&self) -> Result<Settings, Vec<Problem>> {
        let settings = setting::all();
        let file = self.file.as_deref().map(|path| file::read(path, &settings)).unwrap_or_default();
        let environment = environment::read(&self.variables, &settings);
        let flags = self.flags(&settings);
        let problems = [file.problems, environment.problems, flags.problems].concat();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut values = file.values;
        values.extend(environment.values);
        values.extend(flags.values);
        let settings = Settings::of(values, environment.warnings)?;
        let mut settings = Settings { channels: file.channels, ..settings };
        settings.warnings.extend(settings.database_warnings());
        let unasked = settings.channels_without_hook();
        if unasked.is_empty() { Ok(settings) } else { Err(unasked) }
    }

    /// The values of the command line, checked.
    fn flags(&self, settings: &[Setting]) -> Layer {
        let mut layer = Layer::default();
        for setting in settings {
            if let Some(Value { texts, source }) = self.flags.get(setting.key()).cloned() {
                layer.set(setting, texts, source);
            }
        }
        layer
    }
}

/// The values given on the command line, without defaults.
fn given(flags: &ArgMatches) -> Values {
    let is_given = |setting: &Setting| flags.value_source(setting.id()) == Some(ValueSource::CommandLine);
    let value = |setting: Setting| {
        let texts = flags.get_raw(setting.id())?.map(ToOwned::to_owned).collect();
        let source = Source::Flag(setting.flag());
        Some((setting.key().to_owned(), Value { texts, source }))
    };
    setting::all().into_iter().filter(is_given).filter_map(value).collect()
}

impl Settings {
    /// Parses these values, as if they were given as options, and the defaults of the rest.
    pub(super) fn of(values: Values, warnings: Vec<Problem>) -> Result<Self, Vec<Problem>> {
        let flag = |setting: &Setting, text: &OsString| {
            let mut flag = OsString::from(format!("{}=", setting.flag()));
            flag.push(text);
            flag
        };
        let settings = setting::all();
        let flags = settings.iter().flat_map(|setting| {
            let texts = values.get(setting.key()).map_or(&[][..], |value| &value.texts);
            texts.iter().map(move |text| flag(setting, text))
        });
        let command = Config::augment_args(Command::new("vestibule").no_binary_name(true));
        let parsed = command.try_get_matches_from(flags).and_then(|flags| Config::from_arg_matches(&flags));
        let config = parsed.map_err(|error| vec![Problem(first_line(&error))])?;
        let contradictions = config.contradictions();
        if contradictions.is_empty() {
            return Ok(Self { config, warnings, values, channels: Vec::new() });
        }
        let with_places = |what: String| {
            let places = places(&what, &settings, &values);
            Problem(what + &places)
        };
        Err(contradictions.into_iter().map(with_places).collect())
    }

    /// What an operator should know of the database's settings.
    fn database_warnings(&self) -> Vec<Problem> {
        let source = |setting: &str| self.values.get(setting).map(|value| &value.source);
        let mut warnings = Vec::new();
        let database = &self.config.database;
        if let (true, Some(Source::Flag(_))) = (database.has_password(), source("database")) {
            warnings.push(Problem(
                "--database contains a password, which every user of this machine can read (ps): put it into a file \
                 that PGPASSFILE or ?passfile= names, or the address into VESTIBULE_DATABASE"
                    .to_owned(),
            ));
        }
        if let (true, Some(source)) = (database.is_on_server(), source("max_store")) {
            warnings.push(Problem(format!(
                "{source}: max_store limits files only, and not a database on a server"
            )));
        }
        warnings
    }

    /// Channels that depend on a hook which there is not.
    fn channels_without_hook(&self) -> Vec<Problem> {
        if self.config.hook.hook().is_some() {
            return Vec::new();
        }
        let asking = self.channels.iter().filter(|(_, channel)| channel.rules.join == JoinRule::Hook);
        let problem = |(source, channel): &(Source, ChannelSetting)| {
            let name = table_name(&channel.pattern);
            Problem(format!("{source}: {name}: join = \"hook\" requires --auth-hook"))
        };
        asking.map(problem).collect()
    }

    /// The configured channels.
    pub fn channels(&self) -> ChannelTable {
        let all = self.channels.iter();
        ChannelTable::new(all.map(|(_, channel)| (channel.pattern.clone(), channel.rules.clone())))
    }
}

/// The sources of the settings that a text names as options; empty if all were given as options.
fn places(text: &str, settings: &[Setting], values: &Values) -> String {
    let is_named = |setting: &Setting| {
        text.split(|end: char| !end.is_ascii_alphanumeric() && end != '-').any(|word| word == setting.flag())
    };
    let place = |setting: &Setting| match values.get(setting.key()).map(|value| &value.source) {
        Some(Source::Flag(_)) => None,
        Some(source) => Some(format!("{}: {source}", setting.key())),
        None => Some(format!("{}: default", setting.key())),
    };
    let places: Vec<String> = settings.iter().filter(|setting| is_named(setting)).filter_map(place).collect();
    if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
}

/// The first line of clap's message.
pub(super) fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Task;

    fn sources(arguments: &[&str], variables: &[(&str, &str)]) -> Sources {
        let arguments = ["vestibule"].iter().chain(arguments).map(OsString::from);
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let Task::Serve(sources) = Task::of(arguments, variables).unwrap() else {
            unreachable!("there is no command")
        };
        sources
    }

    /// The settings of a file, an environment and a command line.
    fn read(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, Vec<Problem>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.toml");
        fs::write(&path, file).unwrap();
        sources(&[&["--config", path.to_str().unwrap()], flags].concat(), variables).read()
    }

    #[test]
    fn later_sources_override_earlier_ones() {
        let file =
            "name = \"file\"\nmax_channels = 1\norigin = \"//file.example\"\ndemo = false\nidle = \"1s\"";
        let variables = [
            ("VESTIBULE_NAME", "environment"),
            ("VESTIBULE_MAX_CHANNELS", "2"),
            ("VESTIBULE_ORIGIN", "//one.example,//two.example"),
        ];
        let flags = ["--name", "flag", "--origin=//flag.example"];
        let names = |settings: &Settings| {
            let limits = settings.config.connect_policy().limits;
            (settings.config.names.join(" "), limits.channels, settings.config.origins.len())
        };
        let settings = read(file, &[], &[]).unwrap();
        assert_eq!(names(&settings), ("file".to_owned(), 1, 1));
        let settings = read(file, &variables, &[]).unwrap();
        assert_eq!(names(&settings), ("environment".to_owned(), 2, 2));
        let settings = read(file, &variables, &flags).unwrap();
        assert_eq!(names(&settings), ("flag".to_owned(), 2, 1));
        assert_eq!(settings.config.origins, ["//flag.example".parse().unwrap()]);
        assert!(!settings.config.demo, "what only the file says stays");
        let source = |key: &str| settings.values[key].source.to_string();
        assert_eq!(
            (source("name"), source("max_channels")),
            ("--name".into(), "VESTIBULE_MAX_CHANNELS".into())
        );
        assert!(source("idle").ends_with("v.toml:5"), "{}", source("idle"));
    }

    #[test]
    fn an_empty_value_overrides_others() {
        let settings = read("name = \"file\"", &[("VESTIBULE_NAME", "")], &[]).unwrap();
        assert!(settings.config.names.is_empty());
    }

    #[test]
    fn an_explicit_default_overrides_a_file() {
        let settings = read("log = \"debug\"", &[], &["--log", "info,actix_server=warn"]).unwrap();
        assert_eq!(settings.config.log, "info,actix_server=warn");
    }

    #[test]
    fn the_file_is_named_by_the_flag_or_the_environment() {
        let named = |flags: &[&str], variables: &[(&str, &str)]| sources(flags, variables).file;
        assert_eq!(named(&[], &[]), None);
        assert_eq!(named(&[], &[(CONFIG, "")]), None);
        assert_eq!(named(&[], &[(CONFIG, "a")]), Some("a".into()));
        assert_eq!(named(&["--config", "b"], &[(CONFIG, "a")]), Some("b".into()));
        let problems = sources(&["--config", "/none/such"], &[]).read().unwrap_err();
        assert!(problems[0].0.starts_with("cannot read /none/such: "), "{problems:?}");
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_password_in_an_option_and_a_vain_limit_are_warnings() {
        const URL: &str = "postgres://u:s3cret@h/d";
        let warnings = |variables: &[(&str, &str)], flags: &[&str]| {
            let settings = sources(flags, variables).read().unwrap();
            settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(warnings(&[("VESTIBULE_DATABASE", URL)], &[]), [""; 0]);
        assert_eq!(warnings(&[], &["--database", "postgres://u@h/d"]), [""; 0]);
        let both = warnings(&[("VESTIBULE_MAX_STORE", "1GiB")], &["--database", URL]);
        assert!(both[0].starts_with("--database contains a password") && !both[0].contains("s3cret"));
        assert_eq!(
            both[1..],
            ["VESTIBULE_MAX_STORE: max_store limits files only, and not a database on a server"]
        );
    }

    #[test]
    fn only_settings_are_kept_of_the_environment() {
        let sources = sources(&[], &[("PASSWORD", "secret"), ("VESTIBULE_NAME", "a")]);
        assert_eq!(sources.variables, [("VESTIBULE_NAME".into(), "a".into())]);
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let flags = ["--max-channels", "fifteen", "--demo", "perhaps", "--name", "a b,c d"];
        let problems = read("qqq = 1\nidle = 1", &[("VESTIBULE_POLL", "1")], &flags).unwrap_err();
        assert_eq!(problems.len(), 7, "{problems:?}");
    }

    #[test]
    fn contradictions_name_the_sources_of_both_settings() {
        let problems = read("max_ct = \"1MiB\"", &[("VESTIBULE_MAX_FRAME", "512KiB")], &[]).unwrap_err();
        assert!(problems[0].0.starts_with("--max-ct needs messages"), "{problems:?}");
        let places = "v.toml:1, max_frame: VESTIBULE_MAX_FRAME, max_message: default)";
        let ordered = |text: &str| places.split(", ").all(|place| text.contains(place.trim_end_matches(')')));
        assert!(ordered(&problems[0].0), "{problems:?}");
    }

    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt as _;
        let data = OsString::from_vec(vec![b'/', 0xff]);
        let sources =
            Sources { variables: vec![("VESTIBULE_DATA".into(), data.clone())], ..sources(&[], &[]) };
        assert_eq!(sources.read().unwrap().config.data, PathBuf::from(data));
    }
}
