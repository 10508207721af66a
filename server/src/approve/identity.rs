//! The user behind a connection.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;
use vestibule_approve::signed::Uid;
use vestibule_channels::{Channel, ConnectInfo, Connected, Context, Refused, SocketHandler, SubscriberId};

use crate::login::Login;

use super::{services::Services, topic::socket_id};

/// What the flow knows of a connection.
pub struct Identity {
    /// The user, if the client has shown a valid token.
    pub(super) uid: Option<Uid>,
    /// The team's own login, if the client has shown a valid token of one.
    pub(super) login: Option<Arc<Login>>,
    /// The name that the client was told: the one that it addressed, if that is one of the
    /// server's.
    pub(super) server: Arc<str>,
    /// The client's address, if known.
    pub(super) address: Option<IpAddr>,
}

impl Identity {
    /// The user who has signed in to the approve flow, if one has.
    pub fn uid(&self) -> Option<Uid> {
        self.uid
    }

    /// The team's own login with which the client has connected, if it has.
    pub fn login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref()
    }
}

/// Accepts every connection and notes its user. Without a valid token, joins are refused rather
/// than the connection: a browser cannot see why an upgrade was refused, and would retry for ever.
pub struct SocketAuth(pub(super) Arc<Services>);

impl SocketHandler for SocketAuth {
    type Assigns = Identity;

    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<Identity>, Refused> {
        let auth = &self.0.auth;
        let token = info.auth_token.or_else(|| info.params.get("token").and_then(Value::as_str));
        let uid = token.and_then(|token| auth.check_token(token).ok());
        let login = token.filter(|_| uid.is_none()).and_then(|token| auth.logins().check(token).ok());
        let server = auth.server_name(info.host).into();
        Ok(Connected {
            id: uid.as_ref().map(socket_id).or_else(|| Some(login_id(login.as_ref()?))),
            assigns: Identity { uid, login, server, address: info.address },
        })
    }
}

/// The id of an account's connections, by which they are counted.
fn login_id(login: &Login) -> String {
    format!("account:{}", login.account)
}

/// The user of a subscriber, if it has one, and the name that it was told for the server.
pub(super) fn user_and_server<'a, C: Channel<ConnectAssigns = Identity>>(
    cx: &'a Context<'_, C>,
    who: SubscriberId,
) -> Option<(Uid, &'a Arc<str>)> {
    let identity = &cx.client(who)?.assigns;
    Some((identity.uid?, &identity.server))
}

/// The address of a subscriber's client.
pub(super) fn address_of<C: Channel<ConnectAssigns = Identity>>(
    cx: &Context<'_, C>,
    who: SubscriberId,
) -> Option<IpAddr> {
    cx.client(who)?.assigns.address
}
