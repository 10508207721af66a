//! The user behind a connection.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;
use vestibule_approve::signed::Uid;
use vestibule_channels::{Channel, ConnectInfo, Connected, Context, Refused, SocketHandler, SubscriberId};

use super::{services::Services, topic::socket_id};

/// What the flow knows of a connection.
pub struct Identity {
    /// The user, if the client has shown a valid token.
    pub(super) uid: Option<Uid>,
    /// The name that the client was told: the one that it addressed, if that is one of the
    /// server's.
    pub(super) server: Arc<str>,
    /// The client's address, if known.
    pub(super) address: Option<IpAddr>,
}

impl Identity {
    /// The account of the client, as the presence list and the log name it, if it has one.
    pub fn account(&self) -> Option<String> {
        self.uid.map(|uid| uid.to_string())
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
        let server = auth.server_name(info.host).into();
        Ok(Connected {
            id: uid.as_ref().map(socket_id),
            assigns: Identity { uid, server, address: info.address },
        })
    }
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
