//! The hosts that a request may be addressed to.
//!
//! A client signs the name of the server that it means, so that a proof for one server is worthless
//! at another. This holds only if no server accepts another's name as its own: the sender of a
//! request chooses `Host`, and a relay sends what its victim has signed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header::CACHE_CONTROL},
    middleware::Next,
};
use serde_json::json;

use vestibule_channels::transport::{host, is_loopback, split_port, without_brackets};

use crate::tls::Certificate;

/// The answer and log message for a request to another host.
const MISDIRECTED: &str = "This server does not know the host name in the request: \
    set --name to the name that clients use, and restart it.";

/// The hosts that requests may be addressed to.
pub struct Hosts {
    /// `None` if any host is accepted.
    own: Option<OwnHosts>,
    /// Whether a refusal was logged already.
    is_told: AtomicBool,
}

/// The hosts that are certainly this server's.
struct OwnHosts {
    port: u16,
    certificate: Option<Arc<Certificate>>,
}

impl Hosts {
    /// Any host: the server's names are configured, and a proxy may have rewritten the header.
    pub fn any() -> Arc<Self> {
        Arc::new(Self { own: None, is_told: AtomicBool::new(false) })
    }

    /// The loopback hosts with the port that the server listens on, and the names of its
    /// certificate with any port.
    pub fn own(port: u16, certificate: Option<Arc<Certificate>>) -> Arc<Self> {
        Arc::new(Self { own: Some(OwnHosts { port, certificate }), is_told: AtomicBool::new(false) })
    }

    /// Passes a request on, or answers 421. Wrap it around a service with
    /// [`from_fn`](actix_web::middleware::from_fn).
    pub async fn check<B: MessageBody + 'static>(
        self: Arc<Self>,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        if self.allow(host(request.request().head())) {
            return next.call(request).await.map(ServiceResponse::map_into_left_body);
        }
        // Only once: otherwise such requests could fill the log.
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "refused a request, and will refuse others like it without logging: {MISDIRECTED}"
            );
        }
        Ok(request.into_response(misdirected()).map_into_right_body())
    }

    /// Whether a request may be addressed to this host, with or without a port.
    fn allow(&self, host: &str) -> bool {
        self.own.as_ref().is_none_or(|own| own.is(host))
    }
}

impl OwnHosts {
    fn is(&self, host: &str) -> bool {
        let Some((host, port)) = split_port(host) else { return false };
        let is_certified = |certificate: &Arc<Certificate>| certificate.is_for(without_brackets(host));
        let port_or_default = port.unwrap_or(if self.certificate.is_some() { 443 } else { 80 });
        (is_loopback(host) && port_or_default == self.port)
            || self.certificate.as_ref().is_some_and(is_certified)
    }
}

fn misdirected() -> HttpResponse {
    HttpResponse::build(StatusCode::MISDIRECTED_REQUEST)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "reason": "misdirected", "detail": MISDIRECTED }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::certificate;

    #[test]
    fn loopback_hosts_are_allowed_on_the_servers_port() {
        let hosts = Hosts::own(4000, None);
        for host in ["localhost:4000", "LocalHost:4000", "127.0.0.1:4000", "127.8.9.10:4000", "[::1]:4000"] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "",
            ":4000",
            "localhost",
            "localhost:4001",
            "localhost:",
            "localhost:x",
            "localhost:04000x",
            "evil.example:4000",
            "localhost.evil.example:4000",
            "127.0.0.1.evil.example:4000",
            "evil.example",
            "128.0.0.1:4000",
            "0.0.0.0:4000",
            "127.1:4000",
            "::1:4000",
            "[::1]",
            "[::2]:4000",
            "[::1:4000",
            "[127.0.0.1]:4000",
            "user@localhost:4000",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn without_a_port_the_schemes_own_counts() {
        assert!(Hosts::own(80, None).allow("localhost") && Hosts::own(80, None).allow("[::1]"));
        assert!(!Hosts::own(443, None).allow("localhost"));
        let (certificate, _files) = certificate(&["chat.example.com"]);
        assert!(Hosts::own(443, Some(Arc::clone(&certificate))).allow("127.0.0.1"));
        assert!(!Hosts::own(80, Some(certificate)).allow("127.0.0.1"));
    }

    #[test]
    fn a_certificates_names_are_allowed_on_any_port() {
        let names = ["chat.example.com", "*.example.net", "192.0.2.7", "2001:db8::7"];
        let (certificate, _files) = certificate(&names);
        let hosts = Hosts::own(4000, Some(certificate));
        for host in [
            "chat.example.com",
            "Chat.Example.Com:8443",
            "192.0.2.7:4000",
            "[2001:db8::7]",
            "[2001:db8:0:0::7]:4000",
            "localhost:4000",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "example.com",
            "a.chat.example.com",
            "chat.example.com.evil.example",
            "a.example.net",
            "*.example.net",
            "192.0.2.8",
            "[2001:db8::8]",
            "localhost",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn with_names_any_host_is_accepted() {
        assert!(["", "evil.example", "localhost:1"].iter().all(|host| Hosts::any().allow(host)));
    }
}
