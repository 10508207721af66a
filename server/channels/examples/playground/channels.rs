//! The channels that answer: an event for each way a channel can, and channels that let nobody in.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, Stop, SubscriberId};
use vestibule_phoenix::message::{Payload, Status};

/// What a client has said when it connected, for it to ask about. An application keeps what it needs, and nothing else.
pub(crate) struct Said {
    pub(crate) params: Value,
    pub(crate) auth_token: Option<String>,
}

/// `room:*` and `lobby`: one event for each way a channel can answer.
pub(crate) struct Playground;

impl Channel for Playground {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, params: &Payload) -> JoinReply {
        JoinReply::Ok(params.clone())
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let Incoming { from, payload, .. } = &message;
        let payload = payload.clone();
        match &*message.event {
            "echo" => HandleResult::ok(payload),
            "err" => HandleResult::error(payload),
            "ok_only" => HandleResult::ok(Payload::empty()),
            "err_only" => HandleResult::error(Payload::empty()),
            "custom_status" => HandleResult::Reply(Status::Custom("teapot".into()), payload),
            "noreply" => HandleResult::NoReply,
            "shout" => {
                cx.broadcast("shout", a_map(payload));
                HandleResult::ok(Payload::empty())
            }
            "shout_from" => {
                cx.broadcast_from(*from, "shout_from", a_map(payload));
                HandleResult::ok(Payload::empty())
            }
            "push_me" => {
                cx.push(*from, "pushed", a_map(payload));
                HandleResult::NoReply
            }
            "push_then_reply" => {
                cx.push(*from, "pushed", a_map(payload.clone()));
                HandleResult::ok(payload)
            }
            "async_reply" => {
                let to = message.reply_to();
                let delay = tokio::time::sleep(Duration::from_millis(50));
                cx.spawn(*from, delay, move |_, cx, ()| cx.reply(&to, Status::Ok, payload));
                HandleResult::NoReply
            }
            "sleep" => {
                let (who, ms) = (*from, number(&payload, "ms").unwrap_or_default());
                let delay = tokio::time::sleep(Duration::from_millis(ms));
                let slept = HandleResult::ok(Payload::of(&json!({ "slept": ms })));
                cx.spawn(who, delay, move |_, cx, ()| cx.proceed(who, slept));
                HandleResult::Wait
            }
            "whoami" => HandleResult::ok(whoami(cx, *from)),
            "stop" | "stop_shutdown" => stop(Some((Status::Ok, Payload::empty())), Stop::Normal),
            "stop_noreply" => stop(None, Stop::Normal),
            "stop_abnormal" => stop(Some((Status::Ok, Payload::empty())), Stop::Crash),
            "crash" => panic!("asked to crash"),
            _ => HandleResult::crash(),
        }
    }
}

fn stop(reply: Option<(Status, Payload)>, how: Stop) -> HandleResult {
    HandleResult::Stop { reply, how }
}

fn whoami(cx: &Context<'_, Playground>, who: SubscriberId) -> Payload {
    let member = cx.member(who).expect("who sends a message is in");
    let client = &member.client;
    let said = client.assigns::<Said>().expect("the handler of all mounts assigns it");
    Payload::of(&json!({
        "id": client.id,
        "transport": client.transport.as_str(),
        "auth_token": said.auth_token,
        "connect_params": said.params,
        "join_ref": member.reply_join_ref.as_text().map(|text| &**text),
        "topic": &**cx.topic(),
    }))
}

/// Phoenix pushes and broadcasts maps (and bytes) only, and crashes over anything else.
pub(crate) fn a_map(payload: Payload) -> Payload {
    if let Payload::Json(json) = &payload {
        assert!(json.as_str().starts_with('{'), "only a map can be pushed");
    }
    payload
}

pub(crate) fn value(payload: &Payload) -> Value {
    payload.as_json().map_or(Value::Null, |json| serde_json::from_str(json.as_str()).unwrap_or_default())
}

fn number(payload: &Payload, name: &str) -> Option<u64> {
    value(payload).get(name)?.as_u64()
}

/// `deny:*` lets nobody in.
pub(crate) struct Deny;

impl Channel for Deny {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, _params: &Payload) -> JoinReply {
        JoinReply::Error(Payload::of(&json!({ "reason": "unauthorized" })))
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> HandleResult {
        HandleResult::crash()
    }
}

/// `crashjoin:*` crashes in join.
pub(crate) struct CrashJoin;

impl Channel for CrashJoin {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, _params: &Payload) -> JoinReply {
        panic!("asked to crash in join")
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> HandleResult {
        HandleResult::crash()
    }
}

/// `slowjoin:*` takes its time to let anybody in.
pub(crate) struct SlowJoin;

impl Channel for SlowJoin {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply {
        let delay = tokio::time::sleep(Duration::from_millis(number(params, "ms").unwrap_or(400)));
        cx.spawn(who, delay, move |_, cx, ()| cx.admit(who, Payload::empty()));
        JoinReply::Later
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        match &*message.event {
            "echo" => HandleResult::ok(message.payload),
            _ => HandleResult::crash(),
        }
    }
}
