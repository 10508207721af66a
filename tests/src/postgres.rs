//! A PostgreSQL of the tests' own: real servers in temporary folders, which can be killed, paused,
//! reconfigured, replicated and cut off, and whose answers can be lost.
//!
//! [`shared`] is one for all tests of a process, each with a [`Database`] of its own. A test that
//! troubles the server starts another one: [`Cluster::start`].
//!
//! A cluster is what PostgreSQL calls one server with its data folder and its databases.

mod cluster;
mod database;
mod folder;
mod postmaster;
mod programs;
mod proxy;
mod psql;
mod standby;
mod tls;

use std::sync::OnceLock;

pub use cluster::Cluster;
pub use database::Database;
pub use proxy::Proxy;
pub use psql::psql;
pub use standby::Replication;

/// The cluster for all tests of this process. It goes when the process ends.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}
