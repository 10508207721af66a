//! A member who wants nobody else in: sends boxes that do not open and wrong keys, denies and
//! blocks, and would hide the room if the server let anybody but its creator do so.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Policy;
use vestibule_tests::people::random;

use crate::connection::{Broken, FlakyConnection};
use crate::guest_list::deny;
use crate::member::{self, Waiting, expect_refused, list};
use crate::simulation::{FailureGuard, Participant, SimulatedRoom, Simulation};

pub(crate) fn run(simulation: &Simulation, simulated: &SimulatedRoom, participant: &mut Participant) {
    let _guard = FailureGuard(simulation);
    while let Some(mut connection) = participant.connect(simulation) {
        // A broken connection is made anew.
        let _ = stay(simulation, &mut connection, simulated, participant);
        thread::sleep(participant.random.millis(0, 300));
    }
}

fn stay(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
) -> Result<(), Broken> {
    let proved = member::enter(simulation, connection, simulated, participant)?;
    for item in list(&proved["pending"]) {
        harm(simulation, connection, simulated, participant, item)?;
    }
    while !simulation.is_over() && !simulation.is_unlucky(&mut participant.random, 40) {
        if simulation.is_unlucky(&mut participant.random, 30) {
            hide(simulation, connection, simulated, &proved["card"])?;
        }
        let Some(message) = connection.next(Duration::from_millis(300))? else { continue };
        if message.event == "request" {
            harm(simulation, connection, simulated, participant, &message.payload)?;
        }
    }
    Ok(())
}

fn harm(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
    item: &Value,
) -> Result<(), Broken> {
    let waiting = Waiting::read(simulated, item);
    match participant.random.below(6) {
        0 => {
            let wrong = waiting.approve(simulated, &participant.account.person, random::<32>().as_bytes());
            member::approve(simulation, connection, simulated, &wrong)
        }
        1 | 2 => {
            let ct = Blob(random::<80>().0.to_vec());
            let noise = waiting.approve_with(simulated, &participant.account.person, ct);
            member::approve(simulation, connection, simulated, &noise)
        }
        3 => {
            let mut unsigned =
                waiting.approve(simulated, &participant.account.person, simulated.private.as_bytes());
            unsigned.user_sig = random();
            let reply = connection.call(&simulated.topic, "approve", &json!(unsigned))?;
            expect_refused(&reply, &["bad_sig"]);
            Ok(())
        }
        number => deny(simulation, connection, simulated, participant, &waiting, number == 5),
    }
}

/// Tries to make the room secret.
fn hide(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    card: &Value,
) -> Result<(), Broken> {
    let version = card["version"].as_u64().expect("a version") + 1;
    let reply =
        connection.call(&simulated.topic, "card", &simulated.room.card(version, Policy::Secret, None))?;
    expect_refused(&reply, &["not_creator"]);
    simulation.count("rooms not hidden");
    Ok(())
}
