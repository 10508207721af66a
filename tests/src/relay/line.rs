//! The lines of a relay, and how they are cut.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use socket2::SockRef;

use super::pace::Pace;

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

/// Reads what comes from the server on one line, and decides what of it reaches the victim.
pub trait Watch: Send {
    /// Adds to `passed` what the victim gets now that these bytes have come, and says how the line
    /// is cut after that, if it is.
    fn look(&mut self, bytes: &[u8], passed: &mut Vec<u8>) -> Option<Cut>;
}

/// Where lines go, and how they are to end.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) server: SocketAddr,
    /// After how many bytes which cut comes, on whichever line they are.
    pub(super) next: Option<(usize, Cut)>,
    pub(super) pace: Arc<Pace>,
    lines: Vec<Weak<Line>>,
    /// Lines that are silent: neither side may see them end.
    silent: Vec<Arc<Line>>,
}

/// A victim's connection, and its continuation to the server.
#[derive(Debug)]
pub(super) struct Line {
    victim: TcpStream,
    server: TcpStream,
    pace: Arc<Pace>,
    is_cut: AtomicBool,
}

impl Plan {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, next: None, pace: Arc::default(), lines: Vec::new(), silent: Vec::new() }
    }

    pub(super) fn add_line(&mut self, victim: TcpStream, server: TcpStream) -> Arc<Line> {
        let (pace, is_cut) = (Arc::clone(&self.pace), AtomicBool::new(false));
        let line = Arc::new(Line { victim, server, pace, is_cut });
        self.lines.retain(|line| line.strong_count() > 0);
        self.lines.push(Arc::downgrade(&line));
        line
    }

    pub(super) fn cut_all(&mut self, cut: Cut) {
        for line in self.lines.drain(..).filter_map(|line| line.upgrade()) {
            line.is_cut.store(true, Ordering::SeqCst);
            line.cut(cut);
            if cut == Cut::Silence {
                self.silent.push(line);
            }
        }
        self.pace.wake();
    }

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
    pub(super) fn pass_up(&self) {
        let mut buffer = [0; 16_384];
        while let Some(bytes) = read(&self.victim, &mut buffer) {
            self.pace.hold(|| self.is_cut());
            if self.is_cut() || (&self.server).write_all(bytes).is_err() {
                return;
            }
        }
        self.end(&self.server);
    }

    /// Passes on what the server says.
    pub(super) fn pass_down(self: &Arc<Self>, plan: &Mutex<Plan>, mut watch: Option<Box<dyn Watch>>) {
        let mut buffer = [0; 16_384];
        let mut passed = Vec::new();
        while let Some(bytes) = read(&self.server, &mut buffer) {
            passed.clear();
            let seen = if let Some(watch) = &mut watch {
                watch.look(bytes, &mut passed)
            } else {
                passed.extend_from_slice(bytes);
                None
            };
            self.pace.hold(|| self.is_cut());
            let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_cut() {
                return;
            }
            let (allowed, planned) = plan.allow(passed.len());
            let cut = planned.or(seen);
            if cut == Some(Cut::Silence) {
                plan.silent.push(Arc::clone(self));
            }
            // Before the victim gets the last bytes: it may answer them.
            self.is_cut.store(cut.is_some(), Ordering::SeqCst);
            drop(plan);
            let is_passed = (&self.victim).write_all(&passed[..allowed]).is_ok();
            if let Some(cut) = cut {
                return self.cut(cut);
            }
            if !is_passed {
                return;
            }
        }
        self.end(&self.victim);
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
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
        if !self.is_cut() {
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
