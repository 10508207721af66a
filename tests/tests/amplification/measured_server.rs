//! The measured server.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule_approve::frames::Id;
use vestibule_approve::signed::{Rid, Uid};
use vestibule_tests::admin::{self, OPERATOR};
use vestibule_tests::process::{Launch, Server};

use crate::meter::{self, GLANCE, Heap, PATIENCE};
use crate::participants::{Participants, Role};
use crate::requests::CONFIGURED;

/// A server without rate limits, so that each frame is handled when it is sent; otherwise with its
/// defaults.
pub(crate) struct MeasuredServer {
    server: Server,
    pub(crate) heap: Heap,
    /// The address of the admin listener.
    pub(crate) admin: SocketAddr,
    /// A room, a user, and this user's request in the room, for operators to read.
    pub(crate) room: Rid,
    pub(crate) user: Uid,
    pub(crate) request: Id,
    /// The path of the page's largest file.
    pub(crate) largest_file: String,
    /// The number of the server's sockets without clients.
    sockets: usize,
    _folder: TempDir,
}

impl MeasuredServer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        // A short window, so that the memory of an abandoned long-poll session can be measured
        // soon. Redelivery would add messages that no row has caused.
        let settings = folder.path().join("vestibule.toml");
        let channel = format!("[channels.{CONFIGURED:?}]\njoin = \"anyone\"\npresence = true\n");
        fs::write(&settings, channel).expect("a file");
        let launch = admin::administered(Launch::vestibule(), folder.path())
            .options(&[("--config", settings.to_str().expect("UTF-8"))])
            .options(&[("--poll", "1s"), ("--redelivery", "1h")])
            .env("VESTIBULE_MAX_POLLS_PER_ADDRESS", "1000000");
        let heap = Heap::build(folder.path());
        let server = Server::start(heap.count(launch));
        let admin = server.operators();
        let mut participants = Participants::new(server.address(), Role::Guest, 0);
        let request = participants.ask(1)[0].request_id;
        let (room, user) = (participants.rid(), participants.person.uid());
        drop(participants);
        let sockets = fewest_sockets(server.id());
        let largest_file = largest_file();
        Self { server, heap, admin, room, user, request, largest_file, sockets, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The server's processor time.
    pub(crate) fn time(&self) -> Duration {
        meter::time(self.server.id())
    }

    /// Waits until the server has closed the connections of clients that are gone.
    pub(crate) fn until_all_are_gone(&self) {
        let start = Instant::now();
        while meter::sockets(self.server.id()) > self.sockets {
            let open = meter::sockets(self.server.id());
            assert!(start.elapsed() < PATIENCE, "{open} sockets are open, {} without a client", self.sockets);
            thread::sleep(GLANCE);
        }
    }

    /// The operator's authorization header.
    pub(crate) fn authorization() -> String {
        format!("authorization: Bearer {OPERATOR}\r\n")
    }
}

/// The number of sockets of a server that has been used, and whose clients are gone: the minimum
/// over a while. Its threads open some for themselves on first use.
fn fewest_sockets(server: u32) -> usize {
    let count = |_| {
        thread::sleep(GLANCE);
        meter::sockets(server)
    };
    (0..100).map(count).min().unwrap_or_default()
}

/// The path of the largest file that is embedded in the server; the page itself if it was not
/// built.
fn largest_file() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/web/dist/demo/assets");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let sized =
        |file: fs::DirEntry| Some((file.metadata().ok()?.len(), file.file_name().into_string().ok()?));
    let largest = files.filter_map(sized).max();
    largest.map_or_else(|| "/".to_owned(), |(_, name)| format!("/assets/{name}"))
}
