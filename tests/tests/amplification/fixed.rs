//! Objects of a fixed size, however few bytes create them: connections, joins, sessions.

use std::net::SocketAddr;

use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};

use crate::connection::CountingConnection;
use crate::measured_server::MeasuredServer;
use crate::requests::{plain, upgrade};

/// How many of each are created: few where a kilobyte more or less does not matter, as with the
/// caches of the store, and many where it does.
pub(crate) const FEW: usize = 60;
pub(crate) const MANY: usize = 200;

/// An object of a fixed size.
pub(crate) struct Fixed {
    pub(crate) of: &'static str,
    /// The most bytes of memory that it may take.
    pub(crate) most: usize,
    /// What bounds their number.
    pub(crate) bounded_by: &'static str,
    make: Make,
}

/// How one of them is created.
enum Make {
    /// With a connection, whose memory counts.
    Connection(fn(&MeasuredServer, &mut CountingConnection)),
    /// On the WebSocket of a signed-in user, whose memory does not count.
    Join(In, fn(&mut Device, &Room)),
}

/// Which room is joined.
#[derive(Clone, Copy, Debug)]
enum In {
    /// All join the same one.
    One,
    /// Each joins one of its own.
    Own,
    /// Each joins one that nobody has published.
    Unknown,
}

impl Fixed {
    /// The memory that one takes. They are created twice: the second round finds the buffers and
    /// caches that the first one left.
    pub(crate) fn measure(&self, measured: &MeasuredServer, count: usize) -> usize {
        self.take(measured, count);
        self.take(measured, count) / count
    }

    /// The memory that `count` of them take.
    fn take(&self, measured: &MeasuredServer, count: usize) -> usize {
        let heap = &measured.heap;
        match self.make {
            Make::Connection(make) => {
                let before = heap.settled();
                let connection = |_| {
                    let mut connection = CountingConnection::open_with_small_buffer(measured.address());
                    make(measured, &mut connection);
                    connection
                };
                let connections: Vec<_> = (0..count).map(connection).collect();
                let taken = heap.settled().saturating_sub(before);
                drop(connections);
                heap.down_to(before);
                taken
            }
            Make::Join(which, join) => {
                let server = measured.address();
                let rooms = rooms(server, which, count);
                let mut devices: Vec<_> =
                    (0..count).map(|_| Device::connect(server, &Person::new(Alg::Ed25519))).collect();
                let before = heap.settled();
                for (device, room) in devices.iter_mut().zip(rooms.iter().cycle()) {
                    join(device, room);
                }
                heap.settled().saturating_sub(before)
            }
        }
    }
}

fn rooms(server: SocketAddr, which: In, count: usize) -> Vec<Room> {
    match which {
        In::One => vec![Room::published(server, Policy::Request)],
        In::Own => (0..count).map(|_| Room::published(server, Policy::Request)).collect(),
        In::Unknown => (0..count).map(|_| Room::new(Alg::Ed25519)).collect(),
    }
}

/// All measured objects.
pub(crate) const COSTS: &[Fixed] = &[
    Fixed {
        of: "a TCP connection that says nothing",
        most: 24 << 10,
        bounded_by: "`--max-connections-per-address`, `--request-time`",
        make: Make::Connection(|_, _| {}),
    },
    Fixed {
        of: "an HTTP connection between two requests",
        most: 24 << 10,
        bounded_by: "`--max-connections-per-address`, `--keep-alive`",
        make: Make::Connection(|measured, connection| ask(measured, connection, "/health/ready")),
    },
    Fixed {
        of: "the same, with an answer of 180 KB that is not read",
        most: 256 << 10,
        bounded_by: "the same; the connection ends after half a minute. The system buffers what is sent",
        make: Make::Connection(|measured, connection| {
            connection.send(&plain(measured, "GET", &measured.largest_file, None));
        }),
    },
    Fixed {
        of: "a WebSocket of a stranger",
        most: 32 << 10,
        bounded_by: "`--max-sockets-per-address`",
        make: Make::Connection(|measured, connection| {
            connection.send(&upgrade(measured, "/socket/websocket?vsn=2.0.0", ""));
            connection.response();
        }),
    },
    Fixed {
        of: "a session of long poll, with its connection",
        most: 32 << 10,
        bounded_by: "`--max-polls-per-address`; one that nobody polls ends after one and a half `--poll`",
        make: Make::Connection(|measured, connection| {
            ask(measured, connection, "/socket/longpoll?vsn=2.0.0");
        }),
    },
    Fixed {
        of: "a join of a room, as guest",
        most: 8 << 10,
        bounded_by: "`--max-channels`, `--max-joins-per-second`",
        make: Make::Join(In::One, |device, room| {
            device.visit(&room.rid());
        }),
    },
    Fixed {
        of: "a join of a room that nobody else is in",
        most: 16 << 10,
        bounded_by: "the same",
        make: Make::Join(In::Own, |device, room| {
            device.visit(&room.rid());
        }),
    },
    Fixed {
        of: "a join of an unknown room",
        most: 4 << 10,
        bounded_by: "the same",
        make: Make::Join(In::Unknown, |device, room| {
            device.visit(&room.rid());
        }),
    },
    Fixed {
        of: "a member who has not read who is there",
        most: 8 << 10,
        bounded_by: "the same; what is not read, by `--max-outbox`. Here 200 are in one room",
        make: Make::Join(In::One, |device, room| {
            device.enter(room);
        }),
    },
];

fn ask(measured: &MeasuredServer, connection: &mut CountingConnection, target: &str) {
    connection.send(&plain(measured, "GET", target, None));
    connection.response();
}
