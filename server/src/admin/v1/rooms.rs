//! Rooms: found, looked into, deleted.

use actix_web::{delete, get, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_approve::{frames::Card, refusal::Reason};
use vestibule_store::{CommandError, RoomRecord, RoomSearch};

use super::{
    Body, Query,
    ids::{DrawnId, RoomId, RoomPolicy, UserId},
    page::{Page, Paging, limit},
};
use crate::{
    admin::{Admin, problem::Problem},
    approve::Online,
    query,
};

/// Which rooms are listed
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RoomQuery {
    /// Part of the name, in whatever case. A page may hold fewer rooms than there are, and none, and have a `next`
    #[serde(default, deserialize_with = "query::optional")]
    name: Option<String>,
    /// The policy
    #[serde(default, deserialize_with = "query::optional")]
    policy: Option<RoomPolicy>,
    /// What the page before said as `next`
    #[param(value_type = Option<RoomId>)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<RoomId>,
    /// How many rooms at the most
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// A room
#[derive(Debug, Serialize, ToSchema)]
struct Room {
    rid: RoomId,
    policy: RoomPolicy,
    /// The name on its card
    #[schema(required)]
    name: Option<String>,
    /// The version of its card
    version: u64,
    /// When it was made, in Unix milliseconds
    created: i64,
    /// Its creator, who alone changes its policy: who published its first card, unless the role was handed over. Unknown for
    /// rooms of older versions of the server
    #[schema(required)]
    created_by: Option<UserId>,
    /// Whether the directory lists it; a secret room is listed nowhere all the same
    listed: bool,
    /// How many requests wait in it: open ones, and denied ones that may still be approved
    waiting: i64,
}

impl From<RoomRecord> for Room {
    fn from(RoomRecord { card, created, creator, is_listed: listed, waiting }: RoomRecord) -> Self {
        let Card { rid, policy, name, version, .. } = card;
        let (policy, created_by) = (policy.into(), creator.map(UserId));
        Self { rid: RoomId(rid), policy, name, version, created, created_by, listed, waiting }
    }
}

/// Somebody in a room
#[derive(Debug, Serialize, ToSchema)]
struct Member {
    uid: UserId,
    device: DrawnId,
    /// The connection's number
    connection: u64,
    role: Role,
}

/// What somebody is in a room
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// Has proved to hold the room's key
    Member,
    /// Has not
    Guest,
}

impl From<Online> for Member {
    fn from(Online { connection, uid, device, is_member }: Online) -> Self {
        let role = if is_member { Role::Member } else { Role::Guest };
        Self { uid: UserId(uid), device: DrawnId(device), connection, role }
    }
}

/// A room that was deleted
#[derive(Debug, Serialize, ToSchema)]
struct Deleted {
    rid: RoomId,
    /// How many requests it took along; who asked is told that they expired
    requests: usize,
}

/// The rooms, secret ones as well, in the order of their ids
#[utoipa::path(operation_id = "list_rooms", tag = "rooms", params(RoomQuery), responses((status = OK, body = Page<Room>)))]
#[get("/rooms")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    query: Query<RoomQuery>,
) -> Result<web::Json<Page<Room>>, Problem> {
    let RoomQuery { name, policy, cursor, limit: asked } = query.into_inner();
    let search = RoomSearch { name, policy: policy.map(Into::into) };
    let after = cursor.map(|cursor| cursor.0);
    let (rooms, next) = admin.flow.store().rooms(search, after, limit(asked)?).await?;
    let rooms = rooms.into_iter().map(Into::into).collect();
    Ok(web::Json(Page::new(rooms, next.map(|rid| rid.to_string()))))
}

/// One room
#[utoipa::path(operation_id = "find_room", tag = "rooms", params(("rid" = RoomId, Path)), responses((status = OK, body = Room)))]
#[get("/rooms/{rid}")]
pub(super) async fn find(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
) -> Result<web::Json<Room>, Problem> {
    let room = admin.flow.store().room(rid.0).await?.ok_or_else(no_room)?;
    Ok(web::Json(room.into()))
}

/// Who is in a room at this moment, in the order in which they connected
///
/// Also in a room that nobody has published yet.
#[utoipa::path(operation_id = "list_members", tag = "rooms", params(("rid" = RoomId, Path), Paging), responses((status = OK, body = Page<Member>)))]
#[get("/rooms/{rid}/members")]
pub(super) async fn members(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
    paging: Query<Paging>,
) -> Result<web::Json<Page<Member>>, Problem> {
    let Paging { cursor, limit: asked } = paging.into_inner();
    let mut online = admin.flow.online(&rid.0).await;
    online.retain(|online| cursor.is_none_or(|after| online.connection > after.count()));
    Ok(web::Json(Page::of(online, limit(asked)?, |online| online.connection.to_string())))
}

/// Deletes a room, with its requests, approves, denials and notices
///
/// Who waits for its key is told `expired`, and who is in it `phx_close`. Afterwards it is as unknown as a room that never was; but a member who
/// has its key may publish it again.
#[utoipa::path(operation_id = "delete_room", tag = "rooms", params(("rid" = RoomId, Path)), responses((status = OK, body = Deleted)))]
#[delete("/rooms/{rid}")]
pub(super) async fn remove(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
) -> Result<web::Json<Deleted>, Problem> {
    let removed = admin.flow.remove_room(rid.0).await?;
    if !removed.was_there {
        return Err(no_room());
    }
    Ok(web::Json(Deleted { rid: *rid, requests: removed.ended }))
}

/// Who is to be a room's creator
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Creator {
    uid: UserId,
}

/// Makes a user a room's creator, whoever it was
///
/// For a room that has none, and for one whose creator has lost their key. The creator alone changes the policy and whether the room is
/// listed, and always finds a place for an approve. Members are told `creator_changed`.
#[utoipa::path(
    operation_id = "set_creator", tag = "rooms", params(("rid" = RoomId, Path)),
    request_body = Creator, responses((status = OK, body = Room))
)]
#[put("/rooms/{rid}/creator")]
pub(super) async fn set_creator(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
    creator: Body<Creator>,
) -> Result<web::Json<Room>, Problem> {
    match admin.flow.appoint_creator(rid.0, creator.into_inner().uid.0).await {
        Err(CommandError::Refused(refusal)) if refusal.reason == Reason::UnknownRoom => return Err(no_room()),
        appointed => appointed?,
    };
    let room = admin.flow.store().room(rid.0).await?.ok_or_else(no_room)?;
    Ok(web::Json(room.into()))
}

fn no_room() -> Problem {
    Problem::missing("There is no such room.")
}
