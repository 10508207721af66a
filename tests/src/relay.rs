//! A relay in the middle: it listens at an address of its own and passes everything on, unchanged,
//! until it is told to cut the line.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// Starts a relay to a server and returns the address that its victims take for the server's. It
/// runs until the test process ends.
///
/// # Panics
/// If the system has no free port.
pub fn relay_to(server: SocketAddr) -> SocketAddr {
    Relay::to(server).address
}

/// How a line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both sides get a reset.
    Reset,
    /// Both sides get the end of the stream.
    Finish,
    /// Neither side gets anything any more, and neither learns why.
    Silence,
}

/// A relay that cuts a line when a certain number of bytes has come from the server. It runs until
/// the test process ends.
#[derive(Debug)]
pub struct Relay {
    /// The address that its victims take for the server's.
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    /// After how many bytes which cut comes, on whichever line they are.
    next: Option<(usize, Cut)>,
    /// Lines that are silent: neither side may see them end.
    silent: Vec<Arc<Line>>,
}

/// A victim's connection, and its continuation to the server.
#[derive(Debug)]
struct Line {
    victim: TcpStream,
    server: TcpStream,
    is_cut: AtomicBool,
}

impl Relay {
    /// Starts a relay to a server.
    ///
    /// # Panics
    /// If the system has no free port.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for victim in listener.incoming().map_while(Result::ok) {
                // If the server is gone, the victim's connection ends, as it would without a relay.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let line = Arc::new(Line { victim, server, is_cut: AtomicBool::new(false) });
                let (up, down, plan) = (Arc::clone(&line), line, Arc::clone(&shared));
                thread::spawn(move || up.pass_up());
                thread::spawn(move || down.pass_down(&plan));
            }
        });
        Self { address, plan }
    }

    /// Plans the next cut: of the line that brings the last of this many further bytes, which still
    /// arrive.
    pub fn cut_after(&self, bytes: usize, cut: Cut) {
        lock(&self.plan).next = Some((bytes, cut));
    }

    /// Whether a planned cut has not come yet.
    pub fn is_to_cut(&self) -> bool {
        lock(&self.plan).next.is_some()
    }
}

impl Plan {
    /// How many of this many bytes still arrive, and the cut after them.
    fn allow(&mut self, bytes: usize) -> (usize, Option<Cut>) {
        match self.next {
            Some((left, cut)) if left <= bytes => {
                self.next = None;
                (left, Some(cut))
            }
            Some((left, cut)) => {
                self.next = Some((left - bytes, cut));
                (bytes, None)
            }
            None => (bytes, None),
        }
    }
}

impl Line {
    /// Passes on what the victim says.
    fn pass_up(&self) {
        let mut buffer = [0; 16_384];
        while let Some(bytes) = read(&self.victim, &mut buffer) {
            if self.is_cut.load(Ordering::SeqCst) || (&self.server).write_all(bytes).is_err() {
                return;
            }
        }
        self.end(&self.server);
    }

    /// Passes on what the server says.
    fn pass_down(self: &Arc<Self>, plan: &Mutex<Plan>) {
        let mut buffer = [0; 16_384];
        while let Some(bytes) = read(&self.server, &mut buffer) {
            let mut plan = lock(plan);
            let (allowed, cut) = plan.allow(bytes.len());
            if cut == Some(Cut::Silence) {
                plan.silent.push(Arc::clone(self));
            }
            drop(plan);
            // Before the victim gets the last bytes: it may answer them.
            self.is_cut.store(cut.is_some(), Ordering::SeqCst);
            let is_passed = (&self.victim).write_all(&bytes[..allowed]).is_ok();
            if let Some(cut) = cut {
                return self.cut(cut);
            }
            if !is_passed {
                return;
            }
        }
        self.end(&self.victim);
    }

    fn cut(&self, cut: Cut) {
        for stream in [&self.victim, &self.server] {
            // An error means that this side has just ended by itself.
            let _ = match cut {
                // Closed without lingering, by the last who holds it. The end of reading, which is
                // not seen outside, has the other direction let go.
                Cut::Reset => SockRef::from(stream)
                    .set_linger(Some(Duration::ZERO))
                    .and_then(|()| stream.shutdown(Shutdown::Read)),
                Cut::Finish => stream.shutdown(Shutdown::Both),
                Cut::Silence => Ok(()),
            };
        }
    }

    /// One side has ended: ends the other, unless the line is cut.
    fn end(&self, other: &TcpStream) {
        if !self.is_cut.load(Ordering::SeqCst) {
            let _ = other.shutdown(Shutdown::Write);
        }
    }
}

/// What comes next; nothing once the stream has ended.
fn read<'a>(mut from: &TcpStream, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    loop {
        match from.read(buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::{Cut, Relay};

    const PATIENCE: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(20);

    /// A victim, its server, and the relay between them.
    fn line() -> (TcpStream, TcpStream, Relay) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let relay = Relay::to(listener.local_addr().expect("an address"));
        let victim = TcpStream::connect(relay.address).expect("a connection");
        victim.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let server = listener.accept().expect("a connection").0;
        server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        (victim, server, relay)
    }

    /// Has the server say six bytes, of which four arrive, and returns both ends.
    fn cut(how: Cut) -> (TcpStream, TcpStream, Relay) {
        let (mut victim, mut server, relay) = line();
        victim.write_all(b"up").expect("a line");
        let mut up = [0; 2];
        server.read_exact(&mut up).expect("what the victim said");
        relay.cut_after(4, how);
        server.write_all(b"lastly").expect("a line");
        let mut down = [0; 4];
        victim.read_exact(&mut down).expect("what is still passed");
        assert_eq!((&up, &down), (b"up", b"last"));
        assert!(!relay.is_to_cut());
        (victim, server, relay)
    }

    #[test]
    fn a_line_that_is_not_cut_ends_as_its_sides_do() {
        let (mut victim, mut server, relay) = line();
        relay.cut_after(1000, Cut::Reset);
        server.write_all(b"down").expect("a line");
        drop(server);
        let mut down = String::new();
        victim.read_to_string(&mut down).expect("the whole stream");
        assert_eq!((down.as_str(), relay.is_to_cut()), ("down", true));
    }

    #[test]
    fn both_sides_notice_a_cut() {
        let (mut victim, mut server, _relay) = cut(Cut::Finish);
        assert_eq!((victim.read(&mut [0]).ok(), server.read(&mut [0]).ok()), (Some(0), Some(0)));
        let (mut victim, mut server, _relay) = cut(Cut::Reset);
        for side in [&mut victim, &mut server] {
            let error = side.read(&mut [0]).expect_err("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }

    #[test]
    fn neither_side_notices_silence() {
        let (mut victim, mut server, _relay) = cut(Cut::Silence);
        let assert_silent = |from: &mut TcpStream, to: &mut TcpStream| {
            from.write_all(b"x").expect("an open connection");
            to.set_read_timeout(Some(SHORT)).expect("a timeout");
            let error = to.read(&mut [0]).expect_err("silence");
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        };
        assert_silent(&mut victim, &mut server);
        assert_silent(&mut server, &mut victim);
    }
}
