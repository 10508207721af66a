//! The registry of all metrics.
//!
//! The channel framework's metrics are [`Traffic`](vestibule_channels::metrics::Traffic); the store
//! and the approve flow register their own.

mod process;
mod prometheus_text;
mod snapshot;

use std::fmt;

use prometheus_client::{encoding::text, metrics::gauge::Gauge, registry::Registry};
use vestibule_channels::metrics::LabelledMetric;

use self::process::Process;
pub use self::snapshot::Snapshot;

/// The prefix of all names, except those of the process, which are the same in every program.
const PREFIX: &str = "vestibule";

/// All metrics.
#[derive(Debug)]
pub struct Metrics(Registry);

impl Default for Metrics {
    /// The metrics of the process and its version.
    fn default() -> Self {
        let mut metrics = Self(Registry::default());
        metrics.0.register_collector(Box::new(Process));
        let version = LabelledMetric::<Gauge, 1>::new([vec![("version", env!("CARGO_PKG_VERSION"))]]);
        version[0].set(1);
        metrics.add(|registry| version.register(registry, "build_info", "The running version; always 1"));
        metrics
    }
}

impl Metrics {
    /// Adds a part's metrics, under names that begin with `vestibule_`.
    pub fn add(&mut self, register: impl FnOnce(&mut Registry)) {
        register(self.0.sub_registry_with_prefix(PREFIX));
    }

    /// All metrics in the format `OpenMetrics` 1.0.
    pub fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }

    /// The values of all metrics now.
    pub fn snapshot(&self) -> Result<Snapshot, fmt::Error> {
        Snapshot::of(&self.open_metrics()?)
    }

    /// All metrics in Prometheus' older text format, version 0.0.4.
    pub fn classic(&self) -> Result<String, fmt::Error> {
        self.open_metrics().map(|text| prometheus_text::from_open_metrics(&text))
    }
}
