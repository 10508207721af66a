//! Users: their connections, tokens and data.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, http::header::CACHE_CONTROL, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_approve::signed::Uid;
use vestibule_channels::transport::ConnectionInfo;
use vestibule_store::{Deleted, clock::unix_ms};

use super::{
    endpoint::Query,
    ids::UserId,
    page::{Page, limit},
};
use crate::{
    admin::{problem::Problem, shared::Admin},
    approve::{socket_id, user_of},
    query,
};

/// Selects the users to list
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// The `next` of the previous page
    #[param(value_type = Option<UserId>)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<UserId>,
    /// Maximum number of users
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// A connected user
#[derive(Debug, Serialize, ToSchema)]
struct User {
    uid: UserId,
    /// Number of their connections
    connections: usize,
}

/// A user's connections
#[derive(Debug, Serialize, ToSchema)]
struct Connected {
    uid: UserId,
    connections: Vec<Connection>,
}

/// A connection
#[allow(clippy::struct_field_names, reason = "as answers name it")]
#[derive(Debug, Serialize, ToSchema)]
struct Connection {
    /// Number of the connection
    connection: u64,
    /// `websocket` or `longpoll`
    #[schema(example = "websocket")]
    transport: &'static str,
    /// When it was opened, in Unix milliseconds
    since: i64,
    /// Topics that it has joined
    topics: Vec<String>,
}

impl From<ConnectionInfo> for Connection {
    fn from(ConnectionInfo { connection, transport, since, topics, .. }: ConnectionInfo) -> Self {
        let topics = topics.into_iter().map(|topic| topic.to_string()).collect();
        Self { connection, transport, since: unix_ms(since), topics }
    }
}

/// A disconnected user
#[derive(Debug, Serialize, ToSchema)]
struct Disconnected {
    uid: UserId,
    /// Number of connections that were closed
    connections: usize,
}

/// Numbers of deleted items of an erased user
#[derive(Debug, Serialize, ToSchema)]
struct Erased {
    uid: UserId,
    /// Requests of the user, with the approves for them
    requests: usize,
    /// Approves by the user. Newcomers who had not fetched them wait for another approve
    approves: usize,
    /// Denials of the user's requests
    denials: usize,
    /// Notices for the user, and notices for others that name the user
    notices: usize,
    /// Rooms whose creator was the user and that now have none
    rooms: usize,
    /// Number of connections that were closed
    connections: usize,
}

/// A token to connect with
#[derive(Debug, Serialize, ToSchema)]
struct Minted {
    /// Token as from `POST /v1/session`
    token: String,
    uid: UserId,
    /// When it expires, in Unix milliseconds: 15 minutes after it was issued
    exp: i64,
}

/// Lists connected users, by id
#[utoipa::path(operation_id = "list_users", tag = "users", params(UserQuery), responses((status = OK, body = Page<User>)))]
#[get("/users")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    query: Query<UserQuery>,
) -> Result<web::Json<Page<User>>, Problem> {
    let UserQuery { cursor, limit: asked } = query.into_inner();
    let mut users: BTreeMap<Uid, usize> = BTreeMap::new();
    for seen in admin.server.connections.list(None) {
        if let Some(uid) = seen.socket_id.as_deref().and_then(user_of) {
            *users.entry(uid).or_default() += 1;
        }
    }
    let after = cursor.map(|cursor| cursor.0);
    let users = users.into_iter().filter(|(uid, _)| after.is_none_or(|after| *uid > after));
    let users: Vec<User> = users.map(|(uid, connections)| User { uid: UserId(uid), connections }).collect();
    Ok(web::Json(Page::of(users, limit(asked)?, |user| user.uid.0.to_string())))
}

/// Lists a user's connections; none if the user is not connected or does not exist
#[utoipa::path(operation_id = "find_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Connected)))]
#[get("/users/{uid}")]
pub(super) async fn find(admin: web::Data<Admin>, uid: web::Path<UserId>) -> web::Json<Connected> {
    let mut seen = admin.server.connections.list(Some(&socket_id(&uid.0)));
    seen.sort_unstable_by_key(|seen| seen.connection);
    let connections = seen.into_iter().map(Into::into).collect();
    web::Json(Connected { uid: *uid, connections })
}

/// Closes all connections of a user with close code 1001
///
/// Clients treat it as a lost connection and reconnect, so this does not lock anybody out.
#[utoipa::path(operation_id = "disconnect_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Disconnected)))]
#[post("/users/{uid}/disconnect")]
pub(super) async fn disconnect(admin: web::Data<Admin>, uid: web::Path<UserId>) -> web::Json<Disconnected> {
    let connections = admin.server.connections.disconnect(&socket_id(&uid.0));
    web::Json(Disconnected { uid: *uid, connections })
}

/// Issues a token for a user, as if they had signed in
///
/// A client with this token can read the user's inbox, and act for the user where no signature is
/// required.
#[utoipa::path(operation_id = "mint_token", tag = "users", params(("uid" = UserId, Path)), responses((status = CREATED, body = Minted)))]
#[post("/users/{uid}/token")]
pub(super) async fn mint(admin: web::Data<Admin>, uid: web::Path<UserId>) -> HttpResponse {
    let (token, exp) = admin.flow.auth().issue_token(&uid.0);
    HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(Minted { token, uid: *uid, exp })
}

/// Deletes everything stored about a user
///
/// The user's requests end as `expired`, and their approves expire. Their denials of others remain,
/// without a name; their rooms remain, without a creator. The server sends `erased` to their
/// connections and closes them with 1001. The audit log keeps actions that name them. This is not
/// a ban: the user can sign in again with their key.
#[utoipa::path(operation_id = "erase_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Erased)))]
#[delete("/users/{uid}")]
pub(super) async fn erase(
    admin: web::Data<Admin>,
    uid: web::Path<UserId>,
) -> Result<web::Json<Erased>, Problem> {
    let (uid, socket_id) = (*uid, socket_id(&uid.0));
    let seen = admin.server.connections.list(Some(&socket_id));
    let topics = seen.into_iter().flat_map(|seen| seen.topics).map(|topic| topic.to_string()).collect();
    let Deleted { requests, approves, denials, notices, rooms } =
        admin.flow.actions().erase_user(uid.0, topics).await?;
    let connections = admin.server.connections.disconnect(&socket_id);
    Ok(web::Json(Erased { uid, requests, approves, denials, notices, rooms, connections }))
}
