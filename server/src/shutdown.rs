//! Stops the server on SIGTERM, SIGINT or an operator's request, once its clients have gone or
//! their time is over. Until then, SIGHUP makes it reload.

use std::{io, process, time::Duration};

use actix_web::dev::ServerHandle;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use vestibule_channels::transport::Connections;

use crate::systemd;

/// How long clients may take to disconnect.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signals that the server handles. From when this is created they no longer end the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to handle the signals.
    pub(crate) fn take_over() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { terminate, interrupt, hangup })
    }

    /// Waits for SIGTERM or SIGINT. Calls `on_hangup` on each SIGHUP until then.
    async fn stop(&mut self, mut on_hangup: impl FnMut()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => on_hangup(),
            }
        }
    }
}

/// Waits for a signal or for `asked`, closes all connections with code 1012 (phoenix.js
/// reconnects), and stops the HTTP server. A second signal ends the process at once; whatever was
/// answered `ok` is stored.
pub(crate) async fn wait_and_drain(
    mut signals: Signals,
    on_hangup: impl FnMut(),
    asked: &Notify,
    server: &ServerHandle,
    connections: &Connections,
) {
    tokio::select! {
        () = signals.stop(on_hangup) => {}
        () = asked.notified() => {}
    }
    tracing::info!(connections = connections.count(), "stopping");
    systemd::stopping();
    let drained = vestibule_channels::drain(connections, server, PATIENCE);
    tokio::select! {
        left = drained => {
            if left > 0 {
                tracing::warn!(left, "connections did not close in time");
            }
        }
        () = signals.stop(|| {}) => process::exit(1),
    }
}
