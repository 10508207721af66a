//! Messages in many rooms at once, of which each has a number of its own under way.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    PATIENCE,
    admit::{JOIN, admit, is_ok},
};
use crate::{
    crowd::{Arrival, Crowd},
    ledger::{Faults, Ledger},
    statistics::Times,
    wire::message::{self, Parts},
};

/// The topics of the playground and of the floor.
pub(super) const ROOMS: &str = "room";

/// The length of a payload in bytes, unless the scenario says otherwise.
const PAYLOAD: usize = 100;

/// How long to look for messages that come twice.
const AFTERWARDS: Duration = Duration::from_millis(50);

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message to everybody in the room.
    Shout,
    /// A message that comes back to its sender.
    Echo,
    /// The message that keeps a connection open.
    Heartbeat,
}

/// The rooms. The first client of each says something; every client of it must hear that.
pub(super) struct Traffic {
    pub(super) crowd: Crowd,
    kind: Kind,
    /// The clients in each room.
    members: usize,
    /// The length of a payload in bytes.
    payload: usize,
    rooms: Vec<Room>,
    ledger: Ledger,
}

struct Room {
    topic: String,
    /// How many messages were sent.
    sent: u64,
    /// Those that not everybody has heard yet; the first may be complete.
    under_way: VecDeque<UnderWay>,
}

struct UnderWay {
    number: u64,
    at: Instant,
    /// How many clients have not heard it yet.
    missing: usize,
}

impl Traffic {
    /// Fills rooms, whose topics begin with this word.
    pub(super) fn join(
        server: SocketAddr,
        kind: Kind,
        topics: &str,
        rooms: usize,
        members: usize,
    ) -> io::Result<Self> {
        let mut crowd = Crowd::new(server)?;
        admit(&mut crowd, rooms * members, |client| topic(topics, client / members))?;
        Ok(Self::of(crowd, kind, topics, rooms, members))
    }

    /// The rooms of clients that have joined.
    pub(super) fn of(crowd: Crowd, kind: Kind, topics: &str, rooms: usize, members: usize) -> Self {
        let room = |number| Room { topic: topic(topics, number), sent: 0, under_way: VecDeque::new() };
        let rooms: Vec<Room> = (0..rooms).map(room).collect();
        let ledger = Ledger::new(rooms.len() * members);
        Self { crowd, kind, members, payload: PAYLOAD, rooms, ledger }
    }

    /// With payloads of this length in bytes.
    pub(super) fn with_payload(self, payload: usize) -> Self {
        Self { payload, ..self }
    }

    /// Sends in each room until it has had this many messages altogether, with so many under way
    /// at any time, and waits until all have arrived. Gives up once nothing arrives any more.
    /// Returns the times until each arrived.
    pub(super) fn run(&mut self, until: u64, under_way: usize) -> io::Result<Times> {
        let mut times = Times::default();
        let mut ready: Vec<usize> = (0..self.rooms.len()).collect();
        let mut texts = Vec::new();
        loop {
            for number in ready.drain(..) {
                let room = &mut self.rooms[number];
                while room.under_way.len() < under_way && room.sent < until {
                    texts.push(room.next(self.kind, self.members, self.payload));
                }
                if !texts.is_empty() {
                    self.crowd.send(number * self.members, texts.iter().map(String::as_str))?;
                    texts.clear();
                }
            }
            if self.rooms.iter().all(|room| room.sent == until && room.under_way.is_empty()) {
                return Ok(times);
            }
            if !self.receive(PATIENCE, &mut times, &mut ready)? {
                return Ok(times);
            }
        }
    }

    /// Hands what arrives to the rooms, and lists those in which a message is complete.
    fn receive(&mut self, within: Duration, times: &mut Times, ready: &mut Vec<usize>) -> io::Result<bool> {
        let Self { crowd, kind, members, rooms, ledger, .. } = self;
        crowd.receive(within, |client, arrival| {
            let Arrival::Text(text) = arrival else { return Err(ErrorKind::InvalidData.into()) };
            let Some(number) = heard(*kind, text)? else { return Ok(()) };
            ledger.enter(client, number);
            let room = client / *members;
            if let Some(sent) = rooms[room].heard(number) {
                times.add(sent.elapsed());
                ready.push(room);
            }
            Ok(())
        })
    }

    /// What went wrong in all runs.
    pub(super) fn faults(&mut self) -> io::Result<Faults> {
        while self.receive(AFTERWARDS, &mut Times::default(), &mut Vec::new())? {}
        Ok(self.ledger.faults(|client| self.rooms[client / self.members].sent))
    }
}

impl Room {
    fn next(&mut self, kind: Kind, members: usize, payload: usize) -> String {
        let number = self.sent;
        self.sent += 1;
        self.under_way.push_back(UnderWay { number, at: Instant::now(), missing: members });
        let payload = || message::numbered(number, payload);
        match kind {
            Kind::Shout => message::text(Some(JOIN), number, &self.topic, "shout", &payload()),
            Kind::Echo => message::text(Some(JOIN), number, &self.topic, "echo", &payload()),
            Kind::Heartbeat => message::text(None, number, "phoenix", "heartbeat", "{}"),
        }
    }

    /// Enters that a client has heard a message, and returns when that was sent.
    fn heard(&mut self, number: u64) -> Option<Instant> {
        let first = self.under_way.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        let heard = self.under_way.get_mut(place)?;
        heard.missing = heard.missing.saturating_sub(1);
        let at = heard.at;
        while self.under_way.front().is_some_and(|first| first.missing == 0) {
            self.under_way.pop_front();
        }
        Some(at)
    }
}

fn topic(topics: &str, room: usize) -> String {
    format!("{topics}:{room}")
}

/// The number of the message that a text delivers; nothing if it only acknowledges one. An error
/// if it is none that was expected.
fn heard(kind: Kind, text: &[u8]) -> io::Result<Option<u64>> {
    let unexpected = || io::Error::other(format!("unexpected: {}", String::from_utf8_lossy(text)));
    let parts = Parts::split(text).ok_or_else(unexpected)?;
    let number = match (kind, parts.event) {
        (Kind::Shout, b"\"shout\"") => message::number(parts.payload),
        (Kind::Shout, b"\"phx_reply\"") if is_ok(text) => return Ok(None),
        (Kind::Echo, b"\"phx_reply\"") if is_ok(text) => message::reference(parts.reference)
            .filter(|number| message::number(parts.payload) == Some(*number)),
        (Kind::Heartbeat, b"\"phx_reply\"") if is_ok(text) => message::reference(parts.reference),
        _ => None,
    };
    number.map(Some).ok_or_else(unexpected)
}

#[cfg(test)]
mod tests {
    use super::{Kind, PAYLOAD, Room, VecDeque, heard};

    #[test]
    fn only_expected_messages_are_heard() {
        let shout = br#"[null,null,"room:1","shout",{"n":7,"pad":""}]"#;
        let reply = br#"["1","7","room:1","phx_reply",{"response":{"n":7},"status":"ok"}]"#;
        let refused = br#"["1","7","room:1","phx_reply",{"response":{"n":7},"status":"error"}]"#;
        assert_eq!(heard(Kind::Shout, shout).ok(), Some(Some(7)));
        assert_eq!(heard(Kind::Shout, reply).ok(), Some(None));
        assert_eq!(heard(Kind::Echo, reply).ok(), Some(Some(7)));
        for (kind, text) in [(Kind::Echo, &shout[..]), (Kind::Echo, refused), (Kind::Shout, b"[]")] {
            assert!(heard(kind, text).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn a_message_is_under_way_until_all_have_heard_it() {
        let mut room = Room { topic: "room:1".to_owned(), sent: 0, under_way: VecDeque::new() };
        room.next(Kind::Shout, 2, PAYLOAD);
        room.next(Kind::Shout, 2, PAYLOAD);
        for (number, left) in [(0, 2), (1, 2), (0, 1), (1, 0)] {
            assert!(room.heard(number).is_some());
            assert_eq!(room.under_way.len(), left, "{number}");
        }
        assert!(room.heard(1).is_none());
    }
}
