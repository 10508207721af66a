//! What the service manager and the server tell each other: a socket that is open already (`sd_listen_fds(3)`), and how it goes
//! (`sd_notify(3)`). Without systemd all of it does nothing.

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

/// How often the status line is renewed where no watchdog waits for more.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// How many may wait to be let in, as far as the kernel lets them (`net.core.somaxconn`). After a restart all come at once.
const QUEUE: i32 = 4096;

/// The socket that systemd has opened, or one that is bound to `address`. A restart refuses nobody who comes to the former: it
/// stays open in between, and whoever comes waits in its queue.
pub(crate) fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let mut passed = ListenFd::from_env();
    if passed.len() > 1 {
        return Err(io::Error::other(format!("systemd passed {} sockets, expected one", passed.len())));
    }
    passed.take_tcp_listener(0)?.map_or_else(|| bind(address), Ok)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // Again, since the standard library has 128 wait.
    SockRef::from(&listener).listen(QUEUE)?;
    Ok(listener)
}

/// The server accepts connections.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read again; [`ready`] follows.
pub(crate) fn reloading() {
    let now = NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading the configuration"));
    tell(&[NotifyState::Reloading, now]);
}

/// The status line, which `systemctl status` shows: how many are connected, where the server listens, and what came of the last
/// time that it read its configuration again.
#[derive(Clone)]
pub(crate) struct Status {
    pub(crate) connections: Arc<Connections>,
    pub(crate) listens: String,
    pub(crate) reloaded: Arc<ArcSwap<Option<String>>>,
}

impl Status {
    /// The line as it is now.
    fn line(&self) -> String {
        let line = format!("{} connections, {}", self.connections.count(), self.listens);
        match &**self.reloaded.load() {
            Some(reloaded) => format!("{line}; configuration reloaded: {reloaded}"),
            None => line,
        }
    }

    /// The configuration was read again, and this came of it. [`ready`] is said too.
    pub(crate) fn reloaded(&self, said: String) {
        self.reloaded.store(Arc::new(Some(said)));
        tell(&[NotifyState::Ready, NotifyState::Status(&self.line())]);
    }
}

/// The server is on its way out, and sends its clients away.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("disconnecting clients")]);
}

/// Says again and again that this thread's event loop turns, twice in the time after which systemd would kill the server
/// (`WatchdogSec=`), and what the status is.
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
