//! SIGHUP: the server reads its settings, its certificate and the operators' tokens again, and
//! applies the changes that it can. The log says which it has applied, and which need a restart.

use std::sync::Arc;

use crate::{
    admin::{Admission, Renewed},
    approve::Flow,
    clients::Clients,
    config::{Change, Changes, KeyPlace, Problem, Settings, Sources},
    login::{KeySet, KeySource, RemoteKeys},
    telemetry::Log,
    tls::Certificate,
};

/// What a reload changes, and the settings in force.
pub(crate) struct Reload {
    pub(crate) sources: Sources,
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) flow: Arc<Flow>,
    pub(crate) clients: Clients,
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) admission: Option<Admission>,
}

impl Reload {
    /// Reads the configuration again, applies it, and returns a summary. An invalid configuration
    /// changes nothing.
    pub(crate) fn run(&mut self) -> String {
        match self.sources.read().and_then(|new| self.settings.adopt(&new)) {
            Ok((settings, changes)) => {
                self.settings = settings;
                // First, so that the log has its new filter for what follows.
                self.apply();
                let said = report(&changes);
                self.renew_certificate();
                self.renew_tokens();
                self.renew_logins();
                said
            }
            Err(problems) => refuse(&problems),
        }
    }

    /// Applies all settings, changed or not: applying an unchanged one does nothing.
    fn apply(&self) {
        let config = &self.settings.config;
        if let Err(error) = self.log.set_filter(&config.log) {
            tracing::error!(%error, "keeping the current log filter");
        }
        self.clients.apply(&self.settings);
        self.flow.set_quotas(config.flow.quotas());
        self.flow.set_max_store(config.max_store());
        self.flow.set_show_accounts(config.login.show_accounts);
        self.flow.set_request_rate(config.flow.new_requests());
        self.flow.set_fan_out(config.flow.fan_out());
    }

    fn renew_certificate(&self) {
        let Some(certificate) = &self.certificate else { return };
        match certificate.renew() {
            Ok(is_another) => {
                let said = if is_another { "certificate renewed" } else { "the certificate has not changed" };
                certificate.log(said);
                for warning in certificate.warnings() {
                    tracing::warn!("{warning}");
                }
            }
            Err(error) => tracing::error!(%error, "keeping the current certificate"),
        }
    }

    fn renew_logins(&self) {
        let config = &self.settings.config;
        let accounts = self.flow.auth().accounts();
        let logins = accounts.logins();
        let keys = match config.login.keys() {
            None => return logins.change(None),
            Some(KeyPlace::Address(address)) => {
                let same = logins.remote_keys().filter(|keys| keys.address() == address);
                let start = || RemoteKeys::start(address.clone(), accounts.fetcher().clone());
                KeySource::Remote(same.unwrap_or_else(start))
            }
            Some(KeyPlace::File(path)) => match KeySet::load(path, config.file_modes()) {
                Ok(keys) => {
                    tracing::info!(keys = keys.count(), "keys of logins reloaded");
                    KeySource::File(Arc::new(keys))
                }
                Err(error) => return tracing::error!(%error, "keeping the current keys of logins"),
            },
        };
        logins.change(Some(config.login.issuers(keys)));
    }

    fn renew_tokens(&self) {
        let Some(admission) = &self.admission else { return };
        match admission.renew() {
            Ok(Renewed { has_changed, revoked }) => {
                let said = if has_changed {
                    "operators' tokens reloaded"
                } else {
                    "the operators' tokens have not changed"
                };
                tracing::info!(tokens = admission.tokens().count(), "{said}");
                if !revoked.is_empty() {
                    tracing::info!(admin = revoked.join(", "), "operators' tokens revoked");
                }
            }
            Err(error) => tracing::error!(%error, "keeping the current operators' tokens"),
        }
    }
}

/// Logs each changed setting, then the names of those in force and of those that need a restart,
/// and returns a summary.
fn report(changes: &Changes) -> String {
    let Changes { live, fixed } = changes;
    for Change { setting, from, to, source } in live {
        tracing::info!(setting, from, to, source, "setting changed");
    }
    for Change { setting, from, to, source } in fixed {
        tracing::warn!(setting, from, to, source, "setting changed, takes effect after a restart");
    }
    if live.is_empty() && fixed.is_empty() {
        tracing::info!("configuration reloaded: nothing has changed");
        return "nothing has changed".to_owned();
    }
    let (taken, left) = (names(live), names(fixed));
    if !live.is_empty() {
        tracing::info!(settings = taken, "configuration reloaded");
    }
    if !fixed.is_empty() {
        tracing::warn!(settings = left, "changes that need a restart");
    }
    let parts = [("changed: ", taken), ("needs a restart: ", left)];
    let said = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| what.to_owned() + &names);
    said.collect::<Vec<_>>().join("; ")
}

fn names(changes: &[Change]) -> String {
    changes.iter().map(|change| change.setting.as_str()).collect::<Vec<_>>().join(", ")
}

fn refuse(problems: &[Problem]) -> String {
    for problem in problems {
        tracing::error!("{problem}");
    }
    tracing::error!("keeping the current configuration");
    "invalid, see the log".to_owned()
}
