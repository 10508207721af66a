//! How many HTTP calls of one address there may be: for endpoints that answer one request and keep no connection.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use governor::{
    DefaultKeyedRateLimiter, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

use super::{Rate, Rules, address::network, rate::RateLimited};
use crate::{
    live::Live,
    metrics::{Limit as Counted, Traffic},
};

/// How often addresses are forgotten that may call as often as if they never had.
const CLEANING: Duration = Duration::from_secs(10);

/// The calls of each address. Shared by all threads.
pub struct Calls {
    limit: Live<Limit>,
    rules: Live<Rules>,
    cleaned: Mutex<Instant>,
    traffic: Arc<Traffic>,
}

/// A rate, and how far each address has used it.
struct Limit {
    rate: Rate,
    limiter: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limit {
    fn new(rate: Rate) -> Self {
        Self { rate, limiter: RateLimiter::keyed(rate.quota()) }
    }
}

impl Calls {
    /// At most `rate` for one address (for IPv6, for a network /64). The rules say whose word on an address is taken.
    pub fn new(rate: Rate, rules: Live<Rules>, traffic: Arc<Traffic>) -> Arc<Self> {
        let limit = Live::new(Limit::new(rate));
        Arc::new(Self { limit, rules, cleaned: Mutex::new(Instant::now()), traffic })
    }

    /// Another rate, at which each address begins anew; the same one changes nothing.
    pub fn change(&self, rate: Rate) {
        if self.limit.now().rate != rate {
            self.limit.replace(Limit::new(rate));
        }
    }

    /// Hands a request on or answers 429; to be wrapped around a service with
    /// [`from_fn`](actix_web::middleware::from_fn).
    pub async fn limit<B: MessageBody + 'static>(
        self: Arc<Self>,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        let address = self.rules.now().proxies.client(request.request());
        match self.admit(address) {
            Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
            Err(limited) => {
                self.traffic.limited(Counted::Calls);
                Ok(request.into_response(limited.response()).map_into_right_body())
            }
        }
    }

    /// Lets a call of an address through or refuses it.
    fn admit(&self, address: Option<IpAddr>) -> Result<(), RateLimited> {
        let Some(address) = address else { return Ok(()) };
        self.clean();
        let now = || DefaultClock::default().now();
        self.limit
            .now()
            .limiter
            .check_key(&network(address))
            .map_err(|not_until| RateLimited { wait: not_until.wait_time_from(now()) })
    }

    /// Forgets, if it is time to. Done by the calls themselves: without calls nothing is added either.
    fn clean(&self) {
        let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        if cleaned.elapsed() < CLEANING {
            return;
        }
        *cleaned = Instant::now();
        drop(cleaned);
        let limit = self.limit.now();
        limit.limiter.retain_recent();
        limit.limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_rate() {
        let calls = Calls::new(Rate::new(1, 2), Live::default(), Arc::default());
        let (one, other) = (Some(IpAddr::from([127, 0, 0, 1])), Some(IpAddr::from([127, 0, 0, 2])));
        assert_eq!((calls.admit(one), calls.admit(one)), (Ok(()), Ok(())));
        let limited = calls.admit(one).unwrap_err();
        assert!(limited.wait <= Duration::from_secs(1), "{limited:?}");
        assert_eq!(calls.admit(other), Ok(()));
    }

    #[test]
    fn another_rate_counts_from_now_on() {
        let calls = Calls::new(Rate::new(1, 1), Live::default(), Arc::default());
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(calls.admit(address), Ok(()));
        calls.change(Rate::new(1, 1));
        assert!(calls.admit(address).is_err(), "the same rate goes on counting");
        calls.change(Rate::new(1, 2));
        assert_eq!((calls.admit(address), calls.admit(address)), (Ok(()), Ok(())));
    }

    #[test]
    fn addresses_are_forgotten() {
        let calls = Calls::new(Rate::new(1_000_000, 1), Live::default(), Arc::default());
        for last in 0..=255 {
            assert_eq!(calls.admit(Some(IpAddr::from([127, 0, 0, last]))), Ok(()));
        }
        assert_eq!(calls.limit.now().limiter.len(), 256, "it is not yet time");
        std::thread::sleep(Duration::from_millis(1));
        *calls.cleaned.lock().unwrap() -= CLEANING;
        assert_eq!(calls.admit(Some(IpAddr::from([192, 0, 2, 1]))), Ok(()));
        assert_eq!(calls.limit.now().limiter.len(), 1);
    }
}
