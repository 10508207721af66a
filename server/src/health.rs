//! Whether the server lives, and whether it can do its work: for whoever sends it clients, or starts it again.
//!
//! Open to everybody, so asking costs nothing: the store is looked at once a second, whoever asks, and not at all on their
//! account.

use std::{
    collections::BTreeMap,
    iter,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, middleware::from_fn, web};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use serde_json::json;
use vestibule_channels::transport::{Connections, head_as_get, other_methods};
use vestibule_store::StoreProblem;

use crate::approve::{Doubt, Flow};

/// How often the store is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A look that is older says nothing: whoever was to look hangs.
const STALE: Duration = Duration::from_secs(5);

/// The methods of both endpoints.
const READING: &str = "GET, HEAD, OPTIONS";

/// Whether the server can do its work.
pub struct Health {
    connections: Arc<Connections>,
    /// The place in [`STATES`].
    state: AtomicU8,
    start: Instant,
    /// Of the last look, in milliseconds since the start.
    looked: AtomicU64,
    /// The place in [`DOUBTS`].
    doubt: AtomicU8,
    ready: Gauge,
    clock_doubted: Gauge,
}

/// What may be found wrong with the store.
const STATES: [Option<StoreProblem>; 5] = [
    None,
    Some(StoreProblem::Moved),
    Some(StoreProblem::Unreadable),
    Some(StoreProblem::Incomplete),
    Some(StoreProblem::Full),
];

/// What may be wrong with the time of day.
const DOUBTS: [Option<Doubt>; 3] = [None, Some(Doubt::Unsynchronised), Some(Doubt::Ahead)];

/// Whether somebody is told why the server is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// They are.
    Told,
    /// They are not.
    Kept,
}

impl Health {
    /// Of a server that has just opened its store.
    pub fn new(connections: Arc<Connections>) -> Arc<Self> {
        Arc::new(Self {
            connections,
            state: AtomicU8::new(0),
            start: Instant::now(),
            looked: AtomicU64::new(0),
            doubt: AtomicU8::new(0),
            ready: Gauge::default(),
            clock_doubted: Gauge::default(),
        })
    }

    /// Registers whether the server is ready.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "ready",
            "Whether the server accepts clients: 1 if ready, 0 if /health/ready says 503",
            self.ready.clone(),
        );
        registry.register(
            "clock_doubted",
            "Whether the server distrusts the time of day, and ends nothing for good by it: 1 or 0",
            self.clock_doubted.clone(),
        );
    }

    /// Looks at the store, for ever.
    pub async fn watch(self: Arc<Self>, flow: Arc<Flow>) {
        loop {
            self.note(flow.trouble().await);
            self.note_doubt(flow.doubt());
            tokio::time::sleep(EVERY).await;
        }
    }

    fn note(&self, trouble: Option<StoreProblem>) {
        let state = STATES.iter().position(|state| *state == trouble).unwrap_or_default();
        self.state.store(u8::try_from(state).unwrap_or_default(), Ordering::Relaxed);
        self.looked.store(self.elapsed_ms(), Ordering::Relaxed);
        self.ready.set(i64::from(self.obstacle().is_none()));
    }

    fn note_doubt(&self, doubt: Option<Doubt>) {
        let place = DOUBTS.iter().position(|known| *known == doubt).unwrap_or_default();
        self.doubt.store(u8::try_from(place).unwrap_or_default(), Ordering::Relaxed);
        self.clock_doubted.set(i64::from(doubt.is_some()));
    }

    /// What an operator should look at although the server is ready.
    fn warning(&self) -> Option<&'static str> {
        match DOUBTS[usize::from(self.doubt.load(Ordering::Relaxed))]? {
            Doubt::Unsynchronised => Some("clock_unsynchronised"),
            Doubt::Ahead => Some("clock_ahead"),
        }
    }

    /// Why the server is not ready, if it is not.
    fn obstacle(&self) -> Option<&'static str> {
        if self.connections.is_draining() {
            return Some("draining");
        }
        let age = self.elapsed_ms().saturating_sub(self.looked.load(Ordering::Relaxed));
        if u128::from(age) > STALE.as_millis() {
            return Some("hanging");
        }
        match STATES[usize::from(self.state.load(Ordering::Relaxed))]? {
            StoreProblem::Moved => Some("database_moved"),
            StoreProblem::Unreadable => Some("database"),
            StoreProblem::Incomplete => Some("migrations"),
            StoreProblem::Full => Some("disk_full"),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Mounts `/health/live` and `/health/ready`.
pub fn mount(config: &mut web::ServiceConfig, health: Arc<Health>, detail: Detail) {
    let ready = move || {
        let (obstacle, warning) = (health.obstacle(), health.warning());
        async move { readiness(obstacle, warning, detail) }
    };
    config.service(
        web::scope("/health")
            .wrap(from_fn(head_as_get))
            .service(web::resource("/live").get(live).default_service(other_methods(READING)))
            .service(web::resource("/ready").get(ready).default_service(other_methods(READING))),
    );
}

async fn live() -> HttpResponse {
    answer(HttpResponse::Ok(), &json!({ "status": "live" }))
}

fn readiness(obstacle: Option<&str>, warning: Option<&str>, detail: Detail) -> HttpResponse {
    match (obstacle, detail) {
        (None, Detail::Told) => {
            let warning = warning.map(|warning| ("warning", warning));
            let body: BTreeMap<_, _> = iter::once(("status", "ready")).chain(warning).collect();
            answer(HttpResponse::Ok(), &json!(body))
        }
        (None, Detail::Kept) => answer(HttpResponse::Ok(), &json!({ "status": "ready" })),
        (Some(_), Detail::Kept) => {
            answer(HttpResponse::ServiceUnavailable(), &json!({ "status": "unready" }))
        }
        (Some(reason), Detail::Told) => {
            answer(HttpResponse::ServiceUnavailable(), &json!({ "status": "unready", "reason": reason }))
        }
    }
}

fn answer(mut response: actix_web::HttpResponseBuilder, body: &serde_json::Value) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, "no-store")).json(body)
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;

    use super::*;

    #[actix_web::test]
    async fn ready_unless_the_store_is_in_trouble_or_clients_are_sent_away() {
        let connections: Arc<Connections> = Arc::default();
        let health = Health::new(Arc::clone(&connections));
        for (trouble, obstacle) in [
            (None, None),
            (Some(StoreProblem::Moved), Some("database_moved")),
            (Some(StoreProblem::Unreadable), Some("database")),
            (Some(StoreProblem::Incomplete), Some("migrations")),
            (Some(StoreProblem::Full), Some("disk_full")),
            (None, None),
        ] {
            health.note(trouble);
            assert_eq!((health.obstacle(), health.ready.get()), (obstacle, i64::from(obstacle.is_none())));
        }
        connections.drain(Duration::ZERO).await;
        assert_eq!(health.obstacle(), Some("draining"));
    }

    #[test]
    fn only_who_may_know_is_told_why() {
        let body = |detail| {
            let response = readiness(Some("database"), Some("clock_ahead"), detail);
            assert_eq!(response.status().as_u16(), 503);
            text(response)
        };
        assert_eq!(body(Detail::Kept), r#"{"status":"unready"}"#);
        assert!(body(Detail::Told).contains("database"));
    }

    #[test]
    fn a_clock_in_doubt_is_no_obstacle_and_operators_are_told_of_it() {
        let health = Health::new(Arc::default());
        for (doubt, warning) in [
            (Some(Doubt::Unsynchronised), Some("clock_unsynchronised")),
            (Some(Doubt::Ahead), Some("clock_ahead")),
            (None, None),
        ] {
            health.note_doubt(doubt);
            assert_eq!(
                (health.warning(), health.clock_doubted.get()),
                (warning, i64::from(warning.is_some()))
            );
            let told = readiness(None, warning, Detail::Told);
            assert_eq!(told.status().as_u16(), 200);
            assert_eq!(text(told).contains("warning"), warning.is_some());
            assert_eq!(text(readiness(None, warning, Detail::Kept)), r#"{"status":"ready"}"#);
        }
    }

    fn text(response: HttpResponse) -> String {
        String::from_utf8(response.into_body().try_into_bytes().unwrap().to_vec()).unwrap()
    }
}
