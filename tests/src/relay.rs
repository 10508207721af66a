//! A relay in the middle: it listens at an address of its own and passes everything on, unchanged,
//! until it is told to cut the line, to hold everything back, or to be slow.

mod line;
mod pace;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use line::Plan;

pub use line::{Cut, Watch};

/// Starts a relay to a server and returns the address that its victims take for the server's. It
/// runs until the test process ends.
///
/// # Panics
/// If the system has no free port.
pub fn relay_to(server: SocketAddr) -> SocketAddr {
    Relay::to(server).address
}

/// A relay that cuts lines: all at once, or one when a certain number of bytes has come from the
/// server. It runs until the test process ends.
#[derive(Debug)]
pub struct Relay {
    /// The address that its victims take for the server's.
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Relay {
    /// Starts a relay to a server.
    ///
    /// # Panics
    /// If the system has no free port.
    pub fn to(server: SocketAddr) -> Self {
        Self::start(server, || None)
    }

    /// Like [`Relay::to`], with a new watch for each line.
    ///
    /// # Panics
    /// If the system has no free port.
    pub fn watched<W: Watch + 'static>(
        server: SocketAddr,
        new_watch: impl Fn() -> W + Send + 'static,
    ) -> Self {
        Self::start(server, move || Some(Box::new(new_watch())))
    }

    fn start(server: SocketAddr, new_watch: impl Fn() -> Option<Box<dyn Watch>> + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(Plan::new(server)));
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for victim in listener.incoming().map_while(Result::ok) {
                let server = lock(&shared).server;
                // If the server is gone, the victim's connection ends, as it would without a relay.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let line = lock(&shared).add_line(victim, server);
                let (up, down, plan) = (Arc::clone(&line), line, Arc::clone(&shared));
                let watch = new_watch();
                thread::spawn(move || up.pass_up());
                thread::spawn(move || down.pass_down(&plan, watch));
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

    /// Cuts all lines now. New lines are not affected.
    pub fn cut_all(&self, cut: Cut) {
        lock(&self.plan).cut_all(cut);
    }

    /// Holds everything back in both directions, also on new lines, until [`Relay::resume`].
    pub fn pause(&self) {
        lock(&self.plan).pace.set_paused(true);
    }

    /// Passes on what was held back.
    pub fn resume(&self) {
        lock(&self.plan).pace.set_paused(false);
    }

    /// From now on passes each piece on only after this time, in both directions.
    pub fn delay(&self, delay: Duration) {
        lock(&self.plan).pace.set_delay(delay);
    }

    /// Takes new lines to another server.
    pub fn redirect(&self, server: SocketAddr) {
        lock(&self.plan).server = server;
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

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
    fn all_lines_are_cut_at_once_even_while_paused() {
        let (mut victim, mut server, relay) = line();
        relay.pause();
        victim.write_all(b"held").expect("a line");
        relay.cut_all(Cut::Finish);
        relay.resume();
        assert_eq!((victim.read(&mut [0]).ok(), server.read(&mut [0]).ok()), (Some(0), Some(0)));
    }

    #[test]
    fn a_pause_holds_back_until_it_ends() {
        let (mut victim, mut server, relay) = line();
        relay.pause();
        victim.write_all(b"up").expect("a line");
        server.set_read_timeout(Some(SHORT)).expect("a timeout");
        let error = server.read(&mut [0]).expect_err("nothing");
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        relay.resume();
        server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut up = [0; 2];
        server.read_exact(&mut up).expect("what was held back");
        assert_eq!(&up, b"up");
    }

    #[test]
    fn a_delay_holds_each_piece_back() {
        let (mut victim, mut server, relay) = line();
        relay.delay(SHORT);
        let start = Instant::now();
        victim.write_all(b"?").expect("a line");
        server.read_exact(&mut [0]).expect("the question");
        server.write_all(b"!").expect("a line");
        victim.read_exact(&mut [0]).expect("the answer");
        assert!(start.elapsed() >= 2 * SHORT);
    }

    #[test]
    fn new_lines_go_where_they_are_redirected() {
        let (_victim, _server, relay) = line();
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        relay.redirect(other.local_addr().expect("an address"));
        let mut victim = TcpStream::connect(relay.address).expect("a connection");
        victim.write_all(b"x").expect("a line");
        other.accept().expect("a connection").0.read_exact(&mut [0]).expect("what the victim said");
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
