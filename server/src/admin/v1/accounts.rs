//! Accounts of a team's own back end: ends their joins and connections.

use actix_web::{post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{endpoint::Caller, topics::no_topic};
use crate::{
    admin::{access::Right, problem::Problem, shared::Admin},
    approve::Identity,
};

/// An account that was sent out of a topic
#[derive(Debug, Serialize, ToSchema)]
struct Unsubscribed {
    /// The account
    account: String,
    /// Number of joins that ended
    subscribers: usize,
}

/// An account whose connections were closed
#[derive(Debug, Serialize, ToSchema)]
struct AccountDisconnected {
    /// The account
    account: String,
    /// Number of connections that were closed
    connections: usize,
}

/// Ends an account's joins of a configured topic with `phx_close`
///
/// phoenix.js does not join again after that, but a client may: to keep an account out, stop
/// issuing tokens that name the topic, too.
#[utoipa::path(
    operation_id = "unsubscribe_account", tag = "accounts",
    params(
        ("topic" = String, Path, description = "A configured topic"),
        ("account" = String, Path, description = "`sub` of your back end's tokens, or a uid")
    ),
    security(("bearer" = ["unsubscribe"])), responses((status = OK, body = Unsubscribed))
)]
#[post("/topics/{topic}/accounts/{account}/unsubscribe")]
pub(super) async fn unsubscribe(
    admin: web::Data<Admin>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<web::Json<Unsubscribed>, Problem> {
    let (topic, account) = path.into_inner();
    caller.check(Right::Unsubscribe, &topic)?;
    let subscribers = admin.channels.unsubscribe(&topic, account.clone()).await.ok_or_else(no_topic)?;
    Ok(web::Json(Unsubscribed { account, subscribers }))
}

/// Closes all connections of an account with close code 1001
///
/// Clients reconnect, with a token that is still valid at once. None need be connected.
#[utoipa::path(
    operation_id = "disconnect_account", tag = "accounts",
    params(("account" = String, Path, description = "`sub` of your back end's tokens, or a uid")),
    security(("bearer" = ["disconnect"])), responses((status = OK, body = AccountDisconnected))
)]
#[post("/accounts/{account}/disconnect")]
pub(super) async fn disconnect(
    admin: web::Data<Admin>,
    account: web::Path<String>,
) -> web::Json<AccountDisconnected> {
    let account = account.into_inner();
    let is_theirs = |identity: &Identity| identity.account().as_deref() == Some(&*account);
    let connections = admin.server.connections.disconnect_if(is_theirs);
    web::Json(AccountDisconnected { account, connections })
}
