//! What the framework counts, and what metrics are made of.
//!
//! Each part of a server owns the numbers of what it does, as handles that are there from its start: counting adds to an
//! atomic number, takes no lock and looks nothing up. No label names a topic, a user or an address: there are as many series
//! after a year as at the start.

mod labelled_metric;
mod sharded;
mod traffic;

pub(crate) use self::traffic::Joined;
pub use self::{
    labelled_metric::LabelledMetric,
    sharded::{HotCounter, Sharded},
    traffic::{Ending, Limit, Traffic},
};

/// The names and values of one metric's labels.
pub type Labels = Vec<(&'static str, &'static str)>;
