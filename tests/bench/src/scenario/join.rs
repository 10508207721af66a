//! A storm of clients that connect and join.

use std::io;

use super::{Scenario, Subject, admit::admit};
use crate::{crowd::Crowd, ledger::Faults, measure::Sample};

/// How many come first, for warming up.
const WARM_UP: usize = 64;

/// How many come under an emulator.
const COUNTED: usize = 256;

/// How many share a room.
const MEMBERS: usize = 10;

/// Clients that connect and join one topic each, 64 at any time.
#[derive(Debug, Clone, Copy)]
pub struct Join {
    /// How many.
    pub clients: usize,
}

impl Scenario for Join {
    fn key(&self) -> String {
        "join".to_owned()
    }

    fn name(&self) -> String {
        format!("connect and join, {} clients", self.clients)
    }

    fn unit(&self) -> &'static str {
        "client"
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let clients = if subject.gauge.is_slow() { COUNTED } else { self.clients };
        let mut crowd = Crowd::new(subject.address())?;
        admit(&mut crowd, WARM_UP, |client| format!("room:warm-up:{}", client / MEMBERS))?;
        let begun = subject.begin()?;
        let times = admit(&mut crowd, clients, |client| format!("room:{}", client / MEMBERS))?;
        // Whoever is not admitted in time ends the run: nothing can be lost.
        Ok(Sample::of_messages(clients as u64, begun.end()?, times, Faults::default()))
    }
}
