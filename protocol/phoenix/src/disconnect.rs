//! Why connections end: every close code the server sends, in one table.
//!
//! phoenix.js reconnects after each of these codes except 1000, which versions up to 1.8.15 take as
//! "stay away for good". The server therefore sends 1000 only to answer a client's own close. The
//! codes are from RFC 6455, section 7.4.1, and the IANA registry.

use std::fmt;

use strum::VariantArray as _;

/// A reason for the server to end a connection. The client may come back after every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
pub enum Disconnect {
    /// The server stops or restarts.
    Restart,
    /// An operator or the application disconnected this socket, as Phoenix's `disconnect` broadcast
    /// does.
    Kicked,
    /// The client was silent for longer than the idle timeout.
    Idle,
    /// A message could not be decoded.
    Undecodable,
    /// A frame or message exceeded the size limit.
    TooBig,
    /// A text frame was not UTF-8.
    NotUtf8,
    /// The client violated the WebSocket protocol itself.
    Protocol,
    /// The client reads more slowly than its messages come, and its outbox is full.
    Slow,
    /// The session behind the socket has expired: the client must sign in again.
    SessionOver,
}

/// One row of the table.
struct Row {
    code: u16,
    /// The reason in the close frame, at most 123 bytes (RFC 6455, section 5.5). Empty where
    /// Phoenix sends none.
    reason: &'static str,
    /// The value of the label `reason` in metrics.
    label: &'static str,
    /// The reason that operators and the log are told.
    description: &'static str,
}

impl Disconnect {
    /// Every reason.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The table.
    const fn row(self) -> Row {
        let (code, reason, label, description) = match self {
            Disconnect::Restart => (1012, "", "server restart", "server restart"),
            Disconnect::Kicked => (1001, "", "kicked", "kicked"),
            Disconnect::Idle => (1002, "", "idle", "idle time-out"),
            Disconnect::Undecodable => (1011, "", "undecodable", "undecodable message"),
            Disconnect::TooBig => (1009, "", "too big", "message too big"),
            Disconnect::NotUtf8 => (1007, "", "not UTF-8", "text is not UTF-8"),
            Disconnect::Protocol => (1002, "", "protocol error", "WebSocket protocol error"),
            Disconnect::Slow => (1008, "slow consumer", "slow consumer", "slow consumer"),
            Disconnect::SessionOver => (1008, "session over", "session over", "session over"),
        };
        Row { code, reason, label, description }
    }

    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        self.row().code
    }

    /// The reason in the close frame, empty where Phoenix sends none.
    pub const fn reason(self) -> &'static str {
        self.row().reason
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.row().description)
    }
}

/// How a connection ended, for metrics, the log and operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It broke off without a close, or a long-poll session was no longer polled.
    Lost,
    /// The client closed it.
    Closed,
    /// The server ended it.
    Disconnected(Disconnect),
}

impl Ending {
    /// How many endings there are: the size of a table with a place for each.
    pub const COUNT: usize = 2 + Disconnect::VARIANTS.len();

    /// Every ending, each at its [`index`](Self::index).
    pub fn all() -> impl Iterator<Item = Self> {
        let by_server = Disconnect::ALL.iter().copied().map(Ending::Disconnected);
        [Ending::Lost, Ending::Closed].into_iter().chain(by_server)
    }

    /// This ending's place in a table of [`Ending::COUNT`] places.
    pub const fn index(self) -> usize {
        match self {
            Ending::Lost => 0,
            Ending::Closed => 1,
            Ending::Disconnected(why) => 2 + why as usize,
        }
    }

    /// The WebSocket close code; `None` where the connection broke off without one.
    pub const fn code(self) -> Option<u16> {
        match self {
            Ending::Lost => None,
            Ending::Closed => Some(1000),
            Ending::Disconnected(why) => Some(why.code()),
        }
    }

    /// The value of the label `reason` in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Ending::Lost => "lost",
            Ending::Closed => "closed by the client",
            Ending::Disconnected(why) => why.row().label,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Lost | Ending::Closed => formatter.write_str(self.label()),
            Ending::Disconnected(why) => why.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_never_starts_a_close_with_1000() {
        assert_eq!(Disconnect::ALL.len(), 9);
        for each in Disconnect::ALL {
            assert_ne!(each.code(), 1000, "{each}");
            assert!(each.reason().len() <= 123, "RFC 6455, section 5.5: a close frame holds 125 bytes");
        }
    }

    #[test]
    fn each_ending_has_a_place_of_its_own() {
        let places: Vec<usize> = Ending::all().map(Ending::index).collect();
        assert_eq!(places, (0..Ending::COUNT).collect::<Vec<_>>());
    }
}
