//! Presence: a client joins, and every subscriber of the topic gets the diff.

use std::{
    io::{self, ErrorKind},
    time::{Duration, Instant},
};

use super::{
    PATIENCE, Scenario, Subject,
    admit::{admit, admit_with},
};
use crate::{
    candidate::Application,
    crowd::{Arrival, Crowd},
    ledger::Ledger,
    measure::Sample,
    statistics::Times,
    wire::message::{self, Parts},
};

const TOPIC: &str = "presence:1";

/// How many fewer join under an emulator.
const SLOWER: usize = 10;

/// How many join first, for warming up.
const WARM_UP: usize = 5;

/// How long nothing may come until everybody has been told of those who were there at first.
const QUIET: Duration = Duration::from_millis(200);

/// Clients that join a topic one after the other, and the diffs that those who are there get.
#[derive(Debug, Clone, Copy)]
pub struct Presence {
    /// How many are there.
    pub members: usize,
    /// How many join.
    pub joins: usize,
}

impl Scenario for Presence {
    fn key(&self) -> String {
        "presence".to_owned()
    }

    fn name(&self) -> String {
        format!("presence, a join among {}", self.members)
    }

    fn unit(&self) -> &'static str {
        "delivered diff"
    }

    fn application(&self) -> Application {
        Application::Playground
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let joins = if subject.gauge.is_slow() { self.joins / SLOWER } else { self.joins };
        let mut crowd = Crowd::new(subject.address())?;
        let member = |client| (TOPIC.to_owned(), format!(r#"{{"user":"member {client}"}}"#));
        admit_with(&mut crowd, self.members, member)?;
        // They connect before, so that only their joins are measured.
        admit(&mut crowd, WARM_UP + joins, |client| format!("room:{client}"))?;
        while crowd.receive(QUIET, |_, _| Ok(()))? {}

        let mut presence = Joins { members: self.members, ledger: Ledger::new(self.members), crowd };
        presence.join(0..WARM_UP, &mut Times::default())?;
        let mut times = Times::default();
        let begun = subject.begin()?;
        presence.join(WARM_UP..WARM_UP + joins, &mut times)?;
        let cost = begun.end()?;
        let faults = presence.ledger.faults(|_| (WARM_UP + joins) as u64);
        Ok(Sample::of_messages((joins * self.members) as u64, cost, times, faults))
    }
}

/// The joins, of which every member keeps a ledger.
struct Joins {
    members: usize,
    ledger: Ledger,
    crowd: Crowd,
}

impl Joins {
    fn join(&mut self, joiners: std::ops::Range<usize>, times: &mut Times) -> io::Result<()> {
        let Self { members, ledger, crowd } = self;
        for joiner in joiners {
            let params = format!(r#"{{"user":"joiner {joiner}","device":{{"n":{joiner}}}}}"#);
            let text = message::text(Some(2), 2, TOPIC, "phx_join", &params);
            let begin = Instant::now();
            crowd.send(*members + joiner, [&*text])?;
            let mut told = 0;
            while told < *members {
                let is_any = crowd.receive(PATIENCE, |client, arrival| {
                    let Arrival::Text(text) = arrival else { return Err(ErrorKind::InvalidData.into()) };
                    let parts = Parts::split(text).ok_or(ErrorKind::InvalidData)?;
                    // The joiners get replies, the list and diffs too.
                    if client < *members && parts.event == b"\"presence_diff\"" {
                        let number = message::number(parts.payload).ok_or(ErrorKind::InvalidData)?;
                        ledger.enter(client, number);
                        times.add(begin.elapsed());
                        told += 1;
                    }
                    Ok(())
                })?;
                if !is_any {
                    // The ledger has what is lost.
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
