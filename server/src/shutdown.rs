//! How the server stops: told by SIGTERM, SIGINT or an operator, at its clients' leisure, but not for ever. Until then, SIGHUP
//! has it read its configuration again.

use std::{io, process, time::Duration};

use actix_web::dev::ServerHandle;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use vestibule_channels::transport::Connections;

use crate::systemd;

/// How long clients may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signals that the server is told with. From when this is made they no longer end the process by themselves.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over.
    pub(crate) fn take_over() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { terminate, interrupt, hangup })
    }

    /// Waits to be told to stop; until then has what is to be done on SIGHUP done.
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

/// Waits to be told to stop, by a signal or by `asked`, sends everybody away with close code 1012 (phoenix.js reconnects), and stops the HTTP server.
/// A second signal ends the process at once; what was answered ok is stored.
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
    let drained = async { tokio::join!(connections.drain(PATIENCE), server.stop(true)).0 };
    tokio::select! {
        left = drained => {
            if left > 0 {
                tracing::warn!(left, "connections did not close in time");
            }
        }
        () = signals.stop(|| {}) => process::exit(1),
    }
}
