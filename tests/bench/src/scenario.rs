//! What the clients do: each scenario has its own file.

mod admit;
mod ask;
mod churn;
mod configured;
mod conversation;
mod heartbeats;
mod idle;
mod join;
mod long_poll;
mod members;
mod people;
mod presence;
mod proofs;
mod restart;
mod sign_in;
mod slow_readers;
mod traffic;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

pub use self::{
    ask::Ask,
    churn::Churn,
    configured::Configured,
    conversation::Conversation,
    heartbeats::Heartbeats,
    idle::Idle,
    join::Join,
    long_poll::LongPoll,
    members::{Enter, IdleMembers},
    presence::Presence,
    proofs::Proofs,
    restart::Restart,
    sign_in::SignIn,
    slow_readers::SlowReaders,
};
use vestibule_tests::process::Server;

use crate::{
    candidate::{Application, Candidate},
    crowd::Crowd,
    gauge::{Begun, Gauge},
    measure::Sample,
    wire::certificate::Certificate,
};

/// How long nothing may arrive from a server that owes something.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether instructions are counted while people sign in and use the approve flow. Not so far:
/// only those of configured channels are compared with anything.
const COUNTS_PRODUCT: bool = false;

/// The unit of fan-out.
pub const DELIVERED: &str = "delivered frame";

/// A running server, and how it is measured.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What the server has.
    pub application: Application,
    /// The server, for a scenario to restart.
    pub server: &'a mut Server,
    /// How it is measured.
    pub gauge: &'a Gauge,
    /// Its certificate, if it is to be reached over TLS.
    pub certificate: Option<Arc<Certificate>>,
}

impl<'a> Subject<'a> {
    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A crowd without clients, which connects over TLS if the server does.
    pub fn crowd(&self) -> io::Result<Crowd> {
        Crowd::over(self.certificate.clone(), self.address())
    }

    /// Begins to measure the server.
    pub fn begin(&self) -> io::Result<Begun<'a>> {
        self.gauge.begin(self.server.id())
    }
}

/// What clients do, and what of it is measured.
pub trait Scenario {
    /// The key in the JSON and on the command line.
    fn key(&self) -> String;

    /// The name in tables.
    fn name(&self) -> String;

    /// What the figures are per.
    fn unit(&self) -> &'static str;

    /// Whether instructions are counted too, by another run under Callgrind.
    fn is_counted(&self) -> bool {
        true
    }

    /// Which servers can do it.
    fn application(&self) -> Application {
        Application::Channels
    }

    /// Whether there is something to learn from these servers, which can do it.
    fn is_worthwhile(&self, able: &[&Candidate]) -> bool {
        !able.is_empty()
    }

    /// The file of settings for the product, if it needs one.
    fn settings(&self) -> Option<String> {
        None
    }

    /// How many rounds are enough, of so many.
    fn rounds(&self, wanted: usize) -> usize {
        wanted
    }

    /// Runs it once against a fresh server.
    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample>;
}

/// All scenarios, in their short or long form.
pub fn all(is_long: bool) -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    let deliveries = if is_long { 500_000 } else { 60_000 };
    let mut shapes = vec![(1, 100, 1), (1, 1000, 1), (1, 1000, 4), (100, 50, 1), (100, 50, 4)];
    if is_long {
        shapes.insert(3, (1, 10_000, 1));
    }
    for (rooms, members, under_way) in shapes {
        all.push(Box::new(Conversation::fan_out(rooms, members, under_way, deliveries)));
    }
    for (rooms, members) in [(1, 1000), (100, 50)] {
        for has_history in [false, true] {
            all.push(Box::new(Configured::new(rooms, members, has_history, deliveries)));
        }
    }
    let echoes = if is_long { 200_000 } else { 40_000 };
    for (clients, under_way) in [(1, 1), (64, 1), (64, 8)] {
        // One client alone waits for each of its echoes.
        let echoes = if clients == 1 { echoes / 4 } else { echoes };
        all.push(Box::new(Conversation::echo(clients, under_way, echoes)));
    }
    all.push(Box::new(Join { clients: if is_long { 10_000 } else { 2000 } }));
    all.push(Box::new(Presence { members: 200, joins: if is_long { 300 } else { 30 } }));
    all.push(Box::new(LongPoll { echoes: if is_long { 10_000 } else { 2000 } }));
    all.extend([0, 10].map(|slow| Box::new(SlowReaders { members: 100, slow }) as Box<dyn Scenario>));
    // The server looks every few seconds whether clients have gone.
    let after = Duration::from_secs(if is_long { 30 } else { 10 });
    all.push(Box::new(Idle { clients: if is_long { 5000 } else { 2000 }, members: 10, after }));
    if is_long {
        // Of 20,000 descriptors a server keeps some free.
        all.push(Box::new(Idle { clients: 18_000, members: 10, after }));
    }
    for is_secured in [false, true] {
        all.push(Box::new(Heartbeats { clients: 500, each: if is_long { 200 } else { 40 }, is_secured }));
    }
    all.extend(of_the_product(is_long));
    if is_long {
        all.push(Box::new(Churn { people: 200, lasting: Duration::from_secs(3600) }));
    }
    all
}

fn of_the_product(is_long: bool) -> [Box<dyn Scenario>; 6] {
    let people = if is_long { 2000 } else { 200 };
    let (members, proofs) = if is_long { (1000, 100) } else { (200, 20) };
    [
        Box::new(SignIn { people }),
        Box::new(Enter { people }),
        Box::new(Proofs { members, proofs }),
        Box::new(Ask { newcomers: if is_long { 100 } else { 20 } }),
        Box::new(Restart { people }),
        Box::new(IdleMembers { people }),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_scenario_has_a_key_of_its_own() {
        for is_long in [false, true] {
            let all = super::all(is_long);
            let keys: BTreeSet<String> = all.iter().map(|scenario| scenario.key()).collect();
            assert_eq!(keys.len(), all.len());
        }
    }
}
