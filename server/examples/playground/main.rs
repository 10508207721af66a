//! A playground for Phoenix clients: echo, shout, presence and a few ways to misbehave.
//!
//! This is also the channel framework's documentation running: a channel is a type with a `join` and a `handle_in`, mounted
//! on a topic pattern. The recorded transcripts in `tests/golden` were made against a Phoenix application with these same
//! channels.
//!
//! ```text
//! PORT=4100 cargo run --release -p vestibule --example playground
//! ```

use std::{collections::HashMap, env, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use serde_json::{Value, json};
use vestibule::{
    channel::{Channel, Context, Incoming, Joining, MemberId, Next, Stop},
    room::{Rooms, Router},
    transport::{ConnectInfo, Connected, Endpoint, Limits, Origins, Refused, SocketHandler, websocket},
};
use vestibule_protocol::{
    message::{Payload, Status},
    presence::Meta,
};

/// `room:*` and `lobby`: one event for each way a channel can answer.
struct Playground;

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
    Payload::of(&json!({
        "id": client.id,
        "transport": client.transport.as_str(),
        "auth_token": client.auth_token,
        "connect_params": client.params,
        "join_ref": member.reply_join_ref.as_text().map(|text| &**text),
        "topic": &**cx.topic(),
    }))
}

/// Phoenix pushes and broadcasts maps (and bytes) only, and crashes over anything else.
fn a_map(payload: Payload) -> Payload {
    if let Payload::Json(json) = &payload {
        assert!(json.as_str().starts_with('{'), "only a map can be pushed");
    }
    payload
}

fn value(payload: &Payload) -> Value {
    payload.as_json().map_or(Value::Null, |json| serde_json::from_str(json.as_str()).unwrap_or_default())
}

fn number(payload: &Payload, name: &str) -> Option<u64> {
    value(payload).get(name)?.as_u64()
}

/// `deny:*` lets nobody in.
struct Deny;

impl Channel for Deny {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, _params: &Payload) -> Joining {
        Joining::Error(Payload::of(&json!({ "reason": "unauthorized" })))
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> Next {
        Next::crash()
    }
}

/// `crashjoin:*` crashes in join.
struct CrashJoin;

impl Channel for CrashJoin {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, _params: &Payload) -> Joining {
        panic!("asked to crash in join")
    }

    fn handle_in(&mut self, _cx: &mut Context<'_, Self>, _message: Incoming) -> Next {
        Next::crash()
    }
}

/// `slowjoin:*` takes its time to let anybody in.
struct SlowJoin;

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

/// `presence:*` shows who is there: the key is the parameter `user`.
#[derive(Default)]
struct Presences {
    keys: HashMap<MemberId, String>,
}

impl Channel for Presences {
    fn join(&mut self, _cx: &mut Context<'_, Self>, who: MemberId, params: &Payload) -> Joining {
        let Value::Object(params) = value(params) else { panic!("parameters are a map") };
        let key = match params.get("user") {
            Some(Value::String(user)) => user.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        self.keys.insert(who, key);
        Joining::Ok(Payload::empty())
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        let device = cx.member(who).and_then(|member| value(&member.params).get("device").cloned());
        let meta = Meta::from_iter([("device".to_owned(), device.unwrap_or_default())]);
        cx.track(who, &self.keys[&who], meta);
        cx.push(who, "presence_state", Payload::of(&cx.presence_state()));
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        let who = message.from;
        match &*message.event {
            "update" => {
                let Value::Object(change) = value(&message.payload) else { return Next::crash() };
                cx.update(who, &self.keys[&who], |meta| meta.extend(change));
                Next::ok(Payload::empty())
            }
            "untrack" => {
                cx.untrack(who);
                Next::ok(Payload::empty())
            }
            "track_also" => {
                let key = value(&message.payload)["key"].as_str().unwrap_or_default().to_owned();
                cx.track(who, &key, Meta::from_iter([("also".to_owned(), true.into())]));
                Next::ok(Payload::empty())
            }
            "list" => Next::ok(Payload::of(&cx.presence_state())),
            _ => Next::crash(),
        }
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: MemberId) {
        self.keys.remove(&who);
    }
}

/// Lets everybody in, but for who asks to be refused. `user_id` gives the socket an id to disconnect it by.
struct Everybody;

impl SocketHandler for Everybody {
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected, Refused> {
        if info.params.contains_key("reject") {
            return Err(Refused);
        }
        let id = info.params.get("user_id").and_then(Value::as_str).map(|id| format!("user_socket:{id}"));
        Ok(Connected { id, assigns: Arc::new(()) })
    }
}

type Query = web::Query<HashMap<String, String>>;

async fn broadcast(endpoint: web::Data<Endpoint>, query: Query, body: Bytes) -> HttpResponse {
    let (Some(topic), Some(event)) = (query.get("topic"), query.get("event")) else {
        return HttpResponse::BadRequest().finish();
    };
    let payload = if query.contains_key("binary") {
        Payload::Binary(body)
    } else {
        match serde_json::from_slice::<Value>(&body) {
            Ok(value) => Payload::of(&value),
            Err(_) => return HttpResponse::BadRequest().finish(),
        }
    };
    if let Some(rooms) = endpoint.router.find(topic) {
        rooms.broadcast(topic, event.as_str().into(), payload);
    }
    HttpResponse::Ok().body("ok")
}

async fn disconnect(endpoint: web::Data<Endpoint>, query: Query) -> HttpResponse {
    let Some(id) = query.get("id") else { return HttpResponse::BadRequest().finish() };
    endpoint.connections.disconnect(id);
    HttpResponse::Ok().body("ok")
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(4100);
    let rooms = || Rooms::new(1024, |_| Playground);
    let router = Router::default()
        .route("room:*", rooms())
        .route("lobby", rooms())
        .route("deny:*", Rooms::new(1024, |_| Deny))
        .route("crashjoin:*", Rooms::new(1024, |_| CrashJoin))
        .route("slowjoin:*", Rooms::new(1024, |_| SlowJoin))
        .route("presence:*", Rooms::new(1024, |_| Presences::default()));
    let endpoint = Arc::new(Endpoint {
        origins: Origins::Any,
        limits: Limits { frame: 10_000_000, message: 8_000_000, ..Limits::default() },
        ..Endpoint::new(router, Everybody)
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&endpoint)))
            .route("/admin/broadcast", web::post().to(broadcast))
            .route("/admin/disconnect", web::post().to(disconnect))
            .configure(|config| websocket::mount(config, "/socket/websocket", Arc::clone(&endpoint)))
    })
    .on_connect(websocket::prepare_socket)
    .workers(2)
    .bind(("127.0.0.1", port))?;
    println!("playground listens on http://127.0.0.1:{port}");
    server.run().await
}
