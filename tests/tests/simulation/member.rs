//! What every holder of the room key does.

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::{Approve, Request};
use vestibule_approve::limits::FieldLimits;
use vestibule_approve::signed::Uid;
use vestibule_tests::people::{Person, Reply, now_ms};

use crate::connection::{Broken, FlakyConnection};
use crate::sealed::{self, seal};
use crate::simulation::{Participant, SimulatedRoom, Simulation};

/// A waiting request, checked as a client checks it before it seals anything.
pub(crate) struct Waiting {
    pub(crate) uid: Uid,
    pub(crate) request: Request,
}

impl Waiting {
    pub(crate) fn read(simulated: &SimulatedRoom, item: &Value) -> Self {
        let uid = item["uid"].as_str().and_then(|uid| uid.parse().ok()).expect("a uid");
        let request: Request = serde_json::from_value(item.clone()).expect("a request");
        let checked = request.check(&simulated.rid, &uid, &FieldLimits::default(), now_ms());
        checked.expect("a request that the server has checked");
        Self { uid, request }
    }

    /// An approve with this key sealed in it.
    pub(crate) fn approve(&self, simulated: &SimulatedRoom, by: &Person, key: &[u8]) -> Approve {
        let request = &self.request;
        let sealed = seal(&request.box_pub.0, key, request.request_id.as_bytes());
        self.approve_with(simulated, by, sealed.expect("newcomers have real box keys"))
    }

    /// An approve with these sealed bytes in it.
    pub(crate) fn approve_with(&self, simulated: &SimulatedRoom, by: &Person, ct: Blob) -> Approve {
        let mut approve = simulated.room.approve(by, &self.uid, &self.request);
        sealed::ALG.clone_into(&mut approve.alg);
        approve.ct = ct;
        simulated.room.sign_approve(by, &mut approve);
        approve
    }
}

/// Joins the room and proves its key; returns the answer to the proof.
pub(crate) fn enter(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    participant: &Participant,
) -> Result<Value, Broken> {
    let joined = connection.join(&simulated.topic)?;
    let nonce = joined["nonce"].as_str().and_then(|nonce| nonce.parse().ok()).expect("a nonce");
    let proof =
        simulated.room.prove(&simulation.address.to_string(), &participant.account.person.uid(), &nonce);
    connection.call(&simulated.topic, "prove", &proof).map(Reply::ok)
}

/// Sends the key, unless another member did or it is too late.
pub(crate) fn approve(
    simulation: &Simulation,
    connection: &mut FlakyConnection<'_>,
    simulated: &SimulatedRoom,
    approve: &Approve,
) -> Result<(), Broken> {
    let reply = connection.call(&simulated.topic, "approve", &json!(approve))?;
    if reply.status == "ok" {
        simulation.count("approves");
    } else {
        expect_refused(&reply, &["slots_full", "closed", "no_request"]);
    }
    Ok(())
}

/// Accepts a refusal that is nobody's mistake.
#[track_caller]
pub(crate) fn expect_refused(reply: &Reply, reasons: &[&str]) {
    assert!(reasons.contains(&reply.refused()), "{}", reply.text);
}

pub(crate) fn list(items: &Value) -> &[Value] {
    items.as_array().expect("a list")
}
