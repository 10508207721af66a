//! SIGHUP: the configuration is read again, and what can be taken over is.

use std::sync::Arc;

use crate::{
    approve::Flow,
    config::{Changes, Problem, Settings, Sources},
    telemetry::Log,
    tls::Certificate,
    transport::{Calls, Caps, Endpoint},
};

/// What can be changed of a running server, and how it is set now.
pub(crate) struct Reload {
    pub(crate) sources: Sources,
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) flow: Arc<Flow>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) polls: Arc<Caps>,
    pub(crate) tcp: Arc<Caps>,
    pub(crate) calls: Arc<Calls>,
}

impl Reload {
    /// Reads the configuration again. A bad one changes nothing. When this returns, all is done: whoever supervises the
    /// server can be told before and after.
    pub(crate) fn run(&mut self) {
        let read = self.sources.read().and_then(|new| self.settings.adopt(&new));
        match read {
            Ok((settings, changes)) => {
                self.settings = settings;
                self.apply();
                report(&changes);
            }
            Err(problems) => refuse(&problems),
        }
    }

    /// Sets everything as the settings say, changed or not: to what is set already nothing happens.
    fn apply(&self) {
        let config = &self.settings.config;
        if let Err(error) = self.log.set_filter(&config.log) {
            tracing::error!(%error, "the log is filtered as before");
        }
        self.endpoint.rules.replace(config.rules());
        let connections = &config.connections;
        for (caps, (per_address, per_user)) in
            [(&self.endpoint.caps, connections.socket_caps()), (&self.polls, connections.poll_caps())]
        {
            caps.change(per_address, per_user);
        }
        self.tcp.change(connections.connection_cap(), usize::MAX);
        self.calls.change(connections.calls());
        self.endpoint.connects.change(connections.connects());
        self.flow.set_quotas(config.store().quotas);
        self.flow.set_request_rate(config.flow.new_requests());
        if let Some(Err(error)) = self.certificate.as_ref().map(|certificate| certificate.renew()) {
            tracing::error!(%error, "the certificate stays as it was");
        }
    }
}

fn report(changes: &Changes) {
    let Changes { live, fixed } = changes;
    if live.is_empty() && fixed.is_empty() {
        tracing::info!("configuration read again: nothing has changed");
    }
    if !live.is_empty() {
        tracing::info!(settings = live.join(", "), "configuration read again");
    }
    if !fixed.is_empty() {
        tracing::warn!(settings = fixed.join(", "), "changes that need a restart");
    }
}

fn refuse(problems: &[Problem]) {
    for problem in problems {
        tracing::error!("{problem}");
    }
    tracing::error!("the configuration stays as it was");
}
