//! Refusals: why a command is not carried out. A refusal answers one message; the client may go on.

use std::borrow::Cow;

use serde::Serialize;
use strum::{EnumCount, IntoStaticStr, VariantArray, VariantNames};

/// The reasons that the protocol names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, EnumCount, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A field is missing, malformed or out of its range.
    BadPayload,
    /// A field is larger than its limit.
    TooLarge,
    /// There is no valid token, or it is another user's.
    Unauthorized,
    /// The login that came with a sign-in is not valid.
    BadLogin,
    /// The version of the protocol is not 1.
    UnsupportedVersion,
    /// A signature is wrong.
    BadSig,
    /// The proof of the room key is wrong.
    BadProof,
    /// The nonce is not this join's, or is too old.
    StaleNonce,
    /// Only members may do this.
    NotMember,
    /// Only the room's creator may do this.
    NotCreator,
    /// There is no such room, or it is secret. Guests cannot tell which.
    UnknownRoom,
    /// There is no such request.
    NoRequest,
    /// The id is used already.
    IdConflict,
    /// The approve is not sealed to the request's box key.
    BoxMismatch,
    /// The `exp` has passed.
    Expired,
    /// The request is no longer open.
    Closed,
    /// The approver has already approved, or there are enough approves.
    SlotsFull,
    /// The card's version is not newer than the published one.
    VersionConflict,
    /// The newcomer was denied and must wait.
    Cooldown,
    /// The newcomer is blocked until a member lifts that.
    Blocked,
    /// A quota is used up. Nothing was stored.
    Quota,
    /// The client sends too fast. Nothing was done.
    RateLimited,
    /// The disk is full. Nothing was stored.
    StorageFull,
    /// The store does not work. Nothing was stored.
    Unavailable,
    /// A queue is full. Nothing was stored.
    Overloaded,
}

/// The answer to a refused command: `{reason, detail?, retry_ms?}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The reason, for programs.
    pub reason: Reason,
    /// An explanation, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// After how many milliseconds a retry may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u32>,
}

impl Reason {
    /// The reason's index in `Reason::VARIANTS`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The reason's name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// A refusal with an explanation.
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { reason: self, detail: Some(detail.into()), retry_ms: None }
    }

    /// A refusal after which a retry may succeed in `retry_ms` milliseconds.
    pub fn retry_after(self, retry_ms: u32) -> Refusal {
        Refusal { reason: self, detail: None, retry_ms: Some(retry_ms) }
    }
}

impl Refusal {
    /// Adds that a retry may succeed in `retry_ms` milliseconds.
    #[must_use]
    pub fn and_retry_after(self, retry_ms: u32) -> Self {
        Self { retry_ms: Some(retry_ms), ..self }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Refusal { reason, detail: None, retry_ms: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_one_name_in_json_and_metrics() {
        for (index, reason) in <Reason as VariantArray>::VARIANTS.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(<Reason as VariantNames>::VARIANTS[index], reason.as_str());
        }
    }
}
