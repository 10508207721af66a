//! One place where settings come from: what it sets, and what is wrong there.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

use super::setting::Setting;

/// What is set, by the settings' names in the file.
pub(super) type Values = BTreeMap<String, Value>;

/// The values of a setting as they were written. None where nothing is what was asked for.
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

/// What is wrong with the configuration and where, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub(super) String);

impl Display for Problem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What one place says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) values: Values,
    /// What keeps the server from starting.
    pub(super) problems: Vec<Problem>,
    /// What does not.
    pub(super) warnings: Vec<Problem>,
}

impl Layer {
    /// Takes a setting's values, if they are good ones.
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

/// A value that will not do. A variable's name says itself which setting it is.
fn wrong(setting: &Setting, source: &Source, text: &OsStr, what: &str) -> Problem {
    // Quoted, so that it stays in its line.
    let text = text.to_string_lossy();
    match source {
        Source::File(..) => Problem(format!("{source}: {} = {text:?}: {what}", setting.key())),
        Source::Environment(_) | Source::Flag(_) => Problem(format!("{source}={text:?}: {what}")),
    }
}
