//! Whether the server lives, and whether it can do its work: for whatever sends it clients, or
//! restarts it.
//!
//! The endpoints are open to everybody, so asking costs nothing: a task checks the store once a
//! second, however often somebody asks.

use std::{
    collections::BTreeMap,
    iter,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, middleware::from_fn, web};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use serde_json::json;
use tokio::sync::watch;
use vestibule_channels::transport::{Connections, head_as_get, other_methods};
use vestibule_store::{Durability, StoreProblem, clock::Doubt};

use crate::approve::Flow;

/// How often the store is checked.
const EVERY: Duration = Duration::from_secs(1);

/// If the last check is older, the checker is presumed hung.
const STALE: Duration = Duration::from_secs(5);

/// The methods of both endpoints.
const READING: &str = "GET, HEAD, OPTIONS";

/// Whether the server can do its work.
pub struct Health {
    connections: Arc<Connections>,
    checked: watch::Sender<Check>,
    ready: Gauge,
    clock_doubted: Gauge,
    durability: Durability,
}

/// The result of a check.
#[derive(Clone, Copy, Debug)]
struct Check {
    at: Instant,
    problem: Option<StoreProblem>,
    doubt: Option<Doubt>,
}

/// Who asks: only operators are told why the server is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// On the operators' listener.
    Operators,
    /// On the clients' listener.
    Public,
}

impl Health {
    /// The health of a server that has just opened its store.
    pub fn new(connections: Arc<Connections>, durability: Durability) -> Arc<Self> {
        let check = Check { at: Instant::now(), problem: None, doubt: None };
        Arc::new(Self {
            connections,
            checked: watch::Sender::new(check),
            ready: Gauge::default(),
            clock_doubted: Gauge::default(),
            durability,
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

    /// Checks the store again and again, for ever.
    pub async fn watch(self: Arc<Self>, flow: Arc<Flow>) {
        loop {
            self.note(flow.store_problem().await, flow.clock_doubt());
            tokio::time::sleep(EVERY).await;
        }
    }

    fn note(&self, problem: Option<StoreProblem>, doubt: Option<Doubt>) {
        self.checked.send_replace(Check { at: Instant::now(), problem, doubt });
        self.ready.set(i64::from(self.obstacle().is_none()));
        self.clock_doubted.set(i64::from(doubt.is_some()));
    }

    /// What an operator should look at although the server is ready.
    fn warning(&self) -> Option<&'static str> {
        match (self.checked.borrow().doubt, self.durability) {
            (Some(Doubt::Unsynchronised), _) => Some("clock_unsynchronised"),
            (Some(Doubt::Ahead), _) => Some("clock_ahead"),
            (None, Durability::Relaxed) => Some("durability_relaxed"),
            (None, Durability::Full) => None,
        }
    }

    /// Why the server is not ready, if it is not.
    fn obstacle(&self) -> Option<&'static str> {
        if self.connections.is_draining() {
            return Some("draining");
        }
        let check = *self.checked.borrow();
        if check.at.elapsed() > STALE {
            return Some("hanging");
        }
        check.problem.map(|problem| match problem {
            StoreProblem::Moved => "database_moved",
            StoreProblem::Unreadable => "database",
            StoreProblem::Incomplete => "migrations",
            StoreProblem::Full => "disk_full",
        })
    }
}

/// Mounts `/health/live` and `/health/ready`.
pub fn mount(config: &mut web::ServiceConfig, health: Arc<Health>, audience: Audience) {
    let ready = move || {
        let (obstacle, warning) = (health.obstacle(), health.warning());
        async move { readiness(obstacle, warning, audience) }
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

fn readiness(obstacle: Option<&str>, warning: Option<&str>, audience: Audience) -> HttpResponse {
    match (obstacle, audience) {
        (None, Audience::Operators) => {
            let warning = warning.map(|warning| ("warning", warning));
            let body: BTreeMap<_, _> = iter::once(("status", "ready")).chain(warning).collect();
            answer(HttpResponse::Ok(), &json!(body))
        }
        (None, Audience::Public) => answer(HttpResponse::Ok(), &json!({ "status": "ready" })),
        (Some(_), Audience::Public) => {
            answer(HttpResponse::ServiceUnavailable(), &json!({ "status": "unready" }))
        }
        (Some(reason), Audience::Operators) => {
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
    async fn store_problems_and_draining_are_obstacles() {
        let connections: Arc<Connections> = Arc::default();
        let health = Health::new(Arc::clone(&connections), Durability::Full);
        for (problem, obstacle) in [
            (None, None),
            (Some(StoreProblem::Moved), Some("database_moved")),
            (Some(StoreProblem::Unreadable), Some("database")),
            (Some(StoreProblem::Incomplete), Some("migrations")),
            (Some(StoreProblem::Full), Some("disk_full")),
            (None, None),
        ] {
            health.note(problem, None);
            assert_eq!((health.obstacle(), health.ready.get()), (obstacle, i64::from(obstacle.is_none())));
        }
        connections.drain(Duration::ZERO).await;
        assert_eq!(health.obstacle(), Some("draining"));
    }

    #[test]
    fn only_operators_are_told_why() {
        let body = |audience| {
            let response = readiness(Some("database"), Some("clock_ahead"), audience);
            assert_eq!(response.status().as_u16(), 503);
            text(response)
        };
        assert_eq!(body(Audience::Public), r#"{"status":"unready"}"#);
        assert!(body(Audience::Operators).contains("database"));
    }

    #[test]
    fn a_doubted_clock_is_a_warning_for_operators() {
        let health = Health::new(Arc::default(), Durability::Full);
        for (doubt, warning) in [
            (Some(Doubt::Unsynchronised), Some("clock_unsynchronised")),
            (Some(Doubt::Ahead), Some("clock_ahead")),
            (None, None),
        ] {
            health.note(None, doubt);
            assert_eq!(
                (health.warning(), health.clock_doubted.get()),
                (warning, i64::from(warning.is_some()))
            );
            let told = readiness(None, warning, Audience::Operators);
            assert_eq!(told.status().as_u16(), 200);
            assert_eq!(text(told).contains("warning"), warning.is_some());
            assert_eq!(text(readiness(None, warning, Audience::Public)), r#"{"status":"ready"}"#);
        }
    }

    #[test]
    fn relaxed_durability_is_a_warning_below_the_clocks() {
        let health = Health::new(Arc::default(), Durability::Relaxed);
        assert_eq!(health.warning(), Some("durability_relaxed"));
        health.note(None, Some(Doubt::Ahead));
        assert_eq!(health.warning(), Some("clock_ahead"));
    }

    fn text(response: HttpResponse) -> String {
        String::from_utf8(response.into_body().try_into_bytes().unwrap().to_vec()).unwrap()
    }
}
