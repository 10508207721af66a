//! A small world with every order of steps: Bob with two devices; Alice, an honest member; Mallory,
//! a hostile member; Eve, who has only sent a request; a network that delays and loses frames;
//! crashes; and a clock.
//!
//! The server is the [`Reference`] store with the rules of the real one. [`Flow`] is a [`Model`]
//! for `stateright`, which looks for a state in which a property does not hold. [`Flow::check`]
//! also checks on the [`Graph`](crate::graph::Graph) of all states what must always stay possible.

mod check;
mod effects;
pub mod names;
pub mod properties;
mod scope;
mod state;
mod steps;

use std::collections::BTreeSet;

use stateright::{Model, Property};
use vestibule_approve::{
    ids::Hash,
    rules::{Command, Policy},
};

pub use self::{
    check::{CheckResult, ENOUGH, POSSIBLE, UNSILENCED},
    scope::{Flaw, Scope},
    state::{Frame, Knows, State, Store, Told},
    steps::Step,
};
use self::{
    names::{ALICE, EVE, FOUNDER, ROOM, request_of_eve},
    state::Stores,
};
use crate::reference::Reference;

/// The world, with a flaw if wanted.
#[derive(Clone, Debug)]
pub struct Flow {
    scope: Scope,
    flaw: Option<Flaw>,
    stores: Stores,
}

impl Flow {
    /// The world without a flaw.
    pub fn new(scope: Scope) -> Self {
        Self { scope, flaw: None, stores: Stores::default() }
    }

    /// The same world with a flaw.
    #[must_use]
    pub fn with(self, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..self }
    }

    /// A room that takes requests, with one of Eve's.
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
