//! Limits the HTTP calls of each address, for endpoints that answer one request and keep no
//! connection.

use std::sync::Arc;

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use arc_swap::ArcSwap;

use super::{AddressRate, ConnectPolicy, Grain, Rate, rate::RateLimited};
use crate::metrics::{Limit as Counted, Traffic};

/// Counts the calls of each address. Shared by all threads.
pub struct HttpRateLimit {
    rate: AddressRate,
    policy: Arc<ArcSwap<ConnectPolicy>>,
    traffic: Arc<Traffic>,
}

impl HttpRateLimit {
    /// At most `rate` for one address; for IPv6, for one network /64. `policy` names the proxies
    /// whose word on an address is trusted.
    pub fn new(rate: Rate, policy: Arc<ArcSwap<ConnectPolicy>>, traffic: Arc<Traffic>) -> Arc<Self> {
        Arc::new(Self { rate: AddressRate::new(rate, Grain::Network), policy, traffic })
    }

    /// Changes the rate, with which each address starts afresh. Setting the same rate changes
    /// nothing.
    pub fn change(&self, rate: Rate) {
        self.rate.change(rate);
    }

    /// Middleware that passes a request on, or answers 429. Wrap a service with it through
    /// [`from_fn`](actix_web::middleware::from_fn).
    pub async fn limit<B: MessageBody + 'static>(
        self: Arc<Self>,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        let address = self.policy.load().proxies.client(request.request());
        match self.rate.admit(address) {
            Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
            Err(wait) => {
                self.traffic.limited(Counted::Calls);
                Ok(request.into_response(RateLimited { wait }.response()).map_into_right_body())
            }
        }
    }
}
