//! The file: TOML, with the flags' names as keys, such as `max_frame` for `--max-frame`.
//!
//! The keys stand in no tables: a setting has one name wherever it is set, and what is found in the manual is found in the
//! file.

use std::{fs, path::Path};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    layer::{Layer, Problem, Source},
    setting::{Setting, nearest},
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
        let Some(setting) = settings.iter().find(|setting| setting.key() == name) else {
            layer.problems.push(Problem(format!("{source}: {}", unknown(name, value, settings))));
            continue;
        };
        match texts(setting, value.get_ref()) {
            Ok(texts) => layer.set(setting, texts.into_iter().map(Into::into).collect(), source),
            Err(what) => layer.problems.push(Problem(format!("{source}: {name}: {what}"))),
        }
    }
    layer
}

fn failed(what: String) -> Layer {
    Layer { problems: vec![Problem(what)], ..Layer::default() }
}

/// The line of a place in a text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn unknown(name: &str, value: &Spanned<DeValue<'_>>, settings: &[Setting]) -> String {
    if value.get_ref().is_table() {
        return format!("{name} is a table: the settings stand in none");
    }
    let near = nearest(name, settings);
    let hint = near.map(|near| format!(" (did you mean {}?)", near.key())).unwrap_or_default();
    format!("unknown key {name}{hint}")
}

/// The values as they would be written on the command line.
fn texts(setting: &Setting, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let texts = match value {
        DeValue::Array(items) if setting.is_list() => {
            items.iter().map(|item| text(setting, item.get_ref())).collect::<Result<Vec<_>, _>>()?
        }
        one => vec![text(setting, one)?],
    };
    Ok(texts.iter().flat_map(|text| setting.split(text)).map(str::to_owned).collect())
}

fn text(setting: &Setting, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if setting.is_number() => decimal(number),
        DeValue::Boolean(is_on) if setting.is_switch() => Ok(if *is_on { "on" } else { "off" }.to_owned()),
        other => Err(format!("has to be {}, and is {}", expected(setting), found(other))),
    }
}

fn decimal(number: &DeInteger<'_>) -> Result<String, String> {
    let number = i128::from_str_radix(number.as_str(), number.radix());
    number.map(|number| number.to_string()).map_err(|_| "is too large".to_owned())
}

fn expected(setting: &Setting) -> &'static str {
    if setting.is_list() {
        "a string or an array of strings"
    } else if setting.is_switch() {
        "true or false"
    } else if setting.is_number() {
        "a number or a string"
    } else {
        "a string"
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
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
    fn values_are_written_as_it_is_natural() {
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
    fn every_problem_is_told_in_its_line() {
        let text = "max_fram = 1\n\nname = 5\nmax_store = \"16GB\"\n[log]\nlevel = \"info\"\n[qqq]\n";
        assert_eq!(
            problems(text),
            [
                "v.toml:1: unknown key max_fram (did you mean max_frame?)",
                "v.toml:3: name: has to be a string or an array of strings, and is a number",
                "v.toml:4: max_store = \"16GB\": has to look like 4096, 16KiB, 1MiB or 16GiB",
                "v.toml:5: log: has to be a string, and is a table",
                "v.toml:7: qqq is a table: the settings stand in none",
            ]
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_the_right_one() {
        for (text, says) in [
            ("demo = 1", "demo: has to be true or false, and is a number"),
            ("demo = \"perhaps\"", "demo = \"perhaps\": has to be on or off"),
            (
                "max_channels = 1.5",
                "max_channels: has to be a number or a string, and is a number with a fraction",
            ),
            ("max_channels = 0", "max_channels = \"0\": has to be at least 1"),
            ("max_channels = -1", "max_channels = \"-1\": has to be a number from 1"),
            ("max_channels = [1]", "max_channels: has to be a number or a string, and is an array"),
            ("idle = 60", "idle: has to be a string, and is a number"),
            ("origin = [1]", "origin: has to be a string or an array of strings, and is a number"),
            ("origin = \"x\"", "origin = \"x\": an origin looks like"),
            ("data = 1979-05-27", "data: has to be a string, and is a date"),
        ] {
            let problems = problems(text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(&format!("v.toml:1: {says}")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn what_is_no_toml_is_told_in_one_line() {
        for text in ["listen", "log = \"info\"\nlog = \"debug\"", "x = \"\n\"", "\u{0}"] {
            let problems = problems(text);
            assert_eq!((problems.len(), problems[0].lines().count()), (1, 1), "{problems:?}");
            assert!(problems[0].starts_with("v.toml:"), "{problems:?}");
        }
    }
}
