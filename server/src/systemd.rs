//! Talks to systemd: takes the socket that it has opened (`sd_listen_fds(3)`), and notifies it of
//! the server's state (`sd_notify(3)`). Without systemd nothing happens.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::rt::{self, task::JoinHandle, time};
use arc_swap::ArcSwap;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use socket2::SockRef;
use vestibule_channels::transport::Connections;

/// How often the status line is sent if no watchdog needs more.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// Connections that may wait to be accepted, as far as the kernel allows (`net.core.somaxconn`).
/// After a restart all clients connect at once.
const QUEUE: i32 = 4096;

/// The socket that systemd has opened, or one bound to `address`. systemd keeps its socket open
/// during a restart, so clients wait in its queue instead of being refused.
pub(crate) fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let mut passed = ListenFd::from_env();
    if passed.len() > 1 {
        return Err(io::Error::other(format!("systemd passed {} sockets, expected one", passed.len())));
    }
    passed.take_tcp_listener(0)?.map_or_else(|| bind(address), Ok)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // Again, because the standard library has a queue of 128.
    SockRef::from(&listener).listen(QUEUE)?;
    Ok(listener)
}

/// Notifies that the server accepts connections.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Notifies that the server reloads. [`ready`] follows.
pub(crate) fn reloading() {
    let now = NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading the configuration"));
    tell(&[NotifyState::Reloading, now]);
}

/// The status line that `systemctl status` shows: the number of connections, where the server
/// listens, and the result of the last reload.
#[derive(Clone)]
pub(crate) struct Status {
    connections: Arc<Connections>,
    listens: String,
    reloaded: Arc<ArcSwap<Option<String>>>,
}

impl Status {
    /// The status of a server that `listens` describes and that has not been reloaded.
    pub(crate) fn new(connections: Arc<Connections>, listens: String) -> Self {
        Self { connections, listens, reloaded: Arc::default() }
    }

    /// The current line.
    fn line(&self) -> String {
        let line = format!("{} connections, {}", self.connections.count(), self.listens);
        match &**self.reloaded.load() {
            Some(reloaded) => format!("{line}; configuration reloaded: {reloaded}"),
            None => line,
        }
    }

    /// Notifies that the server has reloaded, with a summary, and is ready again.
    pub(crate) fn reloaded(&self, said: String) {
        self.reloaded.store(Arc::new(Some(said)));
        tell(&[NotifyState::Ready, NotifyState::Status(&self.line())]);
    }
}

/// Notifies that the server is stopping.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("disconnecting clients")]);
}

/// Notifies again and again that this thread's event loop runs, twice within the time after which
/// systemd would kill the server (`WatchdogSec=`), and what the status is.
pub(crate) fn watch(status: Status) -> JoinHandle<()> {
    let every = sd_notify::watchdog_enabled().map_or(STATUS_EVERY, |limit| limit / 2);
    rt::spawn(async move {
        let mut ticks = time::interval(every);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog, NotifyState::Status(&status.line())]);
        }
    })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
