//! Who a connection belongs to.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;
use vestibule_approve::signed::Uid;
use vestibule_channels::{
    channel::{Channel, Client, Context, SubscriberId},
    transport::{ConnectInfo, Connected, Refused, SocketHandler},
};
use vestibule_store::clock;

use super::Flow;

/// What the token says of a connection.
pub(super) struct Identity {
    /// The user; nobody where there is no valid token.
    pub(super) uid: Option<Uid>,
    /// The name that the client was told, which is the one it addressed where that is one of the server's.
    pub(super) server: String,
    /// Where the client is, as far as that is known.
    pub(super) address: Option<IpAddr>,
}

/// Lets everybody in, and notes who they are. Somebody without a valid token is refused at each join, where a browser can
/// see the reason; a refused upgrade would be tried again for ever.
pub struct SocketAuth(pub Arc<Flow>);

impl SocketHandler for SocketAuth {
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected, Refused> {
        let token = info.auth_token.or_else(|| info.params.get("token").and_then(Value::as_str));
        let uid = token.and_then(|token| self.0.sessions.check_token(token, clock::now_ms()).ok());
        let server = self.0.server_name(info.host).to_owned();
        Ok(Connected {
            id: uid.as_ref().map(Flow::socket_id),
            assigns: Arc::new(Identity { uid, server, address: info.address }),
        })
    }
}

/// The user behind a member, if there is one, and the server's name.
pub(super) fn of<'a, C: Channel>(cx: &'a Context<'_, C>, who: SubscriberId) -> Option<(Uid, &'a str)> {
    let identity = cx.client(who).and_then(|client| Client::assigns::<Identity>(client))?;
    Some((identity.uid?, &identity.server))
}

/// Where the client of a member is.
pub(super) fn address_of<C: Channel>(cx: &Context<'_, C>, who: SubscriberId) -> Option<IpAddr> {
    cx.client(who).and_then(|client| Client::assigns::<Identity>(client))?.address
}
