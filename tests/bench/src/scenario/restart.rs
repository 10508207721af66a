//! The server is killed and started again, and everybody comes back at once.

use std::{io, time::Instant};

use super::{
    Scenario, Subject,
    people::{in_threads, members, rooms},
};
use crate::{candidate::Application, ledger::Faults, measure::Sample, statistics::Times};

/// People who are members of rooms of ten, and come back with the tokens that they have.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// How many.
    pub people: usize,
}

impl Scenario for Restart {
    fn key(&self) -> String {
        "restart".to_owned()
    }

    fn name(&self) -> String {
        format!("{} users come back after a restart", self.people)
    }

    fn unit(&self) -> &'static str {
        "user"
    }

    fn is_counted(&self) -> bool {
        false
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let server = subject.address();
        let rooms = rooms(self.people);
        let members = members(server, &rooms);
        drop(in_threads(&members, |member| member.enter(server)));

        subject.server.restart();
        let begun = subject.begin()?;
        let start = Instant::now();
        let back = in_threads(&members, |member| (member.enter(server), start.elapsed()));
        let cost = begun.end()?;
        let mut times = Times::default();
        for (_, time) in &back {
            times.add(*time);
        }
        Ok(Sample::of_messages(back.len() as u64, cost, times, Faults::default()))
    }
}
