//! The environment: `VESTIBULE_MAX_FRAME` for the key `max_frame`.
//!
//! A variable of an unknown name causes a warning, not an error as in the file: the environment is
//! not the server's alone. Kubernetes, for example, sets `VESTIBULE_PORT` and
//! `VESTIBULE_SERVICE_HOST` in every container beside a service named `vestibule`.

use std::ffi::{OsStr, OsString};

use super::{
    guess::did_you_mean,
    layer::{Layer, Problem, Source},
    setting::{PREFIX, Setting, nearest},
};

/// Names the file of settings.
pub(super) const CONFIG: &str = "VESTIBULE_CONFIG";

/// Variables whose names begin with the prefix.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// Reads all settings that the environment has.
pub(super) fn read(variables: &Variables, settings: &[Setting]) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if name == CONFIG {
            continue;
        }
        match settings.iter().find(|setting| setting.variable() == name) {
            Some(setting) => {
                layer.set(setting, texts(setting, value), Source::Environment(name.into_owned()));
            }
            None => layer.warnings.push(unknown(&name, settings)),
        }
    }
    layer
}

/// Text is split at delimiters. A value that is not text may still be a path.
fn texts(setting: &Setting, value: &OsStr) -> Vec<OsString> {
    match value.to_str() {
        Some(text) => setting.split(text).into_iter().map(OsString::from).collect(),
        None => vec![value.to_owned()],
    }
}

fn unknown(name: &str, settings: &[Setting]) -> Problem {
    // The prefix, common to all, would make any two names similar.
    let near = nearest(name.strip_prefix(PREFIX).unwrap_or(name), settings);
    Problem(format!("unknown setting {name}{}", did_you_mean(near.map(Setting::variable))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::all;

    fn read(variables: &[(&str, &str)]) -> Layer {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        super::read(&variables, &all())
    }

    #[test]
    fn a_variable_sets_what_it_is_named_after() {
        let layer = read(&[
            ("VESTIBULE_ORIGIN", "//a.example,//b.example"),
            ("VESTIBULE_CONFIG", "x"),
            ("VESTIBULE_NAME", ""),
        ]);
        assert_eq!(layer.values["origin"].texts, ["//a.example", "//b.example"]);
        assert_eq!(layer.values["origin"].source.to_string(), "VESTIBULE_ORIGIN");
        assert!(layer.values["name"].texts.is_empty(), "none, and not one of no letters");
        assert_eq!((layer.values.len(), &layer.problems[..], &layer.warnings[..]), (2, &[][..], &[][..]));
    }

    #[test]
    fn an_unknown_variable_is_a_warning() {
        let layer =
            read(&[("VESTIBULE_MAX_FRAM", "1"), ("VESTIBULE_max_frame", "1"), ("VESTIBULE_QQQ", "1")]);
        let warnings: Vec<String> = layer.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "unknown setting VESTIBULE_MAX_FRAM (did you mean VESTIBULE_MAX_FRAME?)",
                "unknown setting VESTIBULE_max_frame (did you mean VESTIBULE_MAX_FRAME?)",
                "unknown setting VESTIBULE_QQQ",
            ]
        );
        assert!(layer.problems.is_empty());
    }

    #[test]
    fn a_bad_value_is_a_problem() {
        let problems = read(&[("VESTIBULE_MAX_FRAME", "16KB")]).problems;
        assert_eq!(
            problems[0].to_string(),
            "VESTIBULE_MAX_FRAME=\"16KB\": expected a size such as 4096 (bytes), 16KiB, 1MiB or 16GiB, \
             from 1 to 16777215TiB (did you mean 16KiB?)"
        );
    }
}
