//! What a message and a connection cost: a load generator, the figures it takes of the servers
//! under test, and the report.
//!
//! `make bench` runs it. The servers are child processes: the framework's example `playground`, the
//! [floor](../floor/index.html), and on request the playground of another revision. Rounds
//! alternate between them, so that whatever else the machine does hits all of them.
//!
//! - [`scenario`] has what clients do, in one thread that drives a whole [`crowd`] of them;
//! - [`gauge`] takes a server's processor time, or the instructions it executes;
//! - [`rounds`] runs the scenarios on the servers and takes medians;
//! - [`report`] writes the table, the JSON and `docs/performance.md`.

pub mod candidate;
pub mod crowd;
pub mod gauge;
pub mod ledger;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod report;
pub mod rounds;
pub mod scenario;
pub mod statistics;
pub mod wire;
