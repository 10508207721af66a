//! Who a subscriber of a configured channel is, now: logins end, and are renewed.

use std::sync::Arc;

use vestibule_approve::signed::Uid;

use crate::{
    approve::Identity,
    login::{FOREVER, Login, Logins, Right},
};

/// Whoever wants to join, or has.
#[derive(Clone)]
pub struct Visitor {
    uid: Option<Uid>,
    /// Whether the user is its own account.
    is_user: bool,
    login: Option<Arc<Login>>,
    pass: Option<Rights>,
}

/// What the auth hook lets somebody do in a topic.
#[derive(Clone)]
pub(super) struct Rights {
    /// What, beside reading.
    pub(super) rights: Vec<Right>,
    /// Until when, in Unix milliseconds.
    pub(super) expires: i64,
}

impl Visitor {
    /// Who a connection belongs to: its login counts while its time is not over. A user who has
    /// signed in with a login has no other account when that is over.
    pub(super) fn of(identity: &Identity, logins: &Logins) -> Self {
        let login = identity.login().filter(|login| logins.remaining(login.expires).is_some());
        let is_user = identity.login().is_none();
        Self { uid: identity.uid(), is_user, login: login.cloned(), pass: None }
    }

    /// The account: of the login, or the user who has signed in without one.
    pub fn account(&self) -> Option<String> {
        let of_user = || self.uid.filter(|_| self.is_user).map(|uid| uid.to_string());
        self.login.as_ref().map(|login| login.account.clone()).or_else(of_user)
    }

    /// The user who has signed in to the approve flow, if one has.
    pub(super) fn uid(&self) -> Option<Uid> {
        self.uid
    }

    /// The login, unless its time is over.
    pub fn login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref()
    }

    /// Whether the auth hook lets this one use the topic in this way.
    pub fn has_pass(&self, right: Right) -> bool {
        self.pass.as_ref().is_some_and(|pass| right == Right::Join || pass.rights.contains(&right))
    }

    /// The auth hook lets this one in.
    pub(super) fn let_in(&mut self, pass: Rights) {
        self.pass = Some(pass);
    }

    /// The same account, with a later token. `false` if it is another's.
    pub(super) fn renew(&mut self, login: Arc<Login>) -> bool {
        let is_own = self.login.as_ref().is_some_and(|own| own.account == login.account);
        if is_own {
            self.login = Some(login);
        }
        is_own
    }

    /// When the first of what this one has been granted ends, in Unix milliseconds; `None` for
    /// never.
    pub(super) fn expires(&self) -> Option<i64> {
        let ends =
            [self.login.as_ref().map(|login| login.expires), self.pass.as_ref().map(|pass| pass.expires)];
        ends.into_iter().flatten().min().filter(|end| *end != FOREVER)
    }

    /// Takes back what has ended.
    pub(super) fn expire(&mut self, logins: &Logins) {
        let is_current = |expires: i64| logins.remaining(expires).is_some();
        self.login.take_if(|login| !is_current(login.expires));
        self.pass.take_if(|pass| !is_current(pass.expires));
    }
}
