//! The server as a whole: its state, and how to stop it.

use actix_web::{HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{problem::Problem, shared::Admin};

/// State of the server
#[derive(Debug, Serialize, ToSchema)]
struct About {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When it started, in Unix milliseconds
    started: i64,
    /// How long it has run, in milliseconds
    uptime_ms: i64,
    /// Address at which clients connect
    #[schema(example = "127.0.0.1:4000")]
    listens_at: String,
    /// Whether it is disconnecting its clients in order to stop
    is_draining: bool,
    /// Epoch of the database; changes when the database is restored from a backup
    #[schema(example = "5Hq7xkVcQ2mXw1kGm8b0Zw")]
    epoch: String,
    /// Size of the database, in bytes
    database_bytes: i64,
    /// Free space on its disk, in bytes
    free_bytes: i64,
    counts: Counts,
    limits: Limits,
}

/// Numbers of connections, rooms and requests
#[derive(Debug, Serialize, ToSchema)]
struct Counts {
    connections: usize,
    /// Rooms that run; a room rests, and does not count, if its subscribers see nothing of each
    /// other
    running_rooms: usize,
    /// Inboxes that a client has joined
    running_inboxes: usize,
    /// Rooms in the database
    rooms: i64,
    /// Open requests that no member has approved
    pending: i64,
    /// Approves that wait for their newcomers
    approves: i64,
}

/// Largest sizes: characters for notes and names, bytes unless stated otherwise
#[derive(Debug, Serialize, ToSchema)]
struct Limits {
    note: usize,
    name: usize,
    ct: usize,
    box_pub: usize,
    /// How far in the future a request or approve may expire, in milliseconds
    exp_ms: i64,
    frame: usize,
    message: usize,
    /// Topics that one connection may join
    channels: usize,
    /// Bytes that may wait for a client
    outbox: usize,
}

/// Returns the server's version, state, counts and limits
#[utoipa::path(operation_id = "about_server", tag = "server", responses((status = OK, body = About)))]
#[get("/server")]
pub(super) async fn about(admin: web::Data<Admin>) -> Result<web::Json<About>, Problem> {
    let (flow, server) = (&admin.flow, &admin.server);
    let census = flow.store().census().await?;
    let (running_rooms, running_inboxes) = flow.running();
    let (fields, connection) = (flow.limits(), server.connect_policy.load().limits);
    Ok(web::Json(About {
        version: env!("CARGO_PKG_VERSION"),
        started: server.started,
        uptime_ms: server.clock.now_ms() - server.started,
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

/// Disconnects all clients and stops the server, as SIGTERM does
///
/// The process ends with exit code 0, so a service manager restarts it only if told to.
#[utoipa::path(operation_id = "drain", tag = "server", responses((status = ACCEPTED, description = "The server is stopping")))]
#[post("/drain")]
pub(super) async fn drain(admin: web::Data<Admin>) -> HttpResponse {
    admin.server.drain.notify_one();
    HttpResponse::Accepted().finish()
}
