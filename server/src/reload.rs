//! SIGHUP: the configuration is read again, the certificate and the operators' tokens too, and what can be taken over is. The log
//! says what that was, and what was not.

use std::sync::Arc;

use vestibule_channels::transport::{ConnectionLimits, Endpoint, HttpRateLimit};

use crate::{
    admin::{Admission, Renewed},
    approve::Flow,
    config::{Change, Changes, Problem, Settings, Sources},
    telemetry::Log,
    tls::Certificate,
};

/// What can be changed of a running server, and how it is set now.
pub(crate) struct Reload {
    pub(crate) sources: Sources,
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) flow: Arc<Flow>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) admission: Option<Admission>,
    pub(crate) polls: Arc<ConnectionLimits>,
    pub(crate) tcp: Arc<ConnectionLimits>,
    pub(crate) calls: Arc<HttpRateLimit>,
}

impl Reload {
    /// Reads the configuration again, and says in short what came of it. A bad one changes nothing. When this returns, all is
    /// done: whoever supervises the server can be told before and after.
    pub(crate) fn run(&mut self) -> String {
        match self.sources.read().and_then(|new| self.settings.adopt(&new)) {
            Ok((settings, changes)) => {
                self.settings = settings;
                // Under the new filter of the log.
                self.apply();
                let said = report(&changes);
                self.renew_certificate();
                self.renew_tokens();
                said
            }
            Err(problems) => refuse(&problems),
        }
    }

    /// Sets everything as the settings say, changed or not: to what is set already nothing happens.
    fn apply(&self) {
        let config = &self.settings.config;
        if let Err(error) = self.log.set_filter(&config.log) {
            tracing::error!(%error, "keeping the current log filter");
        }
        self.endpoint.rules.store(Arc::new(config.rules()));
        let connections = &config.connections;
        for (caps, (per_address, per_user)) in
            [(&self.endpoint.caps, connections.socket_caps()), (&self.polls, connections.poll_caps())]
        {
            caps.change(per_address, per_user);
        }
        self.tcp.change(connections.connection_cap(), usize::MAX);
        self.calls.change(connections.calls());
        self.endpoint.connects.change(connections.connects());
        let store = config.store();
        self.flow.set_quotas(store.quotas);
        self.flow.set_max_store(store.max_bytes);
        self.flow.set_request_rate(config.flow.new_requests());
        self.flow.set_reach(config.flow.reach());
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

/// Says what was taken over, and what needs a restart: each setting, and then all of them by name.
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
