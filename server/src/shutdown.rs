//! How the server stops: told by SIGTERM or SIGINT, at its clients' leisure, but not for ever.

use std::{io, process, time::Duration};

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};

use crate::transport::Connections;

/// How long clients may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits to be told to stop, sends everybody away with close code 1012 (phoenix.js reconnects), and stops the HTTP server.
/// A second signal ends the process at once; what was answered ok is stored.
pub(crate) async fn wait_and_drain(server: &ServerHandle, connections: &Connections) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(connections = connections.count(), "stopping");
    let drained = async { tokio::join!(connections.drain(PATIENCE), server.stop(true)).0 };
    tokio::select! {
        left = drained => {
            if left > 0 {
                tracing::warn!(left, "connections that did not go in time");
            }
        }
        _ = terminate.recv() => process::exit(1),
        _ = interrupt.recv() => process::exit(1),
    }
    Ok(())
}
