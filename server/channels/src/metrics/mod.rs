//! What the framework counts, and the parts that metrics are made of.
//!
//! Each part of a server owns its metrics, as handles that exist from its start: counting adds to
//! an atomic number, takes no lock and looks nothing up. No label names a topic, a user or an
//! address, so the number of series is constant.

mod labelled_metric;
mod sharded;
mod traffic;

pub(crate) use self::traffic::{JoinCount, Limit};
pub use vestibule_phoenix::disconnect::Ending;

pub use self::{
    labelled_metric::LabelledMetric,
    sharded::{HotCounter, Sharded},
    traffic::Traffic,
};

/// The names and values of a series' labels.
pub type Labels = Vec<(&'static str, &'static str)>;
