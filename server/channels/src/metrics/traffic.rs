//! What the channel framework counts: connections, frames, and who was too fast.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
use vestibule_phoenix::disconnect::Disconnect;

use super::{HotCounter, LabelledMetric};

/// How clients are connected, as labels say it.
const TRANSPORTS: [&str; 2] = ["websocket", "longpoll"];

/// Why the server ends connections.
const DISCONNECTS: [Disconnect; 9] = [
    Disconnect::Restart,
    Disconnect::Kicked,
    Disconnect::Idle,
    Disconnect::Undecodable,
    Disconnect::TooBig,
    Disconnect::NotUtf8,
    Disconnect::Protocol,
    Disconnect::Slow,
    Disconnect::SessionOver,
];

/// The cases of [`ending`].
const ENDINGS: usize = 2 + DISCONNECTS.len();

/// What somebody was over who was refused for being too fast, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The frames of one connection.
    Frames,
    /// The joins of one connection.
    Joins,
    /// The HTTP calls of one address.
    Calls,
    /// The attempts of one address to connect.
    Connects,
    /// The WebSockets of one address or user.
    Sockets,
    /// The long-poll sessions of one address or user.
    Polls,
    /// The TCP connections of one address, or all of them.
    Connections,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said so.
    Closed,
    /// The server ended it.
    Disconnected(Disconnect),
    /// It was lost, or a long-poll session was not polled any more.
    Lost,
}

/// What connections, rooms and outboxes count. Shared by all of them.
#[derive(Debug)]
pub struct Traffic {
    connections: LabelledMetric<Gauge, 2>,
    opened: LabelledMetric<Counter, 2>,
    closed: LabelledMetric<Counter, ENDINGS>,
    joins: Gauge,
    frames_received: HotCounter,
    bytes_received: HotCounter,
    frames_sent: HotCounter,
    bytes_sent: HotCounter,
    limited: LabelledMetric<Counter, 7>,
    overloaded: Counter,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            connections: LabelledMetric::labelled("transport", TRANSPORTS),
            opened: LabelledMetric::labelled("transport", TRANSPORTS),
            closed: LabelledMetric::new(std::array::from_fn(|case| labels(ending(case)))),
            joins: Gauge::default(),
            frames_received: HotCounter::default(),
            bytes_received: HotCounter::default(),
            frames_sent: HotCounter::default(),
            bytes_sent: HotCounter::default(),
            limited: LabelledMetric::labelled(
                "limit",
                ["frames", "joins", "calls", "connects", "sockets", "polls", "connections"],
            ),
            overloaded: Counter::default(),
        }
    }
}

impl Traffic {
    /// Registers all of it.
    pub fn register(&self, registry: &mut Registry) {
        self.connections.register(registry, "connections", "Open connections; of a long poll, sessions");
        self.opened.register(registry, "connections_opened", "Connections that were opened");
        self.closed.register(
            registry,
            "connections_closed",
            "Connections that ended, by WebSocket close code, and why",
        );
        registry.register(
            "joins",
            "Topics that connections are in, each counted for each",
            self.joins.clone(),
        );
        registry.register(
            "frames_received",
            "Messages from clients; without pings and pongs",
            self.frames_received.clone(),
        );
        registry.register_with_unit(
            "received",
            "Bytes of the messages from clients",
            Unit::Bytes,
            self.bytes_received.clone(),
        );
        registry.register("frames_sent", "Frames taken from outboxes for clients", self.frames_sent.clone());
        registry.register_with_unit(
            "sent",
            "Bytes of the frames for clients, as WebSocket frames",
            Unit::Bytes,
            self.bytes_sent.clone(),
        );
        self.limited.register(
            registry,
            "rate_limited",
            "What was refused for coming too fast or too many at once, by limit",
        );
        registry.register(
            "mailbox_overloaded",
            "Messages refused because a mailbox, a busy member's queue or a connection's backlog was full",
            self.overloaded.clone(),
        );
    }

    /// A connection was opened; `transport` is `websocket` or `longpoll`.
    pub(crate) fn opened(&self, transport: &str) {
        let case = transport_case(transport);
        self.opened[case].inc();
        self.connections[case].inc();
    }

    /// A connection has ended.
    pub(crate) fn closed(&self, transport: &str, how: Ending) {
        self.connections[transport_case(transport)].dec();
        let case = (0..ENDINGS).find(|case| ending(*case) == how).unwrap_or_default();
        self.closed[case].inc();
    }

    /// A message came.
    pub(crate) fn received(&self, bytes: usize) {
        self.frames_received.inc();
        self.bytes_received.inc_by(bytes as u64);
    }

    /// So many frames have gone out.
    pub(crate) fn sent(&self, frames: usize, bytes: usize) {
        self.frames_sent.inc_by(frames as u64);
        self.bytes_sent.inc_by(bytes as u64);
    }

    /// Somebody is over a limit.
    pub(crate) fn limited(&self, limit: Limit) {
        self.limited[limit as usize].inc();
    }

    /// A room's queue was full.
    pub(crate) fn overloaded(&self) {
        self.overloaded.inc();
    }

    /// Somebody is in a topic, for as long as this is kept.
    pub(crate) fn joined(&self) -> Joined {
        self.joins.inc();
        Joined(self.joins.clone())
    }
}

/// One join, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Joined(Gauge);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn transport_case(transport: &str) -> usize {
    TRANSPORTS.iter().position(|known| *known == transport).unwrap_or_default()
}

/// How the connections of one case ended: the first two are not the server's doing.
fn ending(case: usize) -> Ending {
    match case {
        0 => Ending::Lost,
        1 => Ending::Closed,
        case => DISCONNECTS.get(case - 2).map_or(Ending::Lost, |why| Ending::Disconnected(*why)),
    }
}

fn labels(ending: Ending) -> super::Labels {
    let (code, reason) = match ending {
        Ending::Lost => ("none", "lost"),
        Ending::Closed => ("1000", "closed by the client"),
        Ending::Disconnected(why) => match why {
            Disconnect::Kicked => ("1001", "kicked"),
            Disconnect::Idle => ("1002", "idle"),
            Disconnect::Protocol => ("1002", "protocol error"),
            Disconnect::NotUtf8 => ("1007", "not UTF-8"),
            Disconnect::Slow => ("1008", "slow consumer"),
            Disconnect::SessionOver => ("1008", "session over"),
            Disconnect::TooBig => ("1009", "too big"),
            Disconnect::Undecodable => ("1011", "undecodable"),
            Disconnect::Restart => ("1012", "server restart"),
        },
    };
    vec![("code", code), ("reason", reason)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_is_a_case_of_its_own_under_its_code() {
        let traffic = Traffic::default();
        for why in DISCONNECTS {
            traffic.opened("websocket");
            traffic.closed("websocket", Ending::Disconnected(why));
            assert!(labels(Ending::Disconnected(why)).contains(&("code", &*why.code().to_string().leak())));
        }
        traffic.opened("longpoll");
        traffic.closed("longpoll", Ending::Lost);
        traffic.opened("longpoll");
        traffic.closed("longpoll", Ending::Closed);
        assert_eq!((0..ENDINGS).map(|case| traffic.closed[case].get()).collect::<Vec<_>>(), [1; 11]);
        assert_eq!((traffic.connections[0].get(), traffic.connections[1].get()), (0, 0));
        assert_eq!((traffic.opened[0].get(), traffic.opened[1].get()), (9, 2));
    }

    #[test]
    fn a_join_counts_for_as_long_as_it_is_kept() {
        let traffic = Traffic::default();
        let (one, other) = (traffic.joined(), traffic.joined());
        drop(one);
        assert_eq!(traffic.joins.get(), 1);
        drop(other);
        assert_eq!(traffic.joins.get(), 0);
    }
}
