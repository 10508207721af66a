//! Every order of steps of a small world: Bob with two devices, Alice who is honest, Mallory who
//! holds the room key and is not, Eve who has only asked, a network that is late and loses,
//! crashes, and a clock.
//!
//! The server is the [`Reference`] store and the rules that the real one runs. [`Flow`] is a
//! [`Model`] of `stateright`, which looks for a state in which one of the properties does not hold.
//! What must stay possible, whatever has happened, is asked of the [`Graph`](crate::graph::Graph)
//! of all states: see [`Flow::verdict`].

mod effects;
pub mod names;
pub mod properties;
mod scope;
mod state;
mod steps;
mod verdict;

use std::collections::BTreeSet;

use stateright::{Model, Property};
use vestibule_approve::{
    ids::Hash,
    rules::{Command, Policy},
};

use self::{
    names::{ALICE, EVE, FOUNDER, ROOM, request_of_eve},
    state::Stores,
};
pub use self::{
    scope::{Flaw, Scope},
    state::{Frame, Knows, State, Store, Told},
    steps::Step,
    verdict::{ENOUGH, POSSIBLE, UNSILENCED, Verdict},
};
use crate::reference::Reference;

/// The world, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Flow {
    scope: Scope,
    flaw: Option<Flaw>,
    stores: Stores,
}

impl Flow {
    /// The world as it should be.
    pub fn new(scope: Scope) -> Self {
        Self { scope, flaw: None, stores: Stores::default() }
    }

    /// The same with something wrong.
    #[must_use]
    pub fn with(self, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..self }
    }

    /// A room that takes requests, and Eve's in it.
    fn at_first(&self) -> Reference {
        let mut store = Reference::default();
        let (version, policy, digest) = (1, Policy::Request, Hash([1; 32]));
        let card = Command::Publish { version, policy, digest, listed: None };
        let asks = request_of_eve(self.scope.request_exp);
        let creator = if self.scope.alice_created { ALICE } else { FOUNDER };
        for (caller, command) in [(creator, card), (EVE, asks)] {
            store.carry_out(&self.scope.quotas, &ROOM, &caller, &command, 0).expect("a decision");
        }
        store
    }
}

impl Model for Flow {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            store: self.stores.of(self.at_first()),
            disk: None,
            now: 0,
            devices: Default::default(),
            alice_crashes: 0,
            network: BTreeSet::new(),
            told: Told::default(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps(state, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        self.take(state, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Self::always()
    }
}
