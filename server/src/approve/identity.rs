//! The user behind a connection.

use std::{net::IpAddr, sync::Arc};

use actix_web::http::{
    StatusCode,
    header::{HeaderValue, RETRY_AFTER},
};
use serde_json::Value;
use vestibule_approve::signed::Uid;
use vestibule_channels::{
    Channel, ConnectFuture, ConnectInfo, Connected, Context, Refused, SocketHandler, SubscriberId,
};

use crate::{
    hook::{Connecting, Denied, Verdict},
    login::{Login, Logins},
};

use super::{services::Services, topic::socket_id};

/// The parameter that a token may come in.
const TOKEN: &str = "token";

/// What the flow knows of a connection.
pub struct Identity {
    /// The user, if the client has shown a valid token.
    pub(super) uid: Option<Uid>,
    /// The team's own login, or why there is none, if the client has shown a token of one, or a
    /// token for a user that carries it.
    pub(super) login: Option<Verdict<Arc<Login>>>,
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
        self.login.as_ref()?.as_ref().ok()
    }

    /// The account: the login's, or the user who has signed in without one.
    pub fn account(&self) -> Option<String> {
        let of_user = || self.uid.filter(|_| self.login.is_none()).map(|uid| uid.to_string());
        self.login().map(|login| login.account.clone()).or_else(of_user)
    }

    /// The client's address, if known.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What the auth hook has said against the client.
    pub fn denied(&self) -> Option<&Denied> {
        self.login.as_ref()?.as_ref().err()
    }
}

/// Accepts every connection and notes its user. Without a valid token, joins are refused rather
/// than the connection: a browser cannot see why an upgrade was refused, and would retry for ever.
/// Just that is wanted where nobody can tell now whose token it is.
pub struct SocketAuth(pub(super) Arc<Services>);

impl SocketHandler for SocketAuth {
    type Assigns = Identity;

    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<Identity>, Refused> {
        let (auth, token) = (&self.0.auth, token(info));
        let session = token.and_then(|token| auth.check_token(token).ok());
        let own = token.filter(|_| session.is_none());
        let alone = own.and_then(|token| auth.accounts().logins().check(token).ok());
        let (uid, login) = session.map_or((None, alone), |session| (Some(session.uid), session.login));
        Ok(self.connected(info, uid, login.map(Ok)))
    }

    fn connect_later(&self, info: &ConnectInfo<'_>) -> Option<ConnectFuture<Identity>> {
        let auth = &self.0.auth;
        let token = token(info).filter(|token| auth.accounts().must_ask(token))?;
        if auth.check_token(token).is_ok() {
            return None;
        }
        let mut params = info.params.clone();
        params.remove(TOKEN);
        let connecting = Connecting { token: token.to_owned(), params, address: info.address };
        let (accounts, guest) = (Arc::clone(auth.accounts()), self.connected(info, None, None));
        Some(Box::pin(async move {
            let found = accounts.find(&connecting).await.map_err(|_| try_again())?;
            let id = found.as_ref().ok().map(|login| account_socket_id(&login.account));
            Ok(Connected { id, assigns: Identity { login: Some(found), ..guest.assigns } })
        }))
    }
}

impl SocketAuth {
    fn connected(
        &self,
        info: &ConnectInfo<'_>,
        uid: Option<Uid>,
        login: Option<Verdict<Arc<Login>>>,
    ) -> Connected<Identity> {
        let of_login = || login.as_ref()?.as_ref().ok().map(|login| account_socket_id(&login.account));
        let id = uid.as_ref().map(socket_id).or_else(of_login);
        let server = self.0.auth.server_name(info.host).into();
        Connected { id, assigns: Identity { uid, login, server, address: info.address } }
    }
}

/// The token that a client shows: beside the URL, or in it.
fn token<'a>(info: &ConnectInfo<'a>) -> Option<&'a str> {
    info.auth_token.or_else(|| info.params.get(TOKEN).and_then(Value::as_str))
}

/// Has a client connect again.
fn try_again() -> Refused {
    Refused::with(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// The socket id of all connections of an account of the team's own logins.
fn account_socket_id(account: &str) -> String {
    format!("account:{account}")
}

/// The user of a subscriber, if it has one, and the name that it was told for the server.
pub(super) fn user_and_server<'a, C: Channel<ConnectAssigns = Identity>>(
    cx: &'a Context<'_, C>,
    who: SubscriberId,
) -> Option<(Uid, &'a Arc<str>)> {
    let identity = &cx.client(who)?.assigns;
    Some((identity.uid?, &identity.server))
}

/// The account of the login with which a subscriber has connected, unless that is over.
pub(super) fn account_of<C: Channel<ConnectAssigns = Identity>>(
    cx: &Context<'_, C>,
    who: SubscriberId,
    logins: &Logins,
) -> Option<String> {
    let login = cx.client(who)?.assigns.login()?;
    logins.remaining(login.expires).map(|_| login.account.clone())
}

/// The address of a subscriber's client.
pub(super) fn address_of<C: Channel<ConnectAssigns = Identity>>(
    cx: &Context<'_, C>,
    who: SubscriberId,
) -> Option<IpAddr> {
    cx.client(who)?.assigns.address
}
