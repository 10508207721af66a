//! A member's client that approves automatically in an open room, after the delay that it is given.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::{Broken, FlakyConnection};
use crate::member::{self, Waiting, list};
use crate::simulation::{FailureGuard, Participant, SimulatedRoom, Simulation};

/// How long it waits at most for a message.
const LOOK: Duration = Duration::from_millis(300);

pub(crate) fn run(simulation: &Simulation, simulated: &SimulatedRoom, participant: &mut Participant) {
    let _guard = FailureGuard(simulation);
    while let Some(mut connection) = participant.connect(simulation) {
        // A visit ends with a broken connection, or when the person goes offline.
        let _ = stay(simulation, &mut connection, simulated, participant);
        let offline = if simulation.is_calm() { 50 } else { 1500 };
        thread::sleep(participant.random.millis(0, offline));
    }
}

fn stay(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
) -> Result<(), Broken> {
    let proved = member::enter(simulation, connection, simulated, participant)?;
    let mut due = BTreeMap::new();
    for item in list(&proved["pending"]) {
        note(&mut due, item, &proved["after_ms"]);
    }
    while !simulation.is_over() && !simulation.is_unlucky(&mut participant.random, 40) {
        let soon: Vec<_> =
            due.iter().filter(|(_, (at, _))| *at <= Instant::now()).map(|(id, _)| id.clone()).collect();
        for id in soon {
            let Some((_, item)) = due.remove(&id) else { continue };
            let waiting = Waiting::read(simulated, &item);
            let approve =
                waiting.approve(simulated, &participant.account.person, simulated.private.as_bytes());
            member::approve(simulation, connection, simulated, &approve)?;
        }
        let Some(message) = connection.next(LOOK)? else { continue };
        match &*message.event {
            "request" => note(&mut due, &message.payload, &message.payload["after_ms"]),
            "request_gone" => drop(due.remove(&message.payload["request_id"].to_string())),
            _ => {}
        }
    }
    Ok(())
}

/// Plans to approve a request that nobody has approved.
fn note(due: &mut BTreeMap<String, (Instant, Value)>, item: &Value, after_ms: &Value) {
    if item["state"] == "pending" {
        let after = Duration::from_millis(after_ms.as_u64().expect("a time"));
        due.insert(item["request_id"].to_string(), (Instant::now() + after, item.clone()));
    }
}
