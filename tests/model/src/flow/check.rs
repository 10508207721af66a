//! The check of all states.

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

/// A user who was promised the key can still get it, on each device: without a new request, by
/// steps of honest clients and the server alone.
pub const POSSIBLE: &str = "who asked can still get the key";
/// Once an approve of Alice's is stored, and until it expires, nobody has to send another.
pub const ENOUGH: &str = "one honest approve is enough";

/// If Alice created the room: however much garbage came first, her client alone gets a good approve
/// stored, without waiting for Bob.
pub const UNSILENCED: &str = "garbage does not silence the creator";

/// A step by honest clients or the server.
const HELPS: Marks = 1;
/// The same, but not by Alice.
const HELPS_WITHOUT_ALICE: Marks = 2;
/// A step by Alice's client.
const ALICE_HELPS: Marks = 4;

/// The result of checking all states.
#[derive(Debug)]
pub struct CheckResult {
    /// How many there are.
    pub states: usize,
    /// In how many of them a device has been promised the key and waits for it.
    pub waiting: usize,
    /// The properties that do not hold, each with a shortest path to where it fails.
    pub broken: BTreeMap<&'static str, Vec<String>>,
    /// How long it took.
    pub took: Duration,
}

/// A property, and a path to where it fails.
type Broken = (&'static str, Vec<String>);

impl Flow {
    /// Checks all states: each for the properties that always hold, and all together for those that
    /// stay possible.
    pub fn check(&self) -> CheckResult {
        let start = Instant::now();
        let always: Vec<_> = self.properties().into_iter().filter(is_always).collect();
        let mark_state = |state: &State| self.mark_broken(&always, state) | self.mark_devices(state);
        let graph = Graph::new(self, mark_state, |state, step| self.mark_step(state, *step));
        let waiting = graph.count(self.devices().map(owed).sum());
        let broken = [what_broke(&graph, &always), self.what_is_impossible(&graph)].concat();
        // The nearest first: a property may be broken for both devices.
        let broken = broken.into_iter().rev().collect();
        CheckResult { states: graph.len(), waiting, broken, took: start.elapsed() }
    }

    fn mark_broken(&self, always: &[Property<Self>], state: &State) -> Marks {
        let holds = |property: &Property<Self>| (property.condition)(self, state);
        let broken = always.iter().enumerate().filter(|(_, property)| !holds(property));
        broken.map(|(number, _)| 1 << number).sum()
    }

    fn mark_devices(&self, state: &State) -> Marks {
        let mark = |holds: bool, mark: Marks| if holds { mark } else { 0 };
        let marks = self.devices().map(|device| {
            mark(self.is_owed(state, device), owed(device))
                | mark(self.is_approved_for(state, device), approved(device))
                | mark(state.device(device).has_key, has_key(device))
                | mark(self.is_unanswered(state, device), unanswered(device))
                | mark(self.is_answered(state, device), answered(device))
        });
        marks.sum()
    }

    fn mark_step(&self, state: &State, step: Step) -> Marks {
        match step {
            _ if !self.is_cooperative(state, step) => 0,
            Step::Approve(_) | Step::Arrive(Frame::Approve(_)) => HELPS | ALICE_HELPS,
            _ => HELPS | HELPS_WITHOUT_ALICE,
        }
    }

    fn what_is_impossible(&self, graph: &Graph<'_, Self>) -> Vec<Broken> {
        let of_device = |device| {
            let possible = (POSSIBLE, graph.stuck(owed(device), has_key(device), HELPS));
            let enough = (ENOUGH, graph.stuck(approved(device), has_key(device), HELPS_WITHOUT_ALICE));
            let silenced = || graph.stuck(unanswered(device), answered(device), ALICE_HELPS);
            let unsilenced = (UNSILENCED, self.scope.alice_created.then(silenced).flatten());
            [possible, enough, unsilenced]
        };
        let all = self.devices().flat_map(of_device);
        all.filter_map(|(property, stuck)| stuck.map(|path| (property, path))).collect()
    }
}

fn what_broke(graph: &Graph<'_, Flow>, always: &[Property<Flow>]) -> Vec<Broken> {
    let nearest = |(number, property): (usize, &Property<Flow>)| {
        graph.nearest(1 << number).map(|path| (property.name, path))
    };
    always.iter().enumerate().filter_map(nearest).collect()
}

// The marks of a state: the first bits are the properties that it breaks; above them are these five
// for each device.

fn owed(device: Device) -> Marks {
    1 << (20 + device as u32)
}

fn approved(device: Device) -> Marks {
    1 << (22 + device as u32)
}

fn has_key(device: Device) -> Marks {
    1 << (24 + device as u32)
}

fn unanswered(device: Device) -> Marks {
    1 << (26 + device as u32)
}

fn answered(device: Device) -> Marks {
    1 << (28 + device as u32)
}

fn is_always(property: &Property<Flow>) -> bool {
    property.expectation == Expectation::Always
}

impl fmt::Display for CheckResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, waiting, took, broken } = self;
        write!(formatter, "{states} states, in {waiting} somebody waits; {took:.1?}")?;
        for (property, path) in broken {
            write!(formatter, "\n  broken: {property}\n    after {}", path.join(", "))?;
        }
        Ok(())
    }
}
