//! A person with a guest list, who comes now and then and lets in those on it, whoever else denied
//! them.

use std::thread;

use serde_json::{Value, json};
use vestibule_approve::frames::Deny;
use vestibule_approve::signed::Uid;
use vestibule_tests::people::{Reply, random};

use crate::connection::{Broken, FlakyConnection};
use crate::member::{self, Waiting, expect_refused, list};
use crate::simulation::{FailureGuard, Participant, SimulatedRoom, Simulation};

pub(crate) fn run(simulation: &Simulation, simulated: &SimulatedRoom, participant: &mut Participant) {
    let _guard = FailureGuard(simulation);
    while let Some(mut connection) = participant.connect(simulation) {
        // A broken connection ends a visit early; there will be another.
        let _ = look_after(simulation, &mut connection, simulated, participant);
        thread::sleep(participant.random.millis(50, 700));
    }
}

fn look_after(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
) -> Result<(), Broken> {
    let proved = member::enter(simulation, connection, simulated, participant)?;
    for item in list(&proved["pending"]) {
        consider(simulation, connection, simulated, participant, item)?;
    }
    let denials = connection.call(&simulated.topic, "denials", &json!({})).map(Reply::ok)?;
    for denial in list(&denials["items"]) {
        let uid: Uid = denial["uid"].as_str().and_then(|uid| uid.parse().ok()).expect("a uid");
        if !simulated.is_guest(&uid) {
            continue;
        }
        let held_back = list(&denial["requests"]);
        if held_back.is_empty() {
            connection.call(&simulated.topic, "unblock", &json!({ "uid": uid })).map(Reply::ok)?;
            simulation.count("unblocked");
        }
        for request in held_back {
            consider(simulation, connection, simulated, participant, request)?;
            simulation.count("overruled");
        }
    }
    Ok(())
}

/// Lets a guest in, and now and then denies somebody else.
fn consider(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &mut Participant,
    item: &Value,
) -> Result<(), Broken> {
    let waiting = Waiting::read(simulated, item);
    if simulated.is_guest(&waiting.uid) {
        let approve = waiting.approve(simulated, &participant.account.person, simulated.private.as_bytes());
        return member::approve(simulation, connection, simulated, &approve);
    }
    if participant.random.one_in(4) {
        deny(simulation, connection, simulated, participant, &waiting, false)?;
    }
    Ok(())
}

pub(crate) fn deny(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &Participant,
    waiting: &Waiting,
    block: bool,
) -> Result<(), Broken> {
    let (request_id, to) = (waiting.request.request_id, waiting.uid);
    let mut deny = Deny { request_id, to, code: "no".to_owned(), block, room_sig: random() };
    deny.room_sig =
        simulated.room.key.sign(&deny.signed_bytes(&simulated.rid, &participant.account.person.uid()));
    let reply = connection.call(&simulated.topic, "deny", &json!(deny))?;
    if reply.status == "ok" {
        simulation.count("denied");
    } else {
        expect_refused(&reply, &["closed", "no_request"]);
    }
    Ok(())
}
