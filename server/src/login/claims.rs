//! What a token says.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::shown::{PRESENCE_META, Shown};
use crate::topic_pattern::TopicPattern;

/// The longest name of an account, in bytes.
pub(super) const MAX_ACCOUNT: usize = 256;

/// When a login ends that has no end.
pub const FOREVER: i64 = i64::MAX;

/// The most patterns that a token may grant.
pub(super) const MAX_GRANTS: usize = 100;

/// The claims that are read. A time that is no number makes the token invalid, as does a missing
/// `exp`: a token that never ends could not be taken back.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Whose token it is, what it allows, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The account: the token's `sub`.
    pub account: String,
    /// The topics that the token names.
    pub grants: Grants,
    /// What presence lists say of it.
    pub shown: Shown,
    /// When it ends, in Unix milliseconds, the leeway included.
    pub expires: i64,
}

/// Something that an account may do in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Join it.
    Join,
    /// Publish in it.
    Publish,
    /// Be listed in it, and see who is.
    Presence,
}

/// Topics, and what an account may do in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub(super) Vec<(TopicPattern, Vec<Right>)>);

impl Claims {
    /// The login, if the token is valid now.
    pub(super) fn login(mut self, now: i64, leeway: Duration, topics: &str) -> Option<Login> {
        let leeway = i64::try_from(leeway.as_millis()).ok()?;
        let expires = millis(self.exp)?.saturating_add(leeway);
        let begins = self.nbf.map_or(Some(i64::MIN), |nbf| Some(millis(nbf)?.saturating_sub(leeway)))?;
        if now < begins || expires <= now || !is_account(&self.sub) {
            return None;
        }
        let grants = self.others.remove(topics).map_or(Some(Grants::default()), Grants::of)?;
        let shown = Shown::of(self.others.remove(PRESENCE_META))?;
        Some(Login { account: self.sub, grants, shown, expires })
    }
}

impl Grants {
    /// Reads a claim: an array of topics with all rights, or an object with the rights in each.
    /// `None` if it is neither, or names a right or a topic that there cannot be.
    pub fn of(claim: Value) -> Option<Self> {
        let pattern = |text: &str| text.parse::<TopicPattern>().ok();
        let grants: Option<Vec<_>> = match claim {
            Value::Array(topics) => {
                topics.iter().map(|topic| Some((pattern(topic.as_str()?)?, Right::ALL.to_vec()))).collect()
            }
            Value::Object(topics) => topics
                .iter()
                .map(|(topic, rights)| Some((pattern(topic)?, Vec::<Right>::deserialize(rights).ok()?)))
                .collect(),
            _ => None,
        };
        grants.filter(|grants| grants.len() <= MAX_GRANTS).map(Self)
    }

    /// Whether a topic may be used in this way.
    pub fn allow(&self, topic: &str, right: Right) -> bool {
        self.0.iter().any(|(pattern, rights)| pattern.matches(topic) && rights.contains(&right))
    }
}

impl Right {
    pub(super) const ALL: [Self; 3] = [Self::Join, Self::Publish, Self::Presence];
}

/// Whether there can be an account of this name.
pub fn is_account(name: &str) -> bool {
    (1..=MAX_ACCOUNT).contains(&name.len())
}

/// Unix milliseconds of a `NumericDate` (RFC 7519, section 2), which may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "within the bounds that are checked")]
fn millis(seconds: f64) -> Option<i64> {
    const MOST: f64 = 1e13;
    (0.0..=MOST).contains(&seconds).then_some((seconds * 1000.0) as i64)
}
