//! The names of the approve flow's events, all of them in one place.

use strum::{EnumString, IntoStaticStr};

/// An event about a room's key. Only a room's channel handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(super) enum RoomEvent {
    Prove,
    Card,
    HandOver,
    Request,
    Approve,
    Deny,
    Unblock,
    Pending,
    Denials,
}

/// An event about the sender's own requests and approves. Rooms and inboxes handle it alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(super) enum OwnEvent {
    Withdraw,
    Ack,
    Nack,
    Status,
    Approved,
    Mine,
    Notices,
}

/// An event that only the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum ServerEvent {
    Approve,
    Card,
    CaughtUp,
    CreatorChanged,
    Denied,
    Erased,
    Expired,
    /// Sent by the framework, as are the next two.
    PresenceCount,
    PresenceDiff,
    PresenceState,
    Receipt,
    Request,
    RequestGone,
    Resync,
    Withdrawn,
}

impl ServerEvent {
    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

/// Whether clients take an event of this name for the server's, so that no one else may send it.
pub(super) fn is_reserved(event: &str) -> bool {
    event.starts_with("phx_") || event.parse::<ServerEvent>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol() {
        assert_eq!("hand_over".parse(), Ok(RoomEvent::HandOver));
        assert_eq!("ack".parse(), Ok(OwnEvent::Ack));
        assert_eq!(ServerEvent::RequestGone.name(), "request_gone");
        assert!("Ack".parse::<OwnEvent>().is_err());
    }

    #[test]
    fn server_events_are_reserved() {
        for event in ["caught_up", "phx_reply", "presence_diff", "card", "receipt", "expired"] {
            assert!(is_reserved(event), "{event}");
        }
        assert!(!is_reserved("cursor") && !is_reserved("deny"));
    }
}
