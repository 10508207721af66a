//! Rooms: lists and shows them, deletes them, sets their creators.

use actix_web::{delete, get, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_approve::{frames::Card, refusal::Reason};
use vestibule_store::{CommandError, RoomRecord, RoomSearch};

use super::{
    endpoint::{Body, Query},
    ids::{DrawnId, RoomId, RoomPolicy, UserId},
    page::{Page, Paging, limit},
};
use crate::{
    admin::{problem::Problem, shared::Admin},
    approve::RoomSubscriber,
    query,
};

/// Selects the rooms to list
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RoomQuery {
    /// Part of the name, in upper or lower case. A page may have fewer rooms than `limit`, even
    /// none, and still a `next`
    #[serde(default, deserialize_with = "query::optional")]
    name: Option<String>,
    /// Only rooms with this policy
    #[serde(default, deserialize_with = "query::optional")]
    policy: Option<RoomPolicy>,
    /// The `next` of the previous page
    #[param(value_type = Option<RoomId>)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<RoomId>,
    /// Maximum number of rooms
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// A room
#[derive(Debug, Serialize, ToSchema)]
struct Room {
    rid: RoomId,
    policy: RoomPolicy,
    /// Name on its card
    #[schema(required)]
    name: Option<String>,
    /// Version of its card
    version: u64,
    /// When it was created, in Unix milliseconds
    created: i64,
    /// Its creator, the only user who can change its policy: the user who published its first card,
    /// unless they handed the role over. `null` for rooms from older versions of the server
    #[schema(required)]
    created_by: Option<UserId>,
    /// Whether the directory lists it; secret rooms are never listed
    listed: bool,
    /// Number of requests that wait: open ones, and denied ones that a member can still approve
    waiting: i64,
}

impl From<RoomRecord> for Room {
    fn from(RoomRecord { card, created, creator, is_listed: listed, waiting }: RoomRecord) -> Self {
        let Card { rid, policy, name, version, .. } = card;
        let (policy, created_by) = (policy.into(), creator.map(UserId));
        Self { rid: RoomId(rid), policy, name, version, created, created_by, listed, waiting }
    }
}

/// A connection that has joined a room
#[derive(Debug, Serialize, ToSchema)]
struct Member {
    uid: UserId,
    device: DrawnId,
    /// Number of the connection
    connection: u64,
    role: Role,
}

/// Role in a room
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// Has proved the room key on this connection
    Member,
    /// Has not proved the room key
    Guest,
}

impl From<RoomSubscriber> for Member {
    fn from(RoomSubscriber { connection, uid, device, is_member }: RoomSubscriber) -> Self {
        let role = if is_member { Role::Member } else { Role::Guest };
        Self { uid: UserId(uid), device: DrawnId(device), connection, role }
    }
}

/// A room that was deleted
#[derive(Debug, Serialize, ToSchema)]
struct Deleted {
    rid: RoomId,
    /// Number of requests deleted with it; their users are told `expired`
    requests: usize,
}

/// Lists rooms, secret ones included, by id
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

/// Returns a room
#[utoipa::path(operation_id = "find_room", tag = "rooms", params(("rid" = RoomId, Path)), responses((status = OK, body = Room)))]
#[get("/rooms/{rid}")]
pub(super) async fn find(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
) -> Result<web::Json<Room>, Problem> {
    let room = admin.flow.store().room(rid.0).await?.ok_or_else(no_room)?;
    Ok(web::Json(room.into()))
}

/// Lists the connections that have joined a room, oldest first
///
/// Works for rooms that nobody has published, too.
#[utoipa::path(operation_id = "list_members", tag = "rooms", params(("rid" = RoomId, Path), Paging), responses((status = OK, body = Page<Member>)))]
#[get("/rooms/{rid}/members")]
pub(super) async fn members(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
    paging: Query<Paging>,
) -> Result<web::Json<Page<Member>>, Problem> {
    let Paging { cursor, limit: asked } = paging.into_inner();
    let mut members = admin.flow.actions().subscribers(&rid.0).await;
    members.retain(|member| cursor.is_none_or(|after| member.connection > after.count()));
    Ok(web::Json(Page::of(members, limit(asked)?, |member| member.connection.to_string())))
}

/// Deletes a room, with its requests, approves, denials and notices
///
/// Newcomers who wait for its key are told `expired`; connections that have joined it get
/// `phx_close`. Afterwards the room is unknown, but a member who has the key can publish it again.
#[utoipa::path(operation_id = "delete_room", tag = "rooms", params(("rid" = RoomId, Path)), responses((status = OK, body = Deleted)))]
#[delete("/rooms/{rid}")]
pub(super) async fn remove(
    admin: web::Data<Admin>,
    rid: web::Path<RoomId>,
) -> Result<web::Json<Deleted>, Problem> {
    let removed = admin.flow.actions().remove_room(rid.0).await?;
    if !removed.was_there {
        return Err(no_room());
    }
    Ok(web::Json(Deleted { rid: *rid, requests: removed.ended }))
}

/// The user to make the room's creator
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Creator {
    uid: UserId,
}

/// Sets a room's creator
///
/// Use it for a room without a creator, or whose creator has lost their key. Only the creator can
/// change the policy and the listing, and the creator's approves never get `slots_full`. Members
/// are told `creator_changed`.
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
    match admin.flow.actions().appoint_creator(rid.0, creator.into_inner().uid.0).await {
        Err(CommandError::Refused(refusal)) if refusal.reason == Reason::UnknownRoom => return Err(no_room()),
        appointed => appointed?,
    };
    let room = admin.flow.store().room(rid.0).await?.ok_or_else(no_room)?;
    Ok(web::Json(room.into()))
}

fn no_room() -> Problem {
    Problem::missing("No such room.")
}
