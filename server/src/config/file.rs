//! The file: TOML, with the flags' names as keys, such as `max_frame` for `--max-frame`.
//!
//! The keys of settings are top-level, so a setting has the same name everywhere. Only channels
//! have tables, which `channels` reads.

use std::{ffi::OsStr, fs, path::Path};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    channels::{self, CHANNELS},
    guess::did_you_mean,
    layer::{Layer, Problem, Source},
    setting::{Setting, nearest},
    toml_text::{found, in_short, line},
};

/// Reads all settings that a file has.
pub(super) fn read(path: &Path, settings: &[Setting]) -> Layer {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, path, settings),
        Err(error) => failed(format!("cannot read {}: {error}", path.display())),
    }
}

/// Reads the text of the file that is at `path`.
pub(super) fn parse(text: &str, path: &Path, settings: &[Setting]) -> Layer {
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let line = line(text, error.span().map_or(0, |span| span.start));
            let message = error.message().replace('\n', ", ");
            return failed(format!("{}:{line}: {message}", path.display()));
        }
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut layer = Layer::default();
    for (key, value) in entries {
        let source = Source::File(path.to_owned(), line(text, key.span().start));
        let name = key.get_ref().as_ref();
        if let (CHANNELS, DeValue::Table(tables)) = (name, value.get_ref()) {
            let (channels, problems) = channels::parse(text, tables);
            let at = |line| Source::File(path.to_owned(), line);
            let problem = |(line, what): (usize, String)| Problem(format!("{}: {what}", at(line)));
            layer.problems.extend(problems.into_iter().map(problem));
            layer.channels = channels.into_iter().map(|channel| (at(channel.line), channel)).collect();
            continue;
        }
        let Some(setting) = settings.iter().find(|setting| setting.key() == name) else {
            layer.problems.push(Problem(format!("{source}: {}", unknown(name, value, settings))));
            continue;
        };
        if let Some(texts) = texts(setting, value.get_ref()) {
            layer.set(setting, texts.into_iter().map(Into::into).collect(), source);
        } else {
            let written = setting.shown(&in_short(&text[value.span()]));
            let what = wrong_kind(setting, value.get_ref(), &written);
            layer.problems.push(Problem(format!("{source}: {name} = {written}: {what}")));
        }
    }
    layer
}

fn failed(what: String) -> Layer {
    Layer { problems: vec![Problem(what)], ..Layer::default() }
}

fn unknown(name: &str, value: &Spanned<DeValue<'_>>, settings: &[Setting]) -> String {
    if value.get_ref().is_table() {
        return format!("{name} is a table: only {CHANNELS} has tables, all other keys are top-level");
    }
    format!("unknown key {name}{}", did_you_mean(nearest(name, settings).map(Setting::key)))
}

/// The values as on the command line; `None` if one has the wrong kind.
fn texts(setting: &Setting, value: &DeValue<'_>) -> Option<Vec<String>> {
    let texts = match value {
        DeValue::Array(items) if setting.is_list() => {
            items.iter().map(|item| text(setting, item.get_ref())).collect::<Option<Vec<_>>>()?
        }
        one => vec![text(setting, one)?],
    };
    Some(texts.iter().flat_map(|text| setting.split(text)).map(str::to_owned).collect())
}

fn text(setting: &Setting, value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if setting.is_number() => Some(decimal(number)),
        DeValue::Boolean(is_on) if setting.is_switch() => Some(if *is_on { "on" } else { "off" }.to_owned()),
        _ => None,
    }
}

/// A number as on the command line. One that is too large stays as written, to be refused with its
/// value.
fn decimal(number: &DeInteger<'_>) -> String {
    let decimal = i128::from_str_radix(number.as_str(), number.radix());
    decimal.map_or_else(|_| number.as_str().to_owned(), |number| number.to_string())
}

/// The error for a value that is neither of the setting's kind nor a string: what the setting says
/// to the same text, or, if that would be valid, that a string is expected.
fn wrong_kind(setting: &Setting, value: &DeValue<'_>, written: &str) -> String {
    let found = found(value);
    let has_text = !matches!(value, DeValue::Array(_) | DeValue::Table(_)) && !setting.is_switch();
    if has_text && let Err(what) = setting.check(OsStr::new(written)) {
        return format!("{what}; found {found}");
    }
    format!("expected {}, found {found}", expected(setting))
}

fn expected(setting: &Setting) -> &'static str {
    if setting.is_list() {
        "a string or an array of strings, each in quotes"
    } else if setting.is_switch() {
        "true or false"
    } else if setting.is_number() {
        "a number, or a string in quotes"
    } else {
        "a string in quotes"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::all;

    fn read(text: &str) -> Layer {
        parse(text, Path::new("v.toml"), &all())
    }

    fn problems(text: &str) -> Vec<String> {
        read(text).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_have_natural_toml_types() {
        let layer = read(
            "max_channels = 1_000\nmax_frame = \"16KiB\"\nmax_message = 0x8000\ndemo = false\n\
             origin = [\"//a.example\", \"//b.example,//c.example\"]\ntrusted_proxy = \"10.0.0.0/8\"\nname = \"\"\n",
        );
        assert_eq!(layer.problems, []);
        for (key, texts) in [
            ("max_channels", &["1000"][..]),
            ("max_frame", &["16KiB"]),
            ("max_message", &["32768"]),
            ("demo", &["off"]),
            ("origin", &["//a.example", "//b.example", "//c.example"]),
            ("trusted_proxy", &["10.0.0.0/8"]),
            ("name", &[]),
        ] {
            assert_eq!(layer.values[key].texts, texts, "{key}");
        }
        assert_eq!(layer.values["demo"].source.to_string(), "v.toml:4");
    }

    #[test]
    fn every_error_names_its_line() {
        let text = "max_fram = 1\n\nname = 5\nmax_store = \"16GB\"\n[log]\nlevel = \"info\"\n[qqq]\n";
        assert_eq!(
            problems(text),
            [
                "v.toml:1: unknown key max_fram (did you mean max_frame?)",
                "v.toml:3: name = 5: expected a string or an array of strings, each in quotes, found a number",
                "v.toml:4: max_store = \"16GB\": expected a size such as 4096 (bytes), 16KiB, 1MiB or 16GiB, from 1 to \
                 16777215TiB (did you mean 16GiB?)",
                "v.toml:5: log = [log]: expected a string in quotes, found a table",
                "v.toml:7: qqq is a table: only channels has tables, all other keys are top-level",
            ]
        );
    }

    #[test]
    fn errors_for_a_wrong_type_name_the_right_one() {
        for (text, says) in [
            ("demo = 1", "demo = 1: expected true or false, found a number"),
            ("demo = \"true\"", "demo = \"true\": expected on or off (did you mean on?)"),
            (
                "max_channels = 1.5",
                "max_channels = 1.5: expected a whole number such as 100, from 1 to 4294967295;",
            ),
            ("max_channels = 0", "max_channels = \"0\": expected a whole number such as 100, from 1 to"),
            ("max_channels = -1", "max_channels = \"-1\": expected a whole number such as 100, from 1 to"),
            (
                "max_channels = [1]",
                "max_channels = [1]: expected a number, or a string in quotes, found an array",
            ),
            (
                "max_channels = 99999999999999999999",
                "max_channels = \"99999999999999999999\": expected a whole",
            ),
            ("idle = 60", "idle = 60: expected a time with its unit, such as 500ms,"),
            ("listen = 4000", "listen = 4000: expected an address and a port such as 127.0.0.1:4000,"),
            (
                "origin = [1]",
                "origin = [1]: expected a string or an array of strings, each in quotes, found an array",
            ),
            ("origin = \"x/\"", "origin = \"x/\": expected an origin such as"),
            ("data = 1979-05-27", "data = 1979-05-27: expected a string in quotes, found a date"),
            (
                "max_joins_at_once = {a = 1}",
                "max_joins_at_once = {a = 1}: expected a number, or a string in quotes,",
            ),
        ] {
            let problems = problems(text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(&format!("v.toml:1: {says}")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn invalid_toml_is_reported_in_one_line() {
        for text in ["listen", "log = \"info\"\nlog = \"debug\"", "x = \"\n\"", "\u{0}"] {
            let problems = problems(text);
            assert_eq!((problems.len(), problems[0].lines().count()), (1, 1), "{problems:?}");
            assert!(problems[0].starts_with("v.toml:"), "{problems:?}");
        }
    }
}
