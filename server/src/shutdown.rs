//! How the server stops: told by SIGTERM or SIGINT, at its clients' leisure, but not for ever.

use std::{io, process, time::Duration};

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{systemd, transport::Connections};

/// How long clients may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signals that end the server. From when this is made they no longer end the process by themselves.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over.
    pub(crate) fn take_over() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits to be told to stop, sends everybody away with close code 1012 (phoenix.js reconnects), and stops the HTTP server.
/// A second signal ends the process at once; what was answered ok is stored.
pub(crate) async fn wait_and_drain(mut signals: Signals, server: &ServerHandle, connections: &Connections) {
    signals.next().await;
    tracing::info!(connections = connections.count(), "stopping");
    systemd::stopping();
    let drained = async { tokio::join!(connections.drain(PATIENCE), server.stop(true)).0 };
    tokio::select! {
        left = drained => {
            if left > 0 {
                tracing::warn!(left, "connections that did not go in time");
            }
        }
        () = signals.next() => process::exit(1),
    }
}
