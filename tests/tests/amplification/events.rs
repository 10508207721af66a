//! The events that are sent on a topic, with their preconditions.

use std::iter;

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Room, now_ms, random};

use crate::participants::Participants;
use crate::row::EventList;

/// How often a small event is sent.
const TIMES: usize = 4;
/// The largest ciphertext.
const CT: usize = 16 * 1024;

fn repeated(participants: &Participants, event: &'static str, payload: &Value) -> EventList {
    vec![(participants.topic(), event, payload.clone()); TIMES]
}

/// One event for each payload.
fn each(
    participants: &Participants,
    event: &'static str,
    payloads: impl IntoIterator<Item = Value>,
) -> EventList {
    payloads.into_iter().map(|payload| (participants.topic(), event, payload)).collect()
}

fn join_params(participants: &Participants) -> Value {
    json!({ "v": 1, "device": participants.device.id })
}

/// Joins and leaves.
pub(crate) fn come_and_go(participants: &mut Participants) -> EventList {
    let params = join_params(participants);
    let turn = |_| [("phx_leave", json!({})), ("phx_join", params.clone())];
    (0..TIMES).flat_map(turn).map(|(event, payload)| (participants.topic(), event, payload)).collect()
}

/// Joins while as many frames as possible wait for the sender.
pub(crate) fn join_to_much(participants: &mut Participants) -> EventList {
    let by = participants.approver();
    let requests = participants.ask(participants.requests);
    participants.approved_by(by, &requests, CT);
    vec![(participants.topic(), "phx_join", join_params(participants))]
}

/// Joins the room and some others.
pub(crate) fn join(participants: &mut Participants) -> EventList {
    let further = (1..TIMES).map(|_| Room::published(participants.server, Policy::Request).topic());
    let topics: Vec<_> = iter::once(participants.topic()).chain(further).collect();
    topics.into_iter().map(|topic| (topic, "phx_join", join_params(participants))).collect()
}

/// Joins rooms that nobody has published.
pub(crate) fn join_unknown(participants: &mut Participants) -> EventList {
    let topic = |_| Room::new(Alg::Ed25519).topic();
    (0..TIMES).map(topic).map(|topic| (topic, "phx_join", join_params(participants))).collect()
}

/// Joins topics that name no room.
pub(crate) fn join_no_room(participants: &mut Participants) -> EventList {
    let topic = |number| format!("room:{number}");
    (0..TIMES).map(topic).map(|topic| (topic, "phx_join", join_params(participants))).collect()
}

/// An event with an empty payload, on a topic that cannot be joined.
pub(crate) fn stray(participants: &mut Participants) -> EventList {
    each(participants, "stray", [json!({})])
}

/// The first proof of this join.
pub(crate) fn prove(participants: &mut Participants) -> EventList {
    vec![(participants.topic(), "prove", participants.proof())]
}

/// The proof of this join, repeated.
pub(crate) fn prove_again(participants: &mut Participants) -> EventList {
    repeated(participants, "prove", &participants.proof())
}

pub(crate) fn card(participants: &mut Participants) -> EventList {
    let version = u64::try_from(now_ms()).expect("after 1970");
    each(
        participants,
        "card",
        (0..4).map(|more| participants.room.card(version + more, Policy::Request, Some("room"))),
    )
}

/// The creator hands the role over to themselves, which changes nothing.
pub(crate) fn hand_over(participants: &mut Participants) -> EventList {
    let nonce = participants.joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let uid = participants.person.uid();
    repeated(
        participants,
        "hand_over",
        &participants.room.hand_over(&participants.person, &uid, &participants.device.server, &nonce),
    )
}

pub(crate) fn request(participants: &mut Participants) -> EventList {
    let rid = participants.rid();
    each(participants, "request", (0..TIMES).map(|_| json!(participants.person.request(&rid))))
}

pub(crate) fn approve(participants: &mut Participants) -> EventList {
    let newcomer = participants.newcomer();
    let requests = participants.others_ask(newcomer, TIMES);
    let to = participants.others[newcomer].0.uid();
    each(
        participants,
        "approve",
        requests.iter().map(|request| json!(participants.room.approve(&participants.person, &to, request))),
    )
}

/// Denies all requests of a newcomer, and lifts the denial, which reopens them.
pub(crate) fn deny_and_unblock(participants: &mut Participants) -> EventList {
    let newcomer = participants.newcomer();
    let requests = participants.others_ask(newcomer, participants.requests);
    let to = participants.others[newcomer].0.uid();
    let deny = |id| json!(participants.room.deny(&participants.person, &to, id, false));
    let mut said = each(participants, "deny", requests.iter().map(|request| deny(&request.request_id)));
    said.push((participants.topic(), "unblock", json!({ "uid": to })));
    said
}

pub(crate) fn withdraw(participants: &mut Participants) -> EventList {
    let requests = participants.ask(TIMES);
    each(participants, "withdraw", requests.iter().map(|request| json!({ "request_id": request.request_id })))
}

pub(crate) fn ack(participants: &mut Participants) -> EventList {
    let by = participants.approver();
    let requests = participants.ask(TIMES);
    let approves = participants.approved_by(by, &requests, 113);
    let device = participants.device.id;
    each(participants, "ack", approves.iter().map(|id| json!({ "approve_id": id, "device": device })))
}

/// Each of these reopens the request, and members are shown it.
pub(crate) fn nack(participants: &mut Participants) -> EventList {
    let by = participants.approver();
    let requests = participants.ask(TIMES);
    let approves = participants.approved_by(by, &requests, 113);
    let device = participants.device.id;
    each(
        participants,
        "nack",
        approves.iter().map(|id| json!({ "approve_id": id, "device": device, "code": "wrong_key" })),
    )
}

/// Requests the first page of many pending requests.
pub(crate) fn pending(participants: &mut Participants) -> EventList {
    for _ in 0..3 {
        let newcomer = participants.newcomer();
        participants.others_ask(newcomer, participants.requests);
    }
    repeated(participants, "pending", &json!({}))
}

pub(crate) fn denials(participants: &mut Participants) -> EventList {
    let topic = participants.topic();
    for (_, event, payload) in deny_and_unblock(participants) {
        if event == "deny" {
            participants.device.call(&topic, event, payload).ok();
        }
    }
    repeated(participants, "denials", &json!({}))
}

pub(crate) fn mine(participants: &mut Participants) -> EventList {
    participants.ask(participants.requests);
    repeated(participants, "mine", &json!({}))
}

pub(crate) fn approved(participants: &mut Participants) -> EventList {
    let by = participants.approver();
    let requests = participants.ask(participants.requests);
    participants.approved_by(by, &requests, CT);
    repeated(participants, "approved", &json!({}))
}

pub(crate) fn notices(participants: &mut Participants) -> EventList {
    let topic = participants.topic();
    for (_, event, payload) in withdraw(participants) {
        participants.device.call(&topic, event, payload).ok();
    }
    repeated(participants, "notices", &json!({}))
}

/// The status of an unknown request.
pub(crate) fn status(participants: &mut Participants) -> EventList {
    repeated(participants, "status", &json!({ "request_id": random::<16>() }))
}

/// A member's own event.
pub(crate) fn talk(participants: &mut Participants) -> EventList {
    repeated(participants, "talk", &json!({}))
}

/// Events of an inbox about a room, without effect.
pub(crate) fn about_nothing(participants: &mut Participants) -> EventList {
    let (rid, device, id): (_, _, Fixed<16>) = (participants.rid(), participants.device.id, random());
    let said = [
        ("ack", json!({ "rid": rid, "approve_id": id, "device": device })),
        ("nack", json!({ "rid": rid, "approve_id": id, "device": device, "code": "bad_sig" })),
        ("withdraw", json!({ "rid": rid, "request_id": id })),
        ("status", json!({ "rid": rid, "request_id": id })),
    ];
    participants.device.join(&participants.person.inbox()).ok();
    said.map(|(event, payload)| (participants.person.inbox(), event, payload)).into()
}

/// Joins the inbox while as many frames as possible wait.
pub(crate) fn join_inbox(participants: &mut Participants) -> EventList {
    join_to_much(participants);
    vec![(participants.person.inbox(), "phx_join", join_params(participants))]
}

/// The inbox's lists while as many frames as possible wait.
pub(crate) fn inbox_lists(participants: &mut Participants) -> EventList {
    join_to_much(participants);
    participants.device.join(&participants.person.inbox()).ok();
    ["notices", "mine", "approved"].map(|event| (participants.person.inbox(), event, json!({}))).into()
}

/// An invalid payload: a list of as many objects as fit into a message.
pub(crate) fn wrong(participants: &mut Participants) -> EventList {
    let objects = json!(vec![json!({ "": 0 }); 25_000]);
    repeated(participants, "status", &objects)
}

/// Joins the room without a token, which is refused after a delay.
pub(crate) fn join_refused(participants: &mut Participants) -> EventList {
    vec![(participants.topic(), "phx_join", join_params(participants))]
}
