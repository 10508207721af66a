//! The administration that the recorded application had: `POST /admin/broadcast`,
//! `/admin/disconnect` and `/admin/stop`.

use std::{collections::HashMap, sync::Arc};

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;
use vestibule_channels::{Endpoint, Payload};

use crate::mounts::Connect;

/// The longest topic or event in a binary frame.
const MAX_TEXT: usize = 255;

type Query = web::Query<HashMap<String, String>>;

/// Mounts the administration of `endpoint`; `stop` is notified when the server must stop.
pub(crate) fn mount(config: &mut web::ServiceConfig, endpoint: Arc<Endpoint<Connect>>, stop: Arc<Notify>) {
    config
        .app_data(web::Data::from(endpoint))
        .app_data(web::Data::from(stop))
        .route("/admin/broadcast", web::post().to(broadcast))
        .route("/admin/disconnect", web::post().to(disconnect))
        .route("/admin/stop", web::post().to(stop_server));
}

/// Broadcasts the body: JSON, or bytes if the query has `binary`. A server error where Phoenix's
/// serializers raise: over a value that is not a map, or a topic or event too long for a binary
/// frame.
async fn broadcast(endpoint: web::Data<Endpoint<Connect>>, query: Query, body: Bytes) -> HttpResponse {
    let (Some(topic), Some(event)) = (query.get("topic"), query.get("event")) else {
        return HttpResponse::BadRequest().finish();
    };
    let payload = if query.contains_key("binary") {
        if topic.len().max(event.len()) > MAX_TEXT {
            return HttpResponse::InternalServerError().finish();
        }
        Payload::Binary(body)
    } else {
        match serde_json::from_slice::<Value>(&body) {
            Ok(value @ Value::Object(_)) => Payload::of(&value),
            Ok(_) => return HttpResponse::InternalServerError().finish(),
            Err(_) => return HttpResponse::BadRequest().finish(),
        }
    };
    endpoint.broadcast(topic, event.as_str(), payload);
    HttpResponse::Ok().body("ok")
}

async fn disconnect(endpoint: web::Data<Endpoint<Connect>>, query: Query) -> HttpResponse {
    let Some(id) = query.get("id") else { return HttpResponse::BadRequest().finish() };
    endpoint.connections().disconnect(id);
    HttpResponse::Ok().body("ok")
}

/// The answer is still sent: a stopping server finishes the requests it has begun.
async fn stop_server(stop: web::Data<Notify>) -> HttpResponse {
    stop.notify_one();
    HttpResponse::Ok().body("stopping")
}
