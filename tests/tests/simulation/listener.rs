//! A user who is signed in and in the room, asks for nothing, and listens.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::connection::{Broken, FlakyConnection};
use crate::member::list;
use crate::simulation::{FailureGuard, Participant, SimulatedRoom, Simulation};

/// The events that a guest without a request may receive.
const HARMLESS: [&str; 3] = ["card", "caught_up", "phx_reply"];

pub(crate) fn run(simulation: &Simulation, simulated: &SimulatedRoom, participant: &mut Participant) {
    let _guard = FailureGuard(simulation);
    while let Some(mut connection) = participant.connect(simulation) {
        // A broken connection is made anew.
        let _ = listen(simulation, &mut connection, simulated, participant);
        thread::sleep(participant.random.millis(0, 300));
    }
}

fn listen(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
) -> Result<(), Broken> {
    let joined = connection.join(&simulated.topic)?;
    for own in ["mine", "approves", "notices"] {
        assert!(list(&joined[own]).is_empty(), "a listener is shown {joined}");
    }
    for event in ["pending", "denials", "chat"] {
        let reply = connection.call(&simulated.topic, event, &json!({}))?;
        assert_eq!(reply.refused(), "not_member", "{event}: {}", reply.text);
    }
    while !simulation.is_over() && !simulation.is_unlucky(&mut participant.random, 60) {
        let Some(message) = connection.next(Duration::from_millis(300))? else { continue };
        assert!(HARMLESS.contains(&&*message.event), "a listener is told {}", message.text);
    }
    Ok(())
}
