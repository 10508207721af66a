//! Users: who is connected, sent away, or given a token.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, http::header::CACHE_CONTROL, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_approve::signed::Uid;
use vestibule_channels::transport::ConnectionInfo;
use vestibule_store::{Deleted, clock::unix_ms};

use super::{
    Query,
    ids::UserId,
    page::{Page, limit},
};
use crate::{
    admin::{Admin, problem::Problem},
    approve::Flow,
    query,
};

/// Which users are listed
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// What the page before said as `next`
    #[param(value_type = Option<UserId>)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<UserId>,
    /// How many users at the most
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// Somebody who is connected
#[derive(Debug, Serialize, ToSchema)]
struct User {
    uid: UserId,
    /// How many connections they have
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
    /// Its number
    connection: u64,
    /// `websocket` or `longpoll`
    #[schema(example = "websocket")]
    transport: &'static str,
    /// Since when, in Unix milliseconds
    since: i64,
    /// The topics it is in
    topics: Vec<String>,
}

impl From<ConnectionInfo> for Connection {
    fn from(ConnectionInfo { connection, transport, since, topics, .. }: ConnectionInfo) -> Self {
        let topics = topics.into_iter().map(|topic| topic.to_string()).collect();
        Self { connection, transport, since: unix_ms(since), topics }
    }
}

/// Who was sent away
#[derive(Debug, Serialize, ToSchema)]
struct Disconnected {
    uid: UserId,
    /// How many connections they had
    connections: usize,
}

/// A user of whom nothing is stored any more
#[derive(Debug, Serialize, ToSchema)]
struct Erased {
    uid: UserId,
    /// Requests, with the approves of them
    requests: usize,
    /// Approves by the user. A newcomer who has not fetched the key from one waits for another
    approves: usize,
    /// Denials of the user
    denials: usize,
    /// Notices for the user, and those for others that name them
    notices: usize,
    /// Rooms that have no creator any more
    rooms: usize,
    /// How many connections they had
    connections: usize,
}

/// A token to connect with
#[derive(Debug, Serialize, ToSchema)]
struct Minted {
    /// As `POST /v1/session` gives it
    token: String,
    uid: UserId,
    /// Until when it may be used to connect, in Unix milliseconds: for 15 minutes
    exp: i64,
}

/// Who is connected, in the order of their ids
#[utoipa::path(operation_id = "list_users", tag = "users", params(UserQuery), responses((status = OK, body = Page<User>)))]
#[get("/users")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    query: Query<UserQuery>,
) -> Result<web::Json<Page<User>>, Problem> {
    let UserQuery { cursor, limit: asked } = query.into_inner();
    let mut users: BTreeMap<Uid, usize> = BTreeMap::new();
    for seen in admin.server.connections.seen(None) {
        if let Some(uid) = seen.socket_id.as_deref().and_then(uid_of) {
            *users.entry(uid).or_default() += 1;
        }
    }
    let after = cursor.map(|cursor| cursor.0);
    let users = users.into_iter().filter(|(uid, _)| after.is_none_or(|after| *uid > after));
    let users: Vec<User> = users.map(|(uid, connections)| User { uid: UserId(uid), connections }).collect();
    Ok(web::Json(Page::of(users, limit(asked)?, |user| user.uid.0.to_string())))
}

/// A user's connections, of which there may be none: whether anybody is behind an id, the server does not know
#[utoipa::path(operation_id = "find_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Connected)))]
#[get("/users/{uid}")]
pub(super) async fn find(admin: web::Data<Admin>, uid: web::Path<UserId>) -> web::Json<Connected> {
    let mut seen = admin.server.connections.seen(Some(&Flow::socket_id(&uid.0)));
    seen.sort_unstable_by_key(|seen| seen.connection);
    let connections = seen.into_iter().map(Into::into).collect();
    web::Json(Connected { uid: *uid, connections })
}

/// Ends all connections of a user, with close code 1001
///
/// Clients take it for a lost connection and come back, within a moment while their token is good. Nobody is kept out by this.
#[utoipa::path(operation_id = "disconnect_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Disconnected)))]
#[post("/users/{uid}/disconnect")]
pub(super) async fn disconnect(admin: web::Data<Admin>, uid: web::Path<UserId>) -> web::Json<Disconnected> {
    let connections = admin.server.connections.disconnect(&Flow::socket_id(&uid.0));
    web::Json(Disconnected { uid: *uid, connections })
}

/// Makes a token for a user, as if they had signed in
///
/// Who has it reads the user's inbox and acts in their name where no signature is asked for.
#[utoipa::path(operation_id = "mint_token", tag = "users", params(("uid" = UserId, Path)), responses((status = CREATED, body = Minted)))]
#[post("/users/{uid}/token")]
pub(super) async fn mint(admin: web::Data<Admin>, uid: web::Path<UserId>) -> HttpResponse {
    let (token, exp) = admin.flow.mint(&uid.0);
    HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(Minted { token, uid: *uid, exp })
}

/// Deletes all that is stored of a user
///
/// Their requests end as `expired`, and their approves as if their time were over. A denial that they pronounced holds on, in nobody's name; their rooms
/// stay, without a creator. Their connections are sent `erased` and then closed with 1001. The audit log stays as it is, and names them where an act was about
/// them. It is no ban: with their key they can sign in again.
#[utoipa::path(operation_id = "erase_user", tag = "users", params(("uid" = UserId, Path)), responses((status = OK, body = Erased)))]
#[delete("/users/{uid}")]
pub(super) async fn erase(
    admin: web::Data<Admin>,
    uid: web::Path<UserId>,
) -> Result<web::Json<Erased>, Problem> {
    let (uid, socket_id) = (*uid, Flow::socket_id(&uid.0));
    let seen = admin.server.connections.seen(Some(&socket_id));
    let topics = seen.into_iter().flat_map(|seen| seen.topics).map(|topic| topic.to_string()).collect();
    let Deleted { requests, approves, denials, notices, rooms } =
        admin.flow.erase_user(uid.0, topics).await?;
    let connections = admin.server.connections.disconnect(&socket_id);
    Ok(web::Json(Erased { uid, requests, approves, denials, notices, rooms, connections }))
}

/// Whose connection this is.
pub(super) fn uid_of(socket_id: &str) -> Option<Uid> {
    socket_id.strip_prefix("user:")?.parse().ok()
}
