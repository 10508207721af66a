//! What operators' tokens allow: everything, or some rights, each in all topics or in some.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use strum::{EnumString, IntoStaticStr};

use crate::topic_pattern::TopicPattern;

/// What a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading and changing everything.
    Full,
    /// Only what these grants name.
    Only(Vec<Grant>),
}

/// A right, in all topics or in some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    right: Right,
    topics: Option<TopicPattern>,
}

/// What a token can allow without allowing everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Right {
    /// Reading everything.
    Read,
    /// Sending events to configured topics.
    Publish,
    /// Reading who is in a configured topic.
    Presence,
    /// Ending an account's joins of a configured topic.
    Unsubscribe,
    /// Closing an account's connections.
    Disconnect,
}

/// The word for a token that allows everything.
const FULL: &str = "full";

impl Access {
    /// Whether the token allows this, at least in some topic.
    pub fn allows(&self, right: Right) -> bool {
        self.has(|grant| grant.right.includes(right))
    }

    /// Whether the token allows this in a topic.
    pub fn allows_in(&self, right: Right, topic: &str) -> bool {
        self.has(|grant| {
            let is_there = grant.topics.as_ref().is_none_or(|topics| topics.matches(topic));
            is_there && grant.right.includes(right)
        })
    }

    fn has(&self, is_enough: impl Fn(&Grant) -> bool) -> bool {
        match self {
            Self::Full => true,
            Self::Only(grants) => grants.iter().any(is_enough),
        }
    }
}

impl Right {
    /// Whoever reads everything reads presence, too.
    fn includes(self, other: Self) -> bool {
        self == other || self == Self::Read && other == Self::Presence
    }

    /// Whether it can be limited to topics.
    fn is_of_topics(self) -> bool {
        matches!(self, Self::Publish | Self::Presence | Self::Unsubscribe)
    }
}

impl FromStr for Access {
    type Err = &'static str;

    /// The error does not quote the text: in the wrong place of a line it may be a token.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            FULL => Ok(Self::Full),
            _ => text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self::Only),
        }
    }
}

impl FromStr for Grant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (right, topics) =
            text.split_once('=').map_or((text, None), |(right, topics)| (right, Some(topics)));
        if right == FULL {
            return Err("full includes everything else, and must be alone");
        }
        let right: Right = right.parse().map_err(|_| {
            "expected read, full, or a list of publish, presence, unsubscribe and disconnect, such as \
             publish=chat:*,presence"
        })?;
        if topics.is_some() && !right.is_of_topics() {
            return Err("read and disconnect cannot be limited to topics");
        }
        let topics = topics.map(str::parse).transpose().map_err(
            |_: String| "expected a topic after =, such as lobby or chat:*, that is not of the approve flow",
        )?;
        Ok(Self { right, topics })
    }
}

impl Display for Access {
    /// As in the file.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self::Only(grants) = self else { return formatter.write_str(FULL) };
        for (number, Grant { right, topics }) in grants.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(formatter, "{comma}{}", <&str>::from(right))?;
            topics.iter().try_for_each(|topics| write!(formatter, "={topics}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHTS: [Right; 5] =
        [Right::Read, Right::Publish, Right::Presence, Right::Unsubscribe, Right::Disconnect];

    #[test]
    fn each_word_allows_what_it_says() {
        // Whether the token reads, publishes, reads presence, unsubscribes and disconnects: in
        // chat:1, and in another topic.
        for (text, here, elsewhere) in [
            ("full", [true; 5], [true; 5]),
            ("read", [true, false, true, false, false], [true, false, true, false, false]),
            ("publish", [false, true, false, false, false], [false, true, false, false, false]),
            ("publish=chat:*", [false, true, false, false, false], [false; 5]),
            ("presence=chat:1,publish=lobby", [false, false, true, false, false], [false; 5]),
            (
                "publish=chat:*,unsubscribe,disconnect",
                [false, true, false, true, true],
                [false, false, false, true, true],
            ),
        ] {
            let access: Access = text.parse().unwrap();
            assert_eq!(access.to_string(), text);
            assert_eq!(RIGHTS.map(|right| access.allows_in(right, "chat:1")), here, "{text}");
            assert_eq!(RIGHTS.map(|right| access.allows_in(right, "game:1")), elsewhere, "{text}");
        }
        let publishes: Access = "publish=chat:*".parse().unwrap();
        assert!(publishes.allows(Right::Publish) && !publishes.allows(Right::Presence));
    }

    #[test]
    fn other_words_are_refused_without_being_quoted() {
        for (text, why) in [
            ("", "expected read, full, or"),
            ("write", "expected read, full, or"),
            ("publish,", "expected read, full, or"),
            ("Publish", "expected read, full, or"),
            ("publish,full", "full includes"),
            ("read=chat:*", "read and disconnect cannot"),
            ("disconnect=chat:*", "read and disconnect cannot"),
            ("publish=", "expected a topic after ="),
            ("publish=chat:*:x", "expected a topic after ="),
            ("publish=room:*", "expected a topic after ="),
        ] {
            let error = text.parse::<Access>().unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}
