//! The channels that reply, with an event for each way to do so, and channels that refuse joins.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, Status,
    Stop, SubscriberId,
};

use crate::mounts::Connect;

/// `room:*` and `lobby`: one event for each way a channel can reply.
pub(crate) struct Playground;

impl Channel for Playground {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, params: &Payload) -> JoinResult<()> {
        Ok(JoinReply::Ok((), params.clone()))
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let Incoming { from, payload, .. } = &message;
        let payload = payload.clone();
        Ok(match &*message.event {
            "echo" => Handled::ok(payload),
            "err" => Handled::error(payload),
            "ok_only" => Handled::empty(),
            "err_only" => Handled::error(Payload::empty()),
            "custom_status" => Handled::Reply(Status::Custom("teapot".into()), payload),
            "noreply" => Handled::NoReply,
            "shout" => {
                cx.broadcast("shout", a_map(payload));
                Handled::empty()
            }
            "shout_from" => {
                cx.broadcast_from(*from, "shout_from", a_map(payload));
                Handled::empty()
            }
            "push_me" => {
                cx.push(*from, "pushed", a_map(payload));
                Handled::NoReply
            }
            "push_then_reply" => {
                cx.push(*from, "pushed", a_map(payload.clone()));
                Handled::ok(payload)
            }
            "async_reply" => {
                let to = message.reply_to();
                let delay = tokio::time::sleep(Duration::from_millis(50));
                cx.spawn(*from, delay, move |_, cx, ()| cx.reply(&to, Status::Ok, payload));
                Handled::NoReply
            }
            "sleep" => {
                let (who, ms) = (*from, number(&payload, "ms").unwrap_or_default());
                let delay = tokio::time::sleep(Duration::from_millis(ms));
                let slept = Handled::ok(Payload::of(&json!({ "slept": ms })));
                cx.spawn(who, delay, move |_, cx, ()| cx.proceed(who, slept));
                Handled::Wait
            }
            "whoami" => Handled::ok(whoami(cx, *from)),
            "stop" | "stop_shutdown" => stop(Some((Status::Ok, Payload::empty())), Stop::Normal),
            "stop_noreply" => stop(None, Stop::Normal),
            "stop_abnormal" => stop(Some((Status::Ok, Payload::empty())), Stop::Crash),
            "crash" => panic!("asked to crash"),
            _ => Handled::crash(),
        })
    }
}

fn stop(reply: Option<(Status, Payload)>, how: Stop) -> Handled {
    Handled::Stop { reply, how }
}

fn whoami(cx: &Context<'_, Playground>, who: SubscriberId) -> Payload {
    let subscriber = cx.subscriber(who).expect("a sender has joined");
    let client = &subscriber.client;
    Payload::of(&json!({
        "id": client.id,
        "transport": client.transport.as_str(),
        "auth_token": client.assigns.auth_token,
        "connect_params": client.assigns.params,
        "join_ref": subscriber.reply_join_ref.as_text().map(|text| &**text),
        "topic": &**cx.topic(),
    }))
}

/// Phoenix pushes and broadcasts only maps and bytes, and crashes over anything else.
pub(crate) fn a_map(payload: Payload) -> Payload {
    if let Payload::Json(json) = &payload {
        assert!(json.as_str().starts_with('{'), "only a map can be pushed");
    }
    payload
}

pub(crate) fn value(payload: &Payload) -> Value {
    payload.parse().unwrap_or_default()
}

fn number(payload: &Payload, name: &str) -> Option<u64> {
    value(payload).get(name)?.as_u64()
}

/// `deny:*` refuses every join.
pub(crate) struct Deny;

impl Channel for Deny {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
        Err(ErrorReply::reason("unauthorized"))
    }

    fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
        Ok(Handled::crash())
    }
}

/// `crashjoin:*` crashes in join.
pub(crate) struct CrashJoin;

impl Channel for CrashJoin {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
        panic!("asked to crash in join")
    }

    fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
        Ok(Handled::crash())
    }
}

/// `slowjoin:*` accepts joins after a delay.
pub(crate) struct SlowJoin;

impl Channel for SlowJoin {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<()> {
        let delay = tokio::time::sleep(Duration::from_millis(number(params, "ms").unwrap_or(400)));
        cx.spawn(who, delay, move |_, cx, ()| cx.admit(who, (), Payload::empty()));
        Ok(JoinReply::Later)
    }

    fn handle_in(&mut self, _: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        Ok(match &*message.event {
            "echo" => Handled::ok(message.payload),
            _ => Handled::crash(),
        })
    }
}
