//! People sign in: a challenge, and a session for its signature.

use std::{io, time::Instant};

use vestibule_approve::signed::Alg;
use vestibule_tests::people::Person;

use super::{COUNTS_PRODUCT, Scenario, Subject};
use crate::{candidate::Application, ledger::Faults, measure::Sample, statistics::Times};

const WARM_UP: usize = 10;

/// People with Ed25519 keys, one after the other, each over two connections.
#[derive(Debug, Clone, Copy)]
pub struct SignIn {
    /// How many.
    pub people: usize,
}

impl Scenario for SignIn {
    fn key(&self) -> String {
        "sign-in".to_owned()
    }

    fn name(&self) -> String {
        "sign in with Ed25519".to_owned()
    }

    fn unit(&self) -> &'static str {
        "user"
    }

    fn is_counted(&self) -> bool {
        COUNTS_PRODUCT
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let server = subject.address();
        for _ in 0..WARM_UP {
            Person::new(Alg::Ed25519).sign_in(server);
        }
        let people: Vec<Person> = (0..self.people).map(|_| Person::new(Alg::Ed25519)).collect();
        let mut times = Times::default();
        let begun = subject.begin()?;
        for person in &people {
            let start = Instant::now();
            person.sign_in(server);
            times.add(start.elapsed());
        }
        Ok(Sample::of_messages(people.len() as u64, begun.end()?, times, Faults::default()))
    }
}
