//! A database for one test.

use std::sync::atomic::Ordering;
use std::thread;

use super::cluster::Cluster;

/// A new, empty database, dropped with this value.
#[derive(Debug)]
pub struct Database<'c> {
    cluster: &'c Cluster,
    name: String,
}

impl Cluster {
    /// Makes a new, empty database.
    ///
    /// # Panics
    /// If it cannot.
    pub fn database(&self) -> Database<'_> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        Database { cluster: self, name }
    }
}

impl<'c> Database<'c> {
    /// Its name, by which the cluster's methods know it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// Its URL over TCP.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Its URL over the Unix socket.
    pub fn socket_url(&self) -> String {
        self.cluster.socket_url(&self.name)
    }

    /// Runs a statement: see [`Cluster::query`].
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.cluster.query(&self.name, sql)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let (log, mark) = (self.cluster.log(), format!("@{} ", self.name));
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(&mark)).collect();
            eprintln!("--- PostgreSQL's log of {}\n{}\n---", self.name, lines.join("\n"));
        }
        // A cluster that does not run keeps it until the cluster's own end.
        let _ = self.cluster.try_query("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
