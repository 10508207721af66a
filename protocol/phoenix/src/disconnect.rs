//! Why a connection ends: every close code the server sends, in one table.
//!
//! phoenix.js reconnects on each of them but 1000, which it takes (up to 1.8.15) as "stay away for good"; so 1000 is
//! sent only to answer a client's own close. Source of the codes: RFC 6455, section 7.4.1, and the IANA registry.

use std::fmt;

/// A reason to end a connection. The client may come back after every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The server stops or restarts.
    Restart,
    /// An operator (or the application) ended this socket.
    Kicked,
    /// The client was silent for longer than the idle time-out.
    Idle,
    /// A message that cannot be decoded.
    Undecodable,
    /// A frame or message above the size limit.
    TooBig,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A violation of the WebSocket protocol itself.
    Protocol,
    /// The client reads more slowly than its messages come, and its outbox is full.
    Slow,
    /// The session behind the socket is over: the client has to sign in again.
    SessionOver,
}

impl Disconnect {
    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Disconnect::Restart => 1012,
            Disconnect::Kicked => 1001,
            Disconnect::Idle | Disconnect::Protocol => 1002,
            Disconnect::Undecodable => 1011,
            Disconnect::TooBig => 1009,
            Disconnect::NotUtf8 => 1007,
            Disconnect::Slow | Disconnect::SessionOver => 1008,
        }
    }

    /// The close reason, empty where Phoenix sends none.
    pub fn reason(self) -> &'static str {
        match self {
            Disconnect::Slow => "slow consumer",
            Disconnect::SessionOver => "session over",
            _ => "",
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Disconnect::Restart => "server restart",
            Disconnect::Kicked => "kicked",
            Disconnect::Idle => "idle time-out",
            Disconnect::Undecodable => "undecodable message",
            Disconnect::TooBig => "message too big",
            Disconnect::NotUtf8 => "text is not UTF-8",
            Disconnect::Protocol => "WebSocket protocol error",
            Disconnect::Slow => "slow consumer",
            Disconnect::SessionOver => "session over",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Disconnect;

    #[test]
    fn the_server_never_starts_a_close_with_1000() {
        use Disconnect::{Idle, Kicked, NotUtf8, Protocol, Restart, SessionOver, Slow, TooBig, Undecodable};
        for each in [Restart, Kicked, Idle, Undecodable, TooBig, NotUtf8, Protocol, Slow, SessionOver] {
            assert_ne!(each.code(), 1000, "{each}");
            assert!(each.reason().len() <= 123, "RFC 6455, section 5.5: a close frame holds 125 bytes");
        }
    }
}
