//! Connections that ended a short while ago.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;
use vestibule_channels::transport::ClosedConnection;
use vestibule_store::clock::unix_ms;

use super::{
    endpoint::Query,
    ids::UserId,
    page::{Page, Paging, Place, limit},
};
use crate::{
    admin::{problem::Problem, shared::Admin},
    approve::user_of,
};

/// A connection that ended
#[derive(Debug, Serialize, ToSchema)]
struct Disconnect {
    /// When it ended, in Unix milliseconds
    at: i64,
    /// User of the connection; `null` if the client had not signed in
    #[schema(required)]
    uid: Option<UserId>,
    /// Number of the connection
    connection: u64,
    /// `websocket` or `longpoll`
    #[schema(example = "websocket")]
    transport: &'static str,
    /// When it was opened, in Unix milliseconds
    since: i64,
    /// WebSocket close code; `null` if the connection was lost or its client stopped polling
    #[schema(required, example = 1008)]
    code: Option<u16>,
    /// Reason for the end
    #[schema(example = "slow consumer")]
    reason: String,
}

impl From<ClosedConnection> for Disconnect {
    fn from(
        ClosedConnection { at, connection, socket_id, transport, since, how, .. }: ClosedConnection,
    ) -> Self {
        let uid = socket_id.as_deref().and_then(user_of).map(UserId);
        let (code, reason) = (how.code(), how.to_string());
        let (at, since) = (unix_ms(at), unix_ms(since));
        Self { at, uid, connection, transport, since, code, reason }
    }
}

/// Lists the connections that ended, latest first: the last thousand since the server started
#[utoipa::path(operation_id = "list_disconnects", tag = "server", params(Paging), responses((status = OK, body = Page<Disconnect>)))]
#[get("/disconnects")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    paging: Query<Paging>,
) -> Result<web::Json<Page<Disconnect>>, Problem> {
    let Paging { cursor, limit: asked } = paging.into_inner();
    let limit = limit(asked)?;
    let ended = admin.server.connections.recently_closed().before(cursor.map(Place::count), limit + 1);
    Ok(web::Json(Page::of(ended, limit, |ended| ended.number.to_string())))
}
