//! A metric with labels whose values are known beforehand.

use std::{fmt, ops::Index};

use prometheus_client::{
    encoding::EncodeMetric,
    metrics::{TypedMetric, family::Family},
    registry::Registry,
};

use super::Labels;

/// One metric with labels, all of whose series exist from the start: counting one takes an index.
#[derive(Clone)]
pub struct LabelledMetric<M, const N: usize> {
    family: Family<Labels, M>,
    handles: [M; N],
}

impl<M: Clone + Default, const N: usize> LabelledMetric<M, N> {
    /// A series for each of these sets of labels.
    pub fn new(cases: [Labels; N]) -> Self {
        let family = Family::<Labels, M>::default();
        let handles = cases.map(|labels| family.get_or_create_owned(&labels));
        Self { family, handles }
    }

    /// A series for each of these values of one label.
    pub fn labelled(label: &'static str, values: [&'static str; N]) -> Self {
        Self::new(values.map(|value| vec![(label, value)]))
    }
}

impl<M, const N: usize> LabelledMetric<M, N>
where
    M: EncodeMetric + TypedMetric + Clone + Send + Sync + fmt::Debug + 'static,
{
    /// Registers all series under one name.
    pub fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.family.clone());
    }
}

impl<M, const N: usize> Index<usize> for LabelledMetric<M, N> {
    type Output = M;

    fn index(&self, case: usize) -> &M {
        &self.handles[case]
    }
}

impl<M, const N: usize> fmt::Debug for LabelledMetric<M, N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LabelledMetric").field("cases", &N).finish_non_exhaustive()
    }
}
