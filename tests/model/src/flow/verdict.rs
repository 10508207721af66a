//! What all states together say about the world.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use stateright::{Expectation, Model, Property};

use super::{
    Flow,
    names::Device,
    state::{Frame, State},
    steps::Step,
};
use crate::graph::{Graph, Marks};

/// Whoever was promised the key can still get it, on each of their devices: without asking again, by what honest clients and the
/// server do by themselves.
pub const POSSIBLE: &str = "who asked can still get the key";
/// Once an approve of Alice's is stored, and until its time is over, nobody has to send another.
pub const ENOUGH: &str = "one honest approve is enough";

/// A step towards the key.
const HELPS: Marks = 1;
/// The same, and it is none of Alice's.
const HELPS_WITHOUT_ALICE: Marks = 2;

/// The outcome of looking at all states.
#[derive(Debug)]
pub struct Verdict {
    /// How many there are.
    pub states: usize,
    /// In how many a device has been promised the key and waits for it.
    pub waiting: usize,
    /// What does not hold, each with a shortest way to where it does not.
    pub broken: BTreeMap<&'static str, Vec<String>>,
    /// How long it took.
    pub took: Duration,
}

impl Flow {
    /// Looks at all states. What is possible is looked for from all of them, what always holds in each.
    pub fn verdict(&self) -> Verdict {
        let start = Instant::now();
        let always: Vec<Property<Self>> = self.properties();
        let always: Vec<_> =
            always.into_iter().filter(|property| property.expectation == Expectation::Always).collect();
        let bit = |number: usize| 1 << number;
        let [owed, approved, has] =
            [0, 1, 2].map(|kind| move |device: Device| -> Marks { 1 << (20 + 2 * kind + device as usize) });
        let mark_state = |state: &State| {
            let mut marks = 0;
            for (number, property) in always.iter().enumerate() {
                marks |= if (property.condition)(self, state) { 0 } else { bit(number) };
            }
            for device in self.devices() {
                marks |= if self.is_owed(state, device) { owed(device) } else { 0 };
                marks |= if self.is_approved_for(state, device) { approved(device) } else { 0 };
                marks |= if state.device(device).has_key { has(device) } else { 0 };
            }
            marks
        };
        let graph = Graph::new(self, mark_state, |state, step| mark_step(state, *step));
        let mut broken = BTreeMap::new();
        for (number, property) in always.iter().enumerate() {
            broken.extend(graph.nearest(bit(number)).map(|path| (property.name, path)));
        }
        for device in self.devices() {
            let possible = (POSSIBLE, graph.stuck(owed(device), has(device), HELPS));
            let enough = (ENOUGH, graph.stuck(approved(device), has(device), HELPS_WITHOUT_ALICE));
            for (property, stuck) in [possible, enough] {
                if let Some(path) = stuck {
                    broken.entry(property).or_insert(path);
                }
            }
        }
        let waiting = graph.count(self.devices().map(owed).sum());
        Verdict { states: graph.len(), waiting, broken, took: start.elapsed() }
    }
}

fn mark_step(state: &State, step: Step) -> Marks {
    match step {
        _ if !Flow::is_cooperative(state, step) => 0,
        Step::Approve(_) | Step::Arrive(Frame::Approve(_)) => HELPS,
        _ => HELPS | HELPS_WITHOUT_ALICE,
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, waiting, took, broken } = self;
        write!(formatter, "{states} states, in {waiting} somebody waits; {took:.1?}")?;
        for (property, path) in broken {
            write!(formatter, "\n  broken: {property}\n    after {}", path.join(", "))?;
        }
        Ok(())
    }
}
