//! The channels that answer: an event for each way a channel can, and channels that let nobody in.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_channels::channel::{Channel, Context, Incoming, Joining, MemberId, Next, Stop};
use vestibule_phoenix::message::{Payload, Status};

/// What a client has said when it connected, for it to ask about. An application keeps what it needs, and nothing else.
pub(crate) struct Said {
    pub(crate) params: Value,
    pub(crate) auth_token: Option<String>,
}

/// `room:*` and `lobby`: one event for each way a channel can answer.
pub(crate) struct Playground;

impl Channel for Playground {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, params: &Payload) -> Joining {
        Joining::Ok(params.clone())
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        let Incoming { from, payload, .. } = &message;
        let payload = payload.clone();
        match &*message.event {
            "echo" => Next::ok(payload),
            "err" => Next::error(payload),
            "ok_only" => Next::ok(Payload::empty()),
            "err_only" => Next::error(Payload::empty()),
            "custom_status" => Next::Reply(Status::Custom("teapot".into()), payload),
            "noreply" => Next::NoReply,
            "shout" => {
                cx.broadcast("shout", a_map(payload));
                Next::ok(Payload::empty())
            }
            "shout_from" => {
                cx.broadcast_from(*from, "shout_from", a_map(payload));
                Next::ok(Payload::empty())
            }
            "push_me" => {
                cx.push(*from, "pushed", a_map(payload));
                Next::NoReply
            }
            "push_then_reply" => {
                cx.push(*from, "pushed", a_map(payload.clone()));
                Next::ok(payload)
            }
            "async_reply" => {
                let to = message.reply_to();
                let delay = tokio::time::sleep(Duration::from_millis(50));
                cx.spawn(*from, delay, move |_, cx, ()| cx.reply(&to, Status::Ok, payload));
                Next::NoReply
            }
            "sleep" => {
                let (who, ms) = (*from, number(&payload, "ms").unwrap_or_default());
                let delay = tokio::time::sleep(Duration::from_millis(ms));
                let slept = Next::ok(Payload::of(&json!({ "slept": ms })));
                cx.spawn(who, delay, move |_, cx, ()| cx.proceed(who, slept));
                Next::Wait
            }
            "whoami" => Next::ok(whoami(cx, *from)),
            "stop" | "stop_shutdown" => stop(Some((Status::Ok, Payload::empty())), Stop::Normal),
            "stop_noreply" => stop(None, Stop::Normal),
            "stop_abnormal" => stop(Some((Status::Ok, Payload::empty())), Stop::Crash),
            "crash" => panic!("asked to crash"),
            _ => Next::crash(),
        }
    }
}

fn stop(reply: Option<(Status, Payload)>, how: Stop) -> Next {
    Next::Stop { reply, how }
}

fn whoami(cx: &Context<'_, Playground>, who: MemberId) -> Payload {
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
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, _params: &Payload) -> Joining {
        Joining::Error(Payload::of(&json!({ "reason": "unauthorized" })))
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> Next {
        Next::crash()
    }
}

/// `crashjoin:*` crashes in join.
pub(crate) struct CrashJoin;

impl Channel for CrashJoin {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, _params: &Payload) -> Joining {
        panic!("asked to crash in join")
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> Next {
        Next::crash()
    }
}

/// `slowjoin:*` takes its time to let anybody in.
pub(crate) struct SlowJoin;

impl Channel for SlowJoin {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: MemberId, params: &Payload) -> Joining {
        let delay = tokio::time::sleep(Duration::from_millis(number(params, "ms").unwrap_or(400)));
        cx.spawn(who, delay, move |_, cx, ()| cx.admit(who, Payload::empty()));
        Joining::Later
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        match &*message.event {
            "echo" => Next::ok(message.payload),
            _ => Next::crash(),
        }
    }
}
