//! One source of settings: the values it sets, and its errors.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

use super::{channels::ChannelSetting, setting::Setting};

/// Values by the settings' names in the file.
pub(super) type Values = BTreeMap<String, Value>;

/// The values of a setting as written. Empty if it was explicitly set to nothing.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) texts: Vec<OsString>,
    pub(super) source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    Flag(String),
}

impl Display for Source {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => formatter.write_str(name),
        }
    }
}

/// An error or warning about the configuration, with its place, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub(super) String);

impl Display for Problem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The contents of one source.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) values: Values,
    /// Configured channels, and where each is; only a file has any.
    pub(super) channels: Vec<(Source, ChannelSetting)>,
    /// Errors, which keep the server from starting.
    pub(super) problems: Vec<Problem>,
    /// Warnings, which do not.
    pub(super) warnings: Vec<Problem>,
}

impl Layer {
    /// Sets a setting's values if all are valid, else notes the errors.
    pub(super) fn set(&mut self, setting: &Setting, texts: Vec<OsString>, source: Source) {
        let check =
            |text: &OsString| setting.check(text).map_err(|what| wrong(setting, &source, text, &what));
        let problems: Vec<Problem> = texts.iter().filter_map(|text| check(text).err()).collect();
        if problems.is_empty() {
            self.values.insert(setting.key().to_owned(), Value { texts, source });
        }
        self.problems.extend(problems);
    }
}

/// The error for an invalid value. A variable's or option's name says which setting it is.
fn wrong(setting: &Setting, source: &Source, text: &OsStr, what: &str) -> Problem {
    // Quoted, so that it stays on one line.
    let text = setting.shown(&text.to_string_lossy());
    match source {
        Source::File(..) => Problem(format!("{source}: {} = {text:?}: {what}", setting.key())),
        Source::Environment(_) | Source::Flag(_) => Problem(format!("{source}={text:?}: {what}")),
    }
}
