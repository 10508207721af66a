//! Whose account a token shows: the team's own logins first, then its auth hook.

use std::sync::Arc;

use crate::{
    hook::{AuthHook, Connecting, Denied, Unavailable, Verdict},
    login::{KeyFetcher, Login, Logins, NotAccepted},
};

/// Finds the accounts of the team's users.
pub struct Accounts {
    logins: Arc<Logins>,
    fetcher: KeyFetcher,
    hook: Option<AuthHook>,
}

impl Accounts {
    /// Accounts by these logins and this hook. `fetcher` is for keys at an address.
    pub fn new(logins: Arc<Logins>, fetcher: KeyFetcher, hook: Option<AuthHook>) -> Self {
        Self { logins, fetcher, hook }
    }

    /// The team's own logins.
    pub fn logins(&self) -> &Arc<Logins> {
        &self.logins
    }

    /// What fetches keys that are at an address.
    pub fn fetcher(&self) -> &KeyFetcher {
        &self.fetcher
    }

    /// The auth hook, if there is one.
    pub fn hook(&self) -> Option<&AuthHook> {
        self.hook.as_ref()
    }

    /// Whether it may take time to find out whose token this is.
    pub fn must_ask(&self, token: &str) -> bool {
        match self.logins.check(token) {
            Ok(_) => false,
            Err(NotAccepted::UnknownKey) => true,
            Err(NotAccepted::Invalid) => self.hook.is_some(),
        }
    }

    /// Whose token this is. Nobody can tell while the keys were never fetched, or the hook fails.
    pub async fn find(&self, connecting: &Connecting) -> Result<Verdict<Arc<Login>>, Unavailable> {
        let mut checked = self.logins.check(&connecting.token);
        if checked == Err(NotAccepted::UnknownKey) {
            let has_keys = self.logins.renew_keys().await;
            checked = self.logins.check(&connecting.token);
            if checked.is_err() && !has_keys && self.hook.is_none() {
                return Err(Unavailable);
            }
        }
        match (checked, &self.hook) {
            (Ok(login), _) => Ok(Ok(login)),
            (Err(_), Some(hook)) => Ok(hook.connect(connecting).await?.map(Arc::new)),
            (Err(_), None) => Ok(Err(Denied::unauthorized())),
        }
    }
}
