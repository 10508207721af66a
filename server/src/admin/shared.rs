//! What the routes of the operators' listener share.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use vestibule_channels::transport::{ConnectPolicy, Connections};
use vestibule_store::Clock;

use crate::{approve::Flow, configured::ConfiguredChannels, health::Health, metrics::Metrics};

/// Shared by all routes.
pub struct Admin {
    /// The server's metrics.
    pub metrics: Metrics,
    /// The application.
    pub flow: Arc<Flow>,
    /// The configured channels.
    pub channels: Arc<ConfiguredChannels>,
    /// Whether the server is ready.
    pub health: Arc<Health>,
    /// The server apart from the flow.
    pub server: ServerInfo,
}

/// The server, apart from the application.
pub struct ServerInfo {
    /// The clients' connections.
    pub connections: Arc<Connections>,
    /// Origins, limits and proxies of connections.
    pub connect_policy: Arc<ArcSwap<ConnectPolicy>>,
    /// The address at which clients connect.
    pub listens_at: SocketAddr,
    /// When the server started, in Unix milliseconds.
    pub started: i64,
    /// The clock that the server goes by.
    pub clock: Clock,
    /// Notify it to stop the server.
    pub drain: Arc<Notify>,
}
