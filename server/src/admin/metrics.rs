//! `/metrics`, for Prometheus.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{ACCEPT, CACHE_CONTROL},
    },
    web,
};
use tokio::time::timeout;

use super::{problem::Problem, shared::Admin};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long a scrape waits for the database. After that it gets slightly older numbers.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn metrics(admin: web::Data<Admin>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let _ = timeout(PATIENCE, admin.flow.take_stock()).await;
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    // A client that accepts OpenMetrics, or does not say, gets that; one that accepts only plain
    // text gets the older format.
    let is_classic = accept.contains("text/plain") && !accept.contains("application/openmetrics-text");
    let (text, content_type) = if is_classic {
        (admin.metrics.classic(), CLASSIC)
    } else {
        (admin.metrics.open_metrics(), OPEN_METRICS)
    };
    let text =
        text.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be encoded."))?;
    Ok(HttpResponse::Ok().content_type(content_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
}
