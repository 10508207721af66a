//! What the table of a configured channel says.

use std::fmt::{self, Display, Formatter};

use super::{history::HistoryLimits, visitor::Visitor};
use crate::login::Right;

/// Who may join, and what becomes of what clients say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRules {
    /// Who may join.
    pub join: JoinRule,
    /// Which events clients may publish to everybody in the topic.
    pub publish: Publish,
    /// Whether the sender gets its own event, as with Phoenix's `broadcast`; otherwise as with
    /// `broadcast_from`.
    pub echo: bool,
    /// What the reply to an event carries.
    pub reply: PublishReply,
    /// Whether those who have joined see each other.
    pub presence: bool,
    /// Parameters of the join that are shown in the presence list.
    pub presence_params: Vec<String>,
    /// How large payloads may be.
    pub max_payload: PayloadLimits,
    /// How much is kept for those who come back; `None` for nothing.
    pub history: Option<HistoryLimits>,
}

/// Who may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinRule {
    /// Everybody who can connect.
    Anyone,
    /// Clients with an account: those who have signed in, or show a token of the team's own logins.
    #[default]
    Account,
    /// Clients whose token names the topic.
    Token,
    /// Clients that the team's back end lets in, each time that they join.
    Hook,
}

/// Which events clients may publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// None.
    #[default]
    None,
    /// All but the framework's own.
    Any,
    /// These.
    Events(Vec<String>),
}

/// What the reply to an event carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishReply {
    /// There is no reply.
    None,
    /// `ok`, and `{}`.
    #[default]
    Empty,
    /// `ok`, and the payload.
    Payload,
}

/// How many bytes a payload may have: of any event, or of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadLimits {
    /// The limit for events without one of their own.
    pub any: Option<usize>,
    /// Events with limits of their own.
    pub events: Vec<(String, usize)>,
}

impl Display for ChannelRules {
    /// In short, for the log.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { join, publish, echo, reply, presence, presence_params, max_payload, history } = self;
        let join = match join {
            JoinRule::Anyone => "anyone",
            JoinRule::Account => "account",
            JoinRule::Token => "token",
            JoinRule::Hook => "hook",
        };
        let publish = match publish {
            Publish::None => "none".to_owned(),
            Publish::Any => "any".to_owned(),
            Publish::Events(events) => events.join(" "),
        };
        let reply = match reply {
            PublishReply::None => "none",
            PublishReply::Empty => "empty",
            PublishReply::Payload => "payload",
        };
        write!(formatter, "join {join}, publish {publish}, echo {echo}, reply {reply}, presence {presence}")?;
        if !presence_params.is_empty() {
            write!(formatter, " with {}", presence_params.join(" "))?;
        }
        if let Some(bytes) = max_payload.any {
            write!(formatter, ", max_payload {bytes}")?;
        }
        if let Some(HistoryLimits { count, age }) = history {
            write!(formatter, ", history {count} for {age:?}")?;
        }
        max_payload.events.iter().try_for_each(|(event, bytes)| write!(formatter, ", {event} {bytes}"))
    }
}

impl JoinRule {
    /// Whether a client may use a topic in this way.
    pub fn admits(self, visitor: &Visitor, topic: &str, right: Right) -> bool {
        match self {
            Self::Anyone => true,
            Self::Account => visitor.account().is_some(),
            Self::Token => visitor.login().is_some_and(|login| login.grants.allow(topic, right)),
            Self::Hook => visitor.has_pass(right),
        }
    }
}

impl Publish {
    /// Whether clients may publish this event.
    pub fn allows(&self, event: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => !is_reserved(event),
            Self::Events(events) => events.iter().any(|allowed| allowed == event),
        }
    }
}

impl PayloadLimits {
    /// The limit for an event, if there is one beside that for frames.
    pub fn of(&self, event: &str) -> Option<usize> {
        let own = self.events.iter().find(|(limited, _)| limited == event).map(|(_, bytes)| *bytes);
        own.or(self.any)
    }
}

impl Default for ChannelRules {
    /// Whoever has an account may listen.
    fn default() -> Self {
        Self {
            join: JoinRule::default(),
            publish: Publish::default(),
            echo: true,
            reply: PublishReply::default(),
            presence: false,
            presence_params: Vec::new(),
            max_payload: PayloadLimits::default(),
            history: None,
        }
    }
}

/// Whether an event is the framework's: clients take it for a word of the server's.
pub fn is_reserved(event: &str) -> bool {
    event.starts_with("phx_") || event.starts_with("presence_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_events_may_be_published() {
        let listed = Publish::Events(vec!["new_msg".into()]);
        for (publish, event, is_allowed) in [
            (&Publish::None, "new_msg", false),
            (&Publish::Any, "new_msg", true),
            (&Publish::Any, "phx_close", false),
            (&Publish::Any, "presence_diff", false),
            (&listed, "new_msg", true),
            (&listed, "new_ms", false),
        ] {
            assert_eq!(publish.allows(event), is_allowed, "{publish:?} {event}");
        }
    }

    #[test]
    fn an_events_own_limit_goes_before_that_of_all() {
        let limits = PayloadLimits { any: Some(10), events: vec![("move".into(), 5)] };
        assert_eq!((limits.of("move"), limits.of("say")), (Some(5), Some(10)));
        assert_eq!(PayloadLimits::default().of("say"), None);
    }
}
