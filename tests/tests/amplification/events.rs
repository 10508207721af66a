//! The events that are sent on a topic, with their preconditions.

use std::iter;

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Room, now_ms, random};

use crate::row::Said;
use crate::stage::Cast;

/// How often a small event is sent.
const TIMES: usize = 4;
/// The largest ciphertext.
const CT: usize = 16 * 1024;

fn repeated(cast: &Cast, event: &'static str, payload: &Value) -> Said {
    vec![(cast.topic(), event, payload.clone()); TIMES]
}

/// One event for each payload.
fn each(cast: &Cast, event: &'static str, payloads: impl IntoIterator<Item = Value>) -> Said {
    payloads.into_iter().map(|payload| (cast.topic(), event, payload)).collect()
}

fn join_params(cast: &Cast) -> Value {
    json!({ "v": 1, "device": cast.device.id })
}

/// Joins and leaves.
pub(crate) fn come_and_go(cast: &mut Cast) -> Said {
    let params = join_params(cast);
    let turn = |_| [("phx_leave", json!({})), ("phx_join", params.clone())];
    (0..TIMES).flat_map(turn).map(|(event, payload)| (cast.topic(), event, payload)).collect()
}

/// Joins while as many frames as possible wait for the sender.
pub(crate) fn join_to_much(cast: &mut Cast) -> Said {
    let by = cast.approver();
    let requests = cast.ask(cast.requests);
    cast.approved_by(by, &requests, CT);
    vec![(cast.topic(), "phx_join", join_params(cast))]
}

/// Joins the room and some others.
pub(crate) fn join(cast: &mut Cast) -> Said {
    let further = (1..TIMES).map(|_| Room::published(cast.server, Policy::Request).topic());
    let topics: Vec<_> = iter::once(cast.topic()).chain(further).collect();
    topics.into_iter().map(|topic| (topic, "phx_join", join_params(cast))).collect()
}

/// Joins rooms that nobody has published.
pub(crate) fn join_unknown(cast: &mut Cast) -> Said {
    let topic = |_| Room::new(Alg::Ed25519).topic();
    (0..TIMES).map(topic).map(|topic| (topic, "phx_join", join_params(cast))).collect()
}

/// Joins topics that name no room.
pub(crate) fn join_no_room(cast: &mut Cast) -> Said {
    let topic = |number| format!("room:{number}");
    (0..TIMES).map(topic).map(|topic| (topic, "phx_join", join_params(cast))).collect()
}

/// An event with an empty payload, on a topic that cannot be joined.
pub(crate) fn stray(cast: &mut Cast) -> Said {
    each(cast, "stray", [json!({})])
}

/// The first proof of this join.
pub(crate) fn prove(cast: &mut Cast) -> Said {
    vec![(cast.topic(), "prove", cast.proof())]
}

/// The proof of this join, repeated.
pub(crate) fn prove_again(cast: &mut Cast) -> Said {
    repeated(cast, "prove", &cast.proof())
}

pub(crate) fn card(cast: &mut Cast) -> Said {
    let version = u64::try_from(now_ms()).expect("after 1970");
    each(cast, "card", (0..4).map(|more| cast.room.card(version + more, Policy::Request, Some("room"))))
}

/// The creator hands the role over to themselves, which changes nothing.
pub(crate) fn hand_over(cast: &mut Cast) -> Said {
    let nonce = cast.joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let uid = cast.person.uid();
    repeated(cast, "hand_over", &cast.room.hand_over(&cast.person, &uid, &cast.device.server, &nonce))
}

pub(crate) fn request(cast: &mut Cast) -> Said {
    let rid = cast.rid();
    each(cast, "request", (0..TIMES).map(|_| json!(cast.person.request(&rid))))
}

pub(crate) fn approve(cast: &mut Cast) -> Said {
    let newcomer = cast.newcomer();
    let requests = cast.others_ask(newcomer, TIMES);
    let to = cast.others[newcomer].0.uid();
    each(cast, "approve", requests.iter().map(|request| json!(cast.room.approve(&cast.person, &to, request))))
}

/// Denies all requests of a newcomer, and lifts the denial, which reopens them.
pub(crate) fn deny_and_unblock(cast: &mut Cast) -> Said {
    let newcomer = cast.newcomer();
    let requests = cast.others_ask(newcomer, cast.requests);
    let to = cast.others[newcomer].0.uid();
    let deny = |id| json!(cast.room.deny(&cast.person, &to, id, false));
    let mut said = each(cast, "deny", requests.iter().map(|request| deny(&request.request_id)));
    said.push((cast.topic(), "unblock", json!({ "uid": to })));
    said
}

pub(crate) fn withdraw(cast: &mut Cast) -> Said {
    let requests = cast.ask(TIMES);
    each(cast, "withdraw", requests.iter().map(|request| json!({ "request_id": request.request_id })))
}

pub(crate) fn ack(cast: &mut Cast) -> Said {
    let by = cast.approver();
    let requests = cast.ask(TIMES);
    let approves = cast.approved_by(by, &requests, 113);
    let device = cast.device.id;
    each(cast, "ack", approves.iter().map(|id| json!({ "approve_id": id, "device": device })))
}

/// Each of these reopens the request, and members are shown it.
pub(crate) fn nack(cast: &mut Cast) -> Said {
    let by = cast.approver();
    let requests = cast.ask(TIMES);
    let approves = cast.approved_by(by, &requests, 113);
    let device = cast.device.id;
    each(
        cast,
        "nack",
        approves.iter().map(|id| json!({ "approve_id": id, "device": device, "code": "wrong_key" })),
    )
}

/// Requests the first page of many pending requests.
pub(crate) fn pending(cast: &mut Cast) -> Said {
    for _ in 0..3 {
        let newcomer = cast.newcomer();
        cast.others_ask(newcomer, cast.requests);
    }
    repeated(cast, "pending", &json!({}))
}

pub(crate) fn denials(cast: &mut Cast) -> Said {
    let topic = cast.topic();
    for (_, event, payload) in deny_and_unblock(cast) {
        if event == "deny" {
            cast.device.call(&topic, event, payload).ok();
        }
    }
    repeated(cast, "denials", &json!({}))
}

pub(crate) fn mine(cast: &mut Cast) -> Said {
    cast.ask(cast.requests);
    repeated(cast, "mine", &json!({}))
}

pub(crate) fn approved(cast: &mut Cast) -> Said {
    let by = cast.approver();
    let requests = cast.ask(cast.requests);
    cast.approved_by(by, &requests, CT);
    repeated(cast, "approved", &json!({}))
}

pub(crate) fn notices(cast: &mut Cast) -> Said {
    let topic = cast.topic();
    for (_, event, payload) in withdraw(cast) {
        cast.device.call(&topic, event, payload).ok();
    }
    repeated(cast, "notices", &json!({}))
}

/// The status of an unknown request.
pub(crate) fn status(cast: &mut Cast) -> Said {
    repeated(cast, "status", &json!({ "request_id": random::<16>() }))
}

/// A member's own event.
pub(crate) fn talk(cast: &mut Cast) -> Said {
    repeated(cast, "talk", &json!({}))
}

/// Events of an inbox about a room, without effect.
pub(crate) fn about_nothing(cast: &mut Cast) -> Said {
    let (rid, device, id): (_, _, Fixed<16>) = (cast.rid(), cast.device.id, random());
    let said = [
        ("ack", json!({ "rid": rid, "approve_id": id, "device": device })),
        ("nack", json!({ "rid": rid, "approve_id": id, "device": device, "code": "bad_sig" })),
        ("withdraw", json!({ "rid": rid, "request_id": id })),
        ("status", json!({ "rid": rid, "request_id": id })),
    ];
    cast.device.join(&cast.person.inbox()).ok();
    said.map(|(event, payload)| (cast.person.inbox(), event, payload)).into()
}

/// Joins the inbox while as many frames as possible wait.
pub(crate) fn join_inbox(cast: &mut Cast) -> Said {
    join_to_much(cast);
    vec![(cast.person.inbox(), "phx_join", join_params(cast))]
}

/// The inbox's lists while as many frames as possible wait.
pub(crate) fn inbox_lists(cast: &mut Cast) -> Said {
    join_to_much(cast);
    cast.device.join(&cast.person.inbox()).ok();
    ["notices", "mine", "approved"].map(|event| (cast.person.inbox(), event, json!({}))).into()
}

/// An invalid payload: a list of as many objects as fit into a message.
pub(crate) fn wrong(cast: &mut Cast) -> Said {
    let objects = json!(vec![json!({ "": 0 }); 25_000]);
    repeated(cast, "status", &objects)
}

/// Joins the room without a token, which is refused after a delay.
pub(crate) fn join_refused(cast: &mut Cast) -> Said {
    vec![(cast.topic(), "phx_join", join_params(cast))]
}
