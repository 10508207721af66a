//! The flow as a whole: builds its parts and hands them out.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use vestibule_approve::limits::{FieldLimits, Quotas};
use vestibule_channels::{Rate, Router};
use vestibule_store::{Clock, Store, StoreProblem, clock::Doubt};

use super::{
    actions::OperatorActions,
    auth::Auth,
    config::FlowConfig,
    fan_out_limit::FanOutRate,
    identity::{Identity, SocketAuth},
    services::Services,
    sweep,
    topics::Topics,
};
use crate::{accounts::Accounts, session::Sessions};

/// The approve flow: what its channels share, and its topics.
pub struct Flow {
    services: Arc<Services>,
    topics: Arc<Topics>,
    actions: OperatorActions,
}

impl Flow {
    /// Builds the flow on an open store. All of it goes by `clock`.
    pub fn new(
        store: Store,
        sessions: Sessions,
        accounts: Arc<Accounts>,
        config: FlowConfig,
        clock: Clock,
    ) -> Arc<Self> {
        let auth = Auth::new(sessions, accounts, config.names.clone(), clock.clone());
        let services = Services::new(store, auth, config, clock);
        let topics = Topics::new(&services);
        let actions = OperatorActions::new(Arc::clone(&services), Arc::clone(&topics));
        Arc::new(Self { services, topics, actions })
    }

    /// Routes the flow's topics.
    pub fn router(&self) -> Router<Identity> {
        self.topics.router()
    }

    /// Decides who a connecting client is.
    pub fn socket_auth(&self) -> SocketAuth {
        SocketAuth(Arc::clone(&self.services))
    }

    /// What the HTTP endpoints need.
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.services)
    }

    /// What operators do to rooms, requests and users.
    pub fn actions(&self) -> &OperatorActions {
        &self.actions
    }

    /// Sign-in.
    pub fn auth(&self) -> &Auth {
        &self.services.auth
    }

    /// The store, to read from.
    pub fn store(&self) -> &Store {
        &self.services.store
    }

    /// The largest sizes of fields.
    pub fn limits(&self) -> FieldLimits {
        self.services.config.limits
    }

    /// Ends what has expired, again and again, for ever.
    pub async fn sweep(self: Arc<Self>) {
        sweep::run(&self.services, &*self.topics).await;
    }

    /// Has all clients join again, each time that they may have missed something.
    pub async fn watch_breaks(self: Arc<Self>) {
        let mut breaks = self.services.store.breaks();
        while breaks.changed().await.is_ok() {
            self.topics.restart();
        }
    }

    /// Changes the quotas from now on.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.services.store.set_quotas(quotas);
    }

    /// Changes the size in bytes to which the database may grow from now on.
    pub fn set_max_store(&self, max_bytes: Option<u64>) {
        self.services.store.set_max_bytes(max_bytes);
    }

    /// Changes whether members are shown the accounts of those who ask.
    pub fn set_show_accounts(&self, show_accounts: bool) {
        self.services.store.set_show_accounts(show_accounts);
    }

    /// Changes the rate of new requests from now on.
    pub fn set_request_rate(&self, rate: Rate) {
        self.services.new_requests.change(rate);
    }

    /// Changes the rate of what one user may send to other members from now on.
    pub fn set_fan_out(&self, rate: FanOutRate) {
        self.services.fan_out.change(rate);
    }

    /// Registers the metrics of the flow and its store.
    pub fn register(&self, registry: &mut Registry) {
        self.services.metrics.register(registry);
        self.services.store.register(registry);
    }

    /// The numbers of running rooms, and of inboxes that somebody has joined.
    pub fn running(&self) -> (usize, usize) {
        self.topics.running()
    }

    /// Updates the metrics that are not counted as things happen. If the store cannot be read, they
    /// keep their last values.
    pub async fn take_stock(&self) {
        let metrics = &self.services.metrics;
        let (rooms, inboxes) = self.topics.running();
        metrics.set_running(rooms, inboxes);
        if metrics.is_census_due()
            && let Ok(census) = self.services.store.census().await
        {
            metrics.set(&census);
        }
    }

    /// What is wrong with the store, if anything.
    pub async fn store_problem(&self) -> Option<StoreProblem> {
        self.services.store.problem().await
    }

    /// Why the time of day is not trusted, if it is not.
    pub fn clock_doubt(&self) -> Option<Doubt> {
        self.services.certainty.doubt()
    }
}
