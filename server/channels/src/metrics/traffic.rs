//! What the framework counts: connections, joins, frames, and messages over a limit.

use std::array;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
use strum::{IntoStaticStr, VariantArray};
use vestibule_phoenix::disconnect::Ending;

use super::{HotCounter, LabelledMetric, Labels};
use crate::channel::Transport;

/// The limits that connections, joins, frames and calls are counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub(crate) enum Limit {
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

const TRANSPORTS: usize = Transport::VARIANTS.len();
const LIMITS: usize = Limit::VARIANTS.len();

/// What connections, topics and outboxes count, for Prometheus. All of them share it; counting
/// takes no lock and no search.
#[derive(Debug)]
pub struct Traffic {
    connections: LabelledMetric<Gauge, TRANSPORTS>,
    opened: LabelledMetric<Counter, TRANSPORTS>,
    closed: LabelledMetric<Counter, { Ending::COUNT }>,
    joins: Gauge,
    frames_received: HotCounter,
    bytes_received: HotCounter,
    frames_sent: HotCounter,
    bytes_sent: HotCounter,
    limited: LabelledMetric<Counter, LIMITS>,
    overloaded: Counter,
}

impl Default for Traffic {
    fn default() -> Self {
        let transports = array::from_fn(|case| Transport::VARIANTS[case].as_str());
        let mut endings = Ending::all();
        let mut next_ending = || labels(endings.next().expect("there are as many endings"));
        Self {
            connections: LabelledMetric::labelled("transport", transports),
            opened: LabelledMetric::labelled("transport", transports),
            closed: LabelledMetric::new(array::from_fn(|_| next_ending())),
            joins: Gauge::default(),
            frames_received: HotCounter::default(),
            bytes_received: HotCounter::default(),
            frames_sent: HotCounter::default(),
            bytes_sent: HotCounter::default(),
            limited: LabelledMetric::labelled(
                "limit",
                array::from_fn(|case| Limit::VARIANTS[case].into_str()),
            ),
            overloaded: Counter::default(),
        }
    }
}

impl Traffic {
    /// Registers all series.
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

    /// A connection was opened.
    pub(crate) fn opened(&self, transport: Transport) {
        self.opened[transport as usize].inc();
        self.connections[transport as usize].inc();
    }

    /// A connection has ended.
    pub(crate) fn closed(&self, transport: Transport, how: Ending) {
        self.connections[transport as usize].dec();
        self.closed[how.index()].inc();
    }

    /// A message came in.
    pub(crate) fn received(&self, bytes: usize) {
        self.frames_received.inc();
        self.bytes_received.inc_by(bytes as u64);
    }

    /// Frames were taken for a client.
    pub(crate) fn sent(&self, frames: usize, bytes: usize) {
        self.frames_sent.inc_by(frames as u64);
        self.bytes_sent.inc_by(bytes as u64);
    }

    /// Something was refused because of a limit.
    pub(crate) fn limited(&self, limit: Limit) {
        self.limited[limit as usize].inc();
    }

    /// A message was refused because a queue was full.
    pub(crate) fn overloaded(&self) {
        self.overloaded.inc();
    }

    /// Counts a join for as long as the returned value is kept.
    pub(crate) fn joined(&self) -> JoinCount {
        self.joins.inc();
        JoinCount(self.joins.clone())
    }
}

/// One join, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct JoinCount(Gauge);

impl Drop for JoinCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn labels(ending: Ending) -> Labels {
    let code: &'static str = match ending.code() {
        None => "none",
        // Labels are made once, when the process starts.
        Some(code) => code.to_string().leak(),
    };
    vec![("code", code), ("reason", ending.label())]
}

#[cfg(test)]
mod tests {
    use vestibule_phoenix::disconnect::Disconnect;

    use super::*;

    #[test]
    fn each_ending_is_counted_under_its_code() {
        let traffic = Traffic::default();
        for why in Disconnect::ALL {
            traffic.opened(Transport::WebSocket);
            traffic.closed(Transport::WebSocket, Ending::Disconnected(*why));
            assert!(labels(Ending::Disconnected(*why)).contains(&("code", &*why.code().to_string().leak())));
        }
        for how in [Ending::Lost, Ending::Closed] {
            traffic.opened(Transport::LongPoll);
            traffic.closed(Transport::LongPoll, how);
        }
        let closed: Vec<u64> = (0..Ending::COUNT).map(|case| traffic.closed[case].get()).collect();
        assert_eq!(closed, [1; 11]);
        assert_eq!((traffic.connections[0].get(), traffic.connections[1].get()), (0, 0));
        assert_eq!((traffic.opened[0].get(), traffic.opened[1].get()), (9, 2));
    }

    #[test]
    fn labels_do_not_change() {
        let labels: Vec<_> = Ending::all().map(|ending| labels(ending)[1].1).collect();
        let expected = [
            "lost",
            "closed by the client",
            "server restart",
            "kicked",
            "idle",
            "undecodable",
            "too big",
            "not UTF-8",
            "protocol error",
            "slow consumer",
            "session over",
        ];
        assert_eq!(labels, expected);
        let limits: Vec<&str> = Limit::VARIANTS.iter().map(Limit::into_str).collect();
        assert_eq!(limits, ["frames", "joins", "calls", "connects", "sockets", "polls", "connections"]);
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
