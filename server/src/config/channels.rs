//! The tables of configured channels in the file: `[channels."chat:*"]`.

use std::borrow::Cow;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    guess::{self, did_you_mean},
    toml_text::{found, in_short, line},
    values,
};
use crate::{
    configured::{ChannelRules, HistoryLimits, JoinRule, PayloadLimits, Publish, PublishReply, is_reserved},
    topic_pattern::TopicPattern,
};

/// The key of the table that has them all.
pub(super) const CHANNELS: &str = "channels";

/// The keys of a channel's table.
const KEYS: [&str; 8] =
    ["join", "publish", "echo", "reply", "presence", "presence_params", "max_payload", "history"];

/// The most messages that are kept of a topic.
const MAX_HISTORY: usize = 10_000;

/// The name of all events that have no limit of their own.
const OTHERS: &str = "*";

/// A channel's table, and the line that it begins in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChannelSetting {
    pub(super) pattern: TopicPattern,
    pub(super) rules: ChannelRules,
    pub(super) line: usize,
}

/// The name of a channel's table, as in a file.
pub(super) fn table_name(pattern: &TopicPattern) -> String {
    format!("{CHANNELS}.{:?}", pattern.to_string())
}

/// The channels of a file, and each problem with the line that it is in.
pub(super) fn parse(text: &str, tables: &DeTable<'_>) -> (Vec<ChannelSetting>, Vec<(usize, String)>) {
    let (mut channels, mut problems) = (Vec::new(), Vec::new());
    for (key, value) in in_order(tables) {
        let name = key.get_ref().as_ref();
        let line = line(text, key.span().start);
        let pattern =
            name.parse().map_err(|why| problems.push((line, format!("{CHANNELS}.{name:?}: {why}"))));
        let DeValue::Table(table) = value.get_ref() else {
            let found = found(value.get_ref());
            problems.push((line, format!("{CHANNELS}.{name:?}: expected a table, found {found}")));
            continue;
        };
        let rules = rules(text, name, table, &mut problems);
        if let Ok(pattern) = pattern {
            channels.push(ChannelSetting { pattern, rules, line });
        }
    }
    (channels, problems)
}

/// The entries of a table as they stand in the file.
fn in_order<'a, 'b>(table: &'a DeTable<'b>) -> Vec<(&'a Spanned<Cow<'b, str>>, &'a Spanned<DeValue<'b>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn rules(
    text: &str,
    channel: &str,
    table: &DeTable<'_>,
    problems: &mut Vec<(usize, String)>,
) -> ChannelRules {
    let mut rules = ChannelRules::default();
    for (key, value) in in_order(table) {
        let name = key.get_ref().as_ref();
        if let Err(why) = set(&mut rules, name, value.get_ref()) {
            let line = line(text, key.span().start);
            let problem = if KEYS.contains(&name) {
                let written = in_short(&text[value.span()]);
                format!("{CHANNELS}.{channel:?}: {name} = {written}: {why}")
            } else {
                format!("{CHANNELS}.{channel:?}: {why}")
            };
            problems.push((line, problem));
        }
    }
    rules
}

/// Sets one rule, or says what was expected.
fn set(rules: &mut ChannelRules, name: &str, value: &DeValue<'_>) -> Result<(), String> {
    match name {
        "join" => {
            let known = [
                ("anyone", JoinRule::Anyone),
                ("account", JoinRule::Account),
                ("token", JoinRule::Token),
                ("hook", JoinRule::Hook),
            ];
            rules.join = one_of(value, known, "")?;
        }
        "publish" => rules.publish = publish(value)?,
        "echo" => rules.echo = switch(value)?,
        "reply" => {
            let known = [
                ("none", PublishReply::None),
                ("empty", PublishReply::Empty),
                ("payload", PublishReply::Payload),
            ];
            rules.reply = one_of(value, known, "")?;
        }
        "presence" => rules.presence = switch(value)?,
        "presence_params" => rules.presence_params = texts(value)?.into_iter().map(str::to_owned).collect(),
        "max_payload" => rules.max_payload = limits(value)?,
        "history" => rules.history = Some(history(value)?),
        unknown => {
            let meant = guess::nearest(unknown, KEYS, |key| *key);
            return Err(format!("unknown key {unknown}{}", did_you_mean(meant)));
        }
    }
    Ok(())
}

/// One of these words.
fn one_of<T, const N: usize>(
    value: &DeValue<'_>,
    known: [(&'static str, T); N],
    or: &str,
) -> Result<T, String> {
    let words = known.each_ref().map(|(word, _)| *word);
    let expected = format!("expected {}{or}", words.map(|word| format!("{word:?}")).join(", "));
    let DeValue::String(text) = value else { return Err(format!("{expected}, found {}", found(value))) };
    let meant = guess::nearest(text, words, |word| *word);
    let one = known.into_iter().find(|(word, _)| word == text);
    one.map(|(_, value)| value).ok_or_else(|| expected + &did_you_mean(meant))
}

fn publish(value: &DeValue<'_>) -> Result<Publish, String> {
    if !matches!(value, DeValue::Array(_)) {
        let known = [("none", Publish::None), ("any", Publish::Any)];
        return one_of(value, known, ", or an array of events");
    }
    let events: Vec<String> = texts(value)?.into_iter().map(Into::into).collect();
    if let Some(reserved) = events.iter().find(|event| is_reserved(event)) {
        return Err(format!("{reserved} is an event of the protocol, which only the server sends"));
    }
    Ok(Publish::Events(events))
}

/// A truth value as TOML writes it, or as the settings' other sources do.
fn switch(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(is_on) => Ok(*is_on),
        DeValue::String(text) => values::switch(text),
        _ => Err(format!("expected true or false, found {}", found(value))),
    }
}

fn texts<'a>(value: &'a DeValue<'_>) -> Result<Vec<&'a str>, String> {
    let expected = || format!("expected an array of strings, each in quotes, found {}", found(value));
    let DeValue::Array(items) = value else { return Err(expected()) };
    let text = |item: &'a Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) if !text.is_empty() => Some(&**text),
        _ => None,
    };
    let texts: Option<Vec<&str>> = items.iter().map(text).collect();
    texts.ok_or_else(|| "expected an array of strings, each in quotes and not empty".to_owned())
}

/// A size for all events, or a table with one for each event.
fn limits(value: &DeValue<'_>) -> Result<PayloadLimits, String> {
    let DeValue::Table(table) = value else {
        return Ok(PayloadLimits { any: Some(size(value)?), events: Vec::new() });
    };
    let mut limits = PayloadLimits::default();
    for (event, value) in in_order(table) {
        let name = event.get_ref().as_ref();
        let bytes = size(value.get_ref()).map_err(|why| format!("{name}: {why}"))?;
        if name == OTHERS {
            limits.any = Some(bytes);
        } else {
            limits.events.push((name.into(), bytes));
        }
    }
    Ok(limits)
}

/// How many messages are kept, and for how long.
fn history(value: &DeValue<'_>) -> Result<HistoryLimits, String> {
    let expected =
        || format!("expected a table such as {{ count = 100, age = \"10m\" }}, found {}", found(value));
    let DeValue::Table(table) = value else { return Err(expected()) };
    let (mut count, mut age) = (None, None);
    for (key, value) in in_order(table) {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("count", DeValue::Integer(number)) => {
                let most = 1..=MAX_HISTORY;
                let number = number.as_str().parse().ok().filter(|number| most.contains(number));
                count =
                    Some(number.ok_or_else(|| format!("count: expected a number from 1 to {MAX_HISTORY}"))?);
            }
            ("age", DeValue::String(text)) => {
                age = Some(values::duration(text).map_err(|why| format!("age: {why}"))?);
            }
            (name @ ("count" | "age"), other) => return Err(format!("{name}: found {}", found(other))),
            (unknown, _) => return Err(format!("unknown key {unknown}")),
        }
    }
    match (count, age) {
        (Some(count), Some(age)) => Ok(HistoryLimits { count, age }),
        _ => Err("expected both count and age, such as { count = 100, age = \"10m\" }".to_owned()),
    }
}

fn size(value: &DeValue<'_>) -> Result<usize, String> {
    match value {
        DeValue::String(text) => values::size(text),
        DeValue::Integer(number) => values::size(number.as_str()),
        _ => Err(format!("expected a size in quotes such as \"16KiB\", found {}", found(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<ChannelSetting>, Vec<(usize, String)>) {
        let table = DeTable::parse(text).unwrap().into_inner();
        let DeValue::Table(tables) = table.get(CHANNELS).unwrap().get_ref() else { unreachable!() };
        parse(text, tables)
    }

    #[test]
    fn every_rule_can_be_set() {
        let (channels, problems) = read(
            "[channels.\"chat:*\"]\njoin = \"anyone\"\npublish = [\"new_msg\", \"typing\"]\necho = false\n\
             reply = \"payload\"\npresence = true\npresence_params = [\"name\"]\n\
             max_payload = { new_msg = \"4KiB\", \"*\" = 100 }\nhistory = { count = 50, age = \"10m\" }\n\n\
             [channels.lobby]\n",
        );
        assert_eq!(problems, []);
        let [chat, lobby] = &channels[..] else { panic!("{channels:?}") };
        assert_eq!((chat.pattern.to_string(), chat.line, lobby.line), ("chat:*".to_owned(), 1, 11));
        assert_eq!(
            chat.rules,
            ChannelRules {
                join: JoinRule::Anyone,
                publish: Publish::Events(vec!["new_msg".into(), "typing".into()]),
                echo: false,
                reply: PublishReply::Payload,
                presence: true,
                presence_params: vec!["name".to_owned()],
                max_payload: PayloadLimits { any: Some(100), events: vec![("new_msg".into(), 4096)] },
                history: Some(HistoryLimits { count: 50, age: std::time::Duration::from_secs(600) }),
            }
        );
        assert_eq!(lobby.rules, ChannelRules::default());
    }

    #[test]
    fn every_problem_names_its_line_and_key() {
        let text = "[channels.\"chat:*\"]\njion = \"anyone\"\njoin = \"anyon\"\npublish = \"all\"\n\
                    publish_x = 1\necho = \"maybe\"\npresence = 1\nmax_payload = \"16KB\"\n\
                    [channels.\"room:*\"]\n[channels.x]\npublish = [\"phx_close\"]\npresence_params = [1]\n\
                    [channels]\ny = 1\n";
        let (_, problems) = read(text);
        let expected = [
            (2, "channels.\"chat:*\": unknown key jion (did you mean join?)"),
            (
                3,
                "channels.\"chat:*\": join = \"anyon\": expected \"anyone\", \"account\", \"token\", \"hook\" (did you mean anyone?)",
            ),
            (4, "channels.\"chat:*\": publish = \"all\": expected \"none\", \"any\", or an array of events"),
            (5, "channels.\"chat:*\": unknown key publish_x (did you mean publish?)"),
            (6, "channels.\"chat:*\": echo = \"maybe\": expected on or off"),
            (7, "channels.\"chat:*\": presence = 1: expected true or false, found a number"),
            (8, "channels.\"chat:*\": max_payload = \"16KB\": expected a size"),
            (9, "channels.\"room:*\": the topics room:* belong to the approve flow"),
            (11, "channels.\"x\": publish = [\"phx_close\"]: phx_close is an event of the protocol"),
            (12, "channels.\"x\": presence_params = [1]: expected an array of strings"),
            (14, "channels.\"y\": expected a table, found a number"),
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for ((line, says), (at, problem)) in expected.iter().zip(&problems) {
            assert!(line == at && problem.starts_with(says), "{line}: {says}\n{at}: {problem}");
        }
    }
}
