//! Why a command is not carried out. A refusal answers one message; the client may go on.

use std::borrow::Cow;

use serde::Serialize;
use strum::{EnumCount, IntoStaticStr, VariantArray, VariantNames};

/// The reasons the protocol names.
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
    /// No valid token, or in somebody else's name.
    Unauthorized,
    /// Another version of the protocol than 1.
    UnsupportedVersion,
    /// A signature does not fit.
    BadSig,
    /// The proof of the room key does not fit.
    BadProof,
    /// The nonce is not this join's, or too old.
    StaleNonce,
    /// Only who proved the room key may do this.
    NotMember,
    /// Only the room's creator may do this.
    NotCreator,
    /// There is no such room, or it takes no requests: the two are not told apart.
    UnknownRoom,
    /// There is no such request.
    NoRequest,
    /// The id stands for something else already.
    IdConflict,
    /// The approve is sealed to another box key than the request names.
    BoxMismatch,
    /// The `exp` is over.
    Expired,
    /// The request is not open any more.
    Closed,
    /// The approver has approved already, or there are enough approves.
    SlotsFull,
    /// The card's version is not newer than the published one.
    VersionConflict,
    /// The newcomer was denied a short while ago.
    Cooldown,
    /// The newcomer was denied until a member says otherwise.
    Blocked,
    /// There is as much of it as there may be. Nothing was stored.
    Quota,
    /// Too many in too short a time. Nothing was done.
    RateLimited,
    /// The disk is full. Nothing was stored.
    StorageFull,
    /// The store does not answer. Nothing was stored.
    Unavailable,
    /// A queue is full. Nothing was stored.
    Overloaded,
}

/// What a refused command is answered with: `{reason, detail?, retry_ms?}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The reason, for programs.
    pub reason: Reason,
    /// More about it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// When a repeat may succeed, in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u32>,
}

impl Reason {
    /// Its place in `Reason::VARIANTS`, which `strum` makes.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// A refusal that says more about the reason.
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { reason: self, detail: Some(detail.into()), retry_ms: None }
    }

    /// A refusal that may be over after `retry_ms` milliseconds.
    pub fn retry_after(self, retry_ms: u32) -> Refusal {
        Refusal { reason: self, detail: None, retry_ms: Some(retry_ms) }
    }
}

impl Refusal {
    /// The same, and that it may be over after `retry_ms` milliseconds.
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
