//! Who a subscriber of a configured channel is, now: logins end, and are renewed.

use std::sync::Arc;

use vestibule_approve::signed::Uid;

use crate::{
    approve::Identity,
    login::{Login, Logins},
};

/// Whoever wants to join, or has.
#[derive(Clone)]
pub struct Visitor {
    uid: Option<Uid>,
    login: Option<Arc<Login>>,
}

impl Visitor {
    /// Who a connection belongs to: its login counts while its time is not over.
    pub(super) fn of(identity: &Identity, logins: &Logins) -> Self {
        let login = identity.login().filter(|login| logins.remaining(login).is_some());
        Self { uid: identity.uid(), login: login.cloned() }
    }

    /// The account: of the login, or the user who has signed in.
    pub fn account(&self) -> Option<String> {
        let of_login = || self.login.as_ref().map(|login| login.account.clone());
        self.uid.map(|uid| uid.to_string()).or_else(of_login)
    }

    /// The login, unless its time is over.
    pub fn login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref()
    }

    /// The same account, with a later token. `false` if it is another's.
    pub(super) fn renew(&mut self, login: Arc<Login>) -> bool {
        let is_own = self.login.as_ref().is_some_and(|own| own.account == login.account);
        if is_own {
            self.login = Some(login);
        }
        is_own
    }

    /// The login is over.
    pub(super) fn expire(&mut self) {
        self.login = None;
    }
}
