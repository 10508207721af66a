//! The server as a whole: what it is, and its end.

use actix_web::{HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;
use vestibule_store::clock;

use crate::admin::{Admin, problem::Problem};

/// The server
#[derive(Debug, Serialize, ToSchema)]
struct About {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When it was started, in Unix milliseconds
    started: i64,
    /// For how long it has run, in milliseconds
    uptime_ms: i64,
    /// Where clients connect
    #[schema(example = "127.0.0.1:4000")]
    listens_at: String,
    /// Whether it sends everybody away
    is_draining: bool,
    /// The database's epoch; another one after it was restored from a backup
    #[schema(example = "5Hq7xkVcQ2mXw1kGm8b0Zw")]
    epoch: String,
    /// The size of the database, in bytes
    database_bytes: i64,
    /// What is free on its disk, in bytes
    free_bytes: i64,
    counts: Counts,
    limits: Limits,
}

/// How much there is
#[derive(Debug, Serialize, ToSchema)]
struct Counts {
    connections: usize,
    /// Rooms that run; not those that rest, since nobody in them sees anything
    running_rooms: usize,
    /// Inboxes that somebody listens to
    running_inboxes: usize,
    /// Stored rooms
    rooms: i64,
    /// Open requests that nobody has approved
    pending: i64,
    /// Approves that wait for their requesters
    approves: i64,
}

/// How large things may be: characters of notes and names, bytes of what else is here
#[derive(Debug, Serialize, ToSchema)]
struct Limits {
    note: usize,
    name: usize,
    ct: usize,
    box_pub: usize,
    /// How far ahead a request or approve may expire, in milliseconds
    exp_ms: i64,
    frame: usize,
    message: usize,
    /// Topics that a connection may be in
    channels: usize,
    /// Bytes that may wait for a client
    outbox: usize,
}

/// What the server is, and how much is in it
#[utoipa::path(operation_id = "about_server", tag = "server", responses((status = OK, body = About)))]
#[get("/server")]
pub(super) async fn about(admin: web::Data<Admin>) -> Result<web::Json<About>, Problem> {
    let (flow, server) = (&admin.flow, &admin.server);
    let census = flow.store().census().await?;
    let (running_rooms, running_inboxes) = flow.running();
    let (fields, connection) = (flow.limits(), server.rules.load().limits);
    Ok(web::Json(About {
        version: env!("CARGO_PKG_VERSION"),
        started: server.started,
        uptime_ms: clock::now_ms() - server.started,
        listens_at: server.listens_at.to_string(),
        is_draining: server.connections.is_draining(),
        epoch: flow.store().epoch().to_string(),
        database_bytes: census.bytes,
        free_bytes: census.free_bytes,
        counts: Counts {
            connections: server.connections.count(),
            running_rooms,
            running_inboxes,
            rooms: census.rooms,
            pending: census.pending,
            approves: census.approves,
        },
        limits: Limits {
            note: fields.note,
            name: fields.name,
            ct: fields.ct,
            box_pub: fields.box_pub,
            exp_ms: fields.exp_ms,
            frame: connection.frame,
            message: connection.message,
            channels: connection.channels,
            outbox: connection.outbox.bytes,
        },
    }))
}

/// Sends all clients away and ends the server, as SIGTERM does
///
/// It ends with exit code 0: a service manager that starts it again does so for its own reasons.
#[utoipa::path(operation_id = "drain", tag = "server", responses((status = ACCEPTED, description = "It has begun, or had begun already")))]
#[post("/drain")]
pub(super) async fn drain(admin: web::Data<Admin>) -> HttpResponse {
    admin.server.drain.notify_one();
    HttpResponse::Accepted().finish()
}
