//! Monitoring: the admin listener, health, metrics, and the log.

mod admin;
mod clock;
mod documented;
mod health;
mod logs;
mod metrics;
mod moved;
mod openmetrics;
mod topic;

use vestibule_tests::admin::{AdminServer, READER};
use vestibule_tests::http::Request;

use crate::openmetrics::Exposition;

fn metrics(admin: &AdminServer) -> Exposition {
    let response = admin.ask(Request::get("/metrics"), READER);
    assert_eq!(response.status, 200);
    Exposition::parse(&response.text())
}
