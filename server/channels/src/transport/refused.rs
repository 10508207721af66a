//! Connections that the socket handler refuses.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use bytes::Bytes;

/// Refuses a connection: with HTTP 403 by default, or as Phoenix's `error_handler` may, with
/// another status, headers and a body.
///
/// Long poll puts statuses into its body and always answers 403 there, as in Phoenix.
///
/// ```
/// use actix_web::http::{StatusCode, header::{HeaderValue, RETRY_AFTER}};
/// use vestibule_channels::Refused;
///
/// Refused::with(StatusCode::TOO_MANY_REQUESTS)
///     .header(RETRY_AFTER, HeaderValue::from_static("5"))
///     .body("come back later");
/// ```
#[derive(Clone, Debug)]
pub struct Refused {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Refused {
    /// A refusal with this status. A status that is not an error becomes 403: clients would take it
    /// for a success.
    pub fn with(status: StatusCode) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error { status } else { StatusCode::FORBIDDEN };
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.append_header(header);
        }
        response.body(self.body)
    }
}

impl Default for Refused {
    fn default() -> Self {
        Self::with(StatusCode::FORBIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_never_a_success() {
        for (asked, given) in
            [(StatusCode::OK, 403), (StatusCode::SWITCHING_PROTOCOLS, 403), (StatusCode::GONE, 410)]
        {
            assert_eq!(Refused::with(asked).response().status().as_u16(), given, "{asked}");
        }
    }
}
