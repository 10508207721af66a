//! Error responses: problem details (RFC 9457).

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use vestibule_store::{CommandError, StoreError};

use super::access::Access;
use crate::input::InputError;

/// A problem without a type of its own: its title is that of its status.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status identifies the problem
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The HTTP status
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16, example = 404)]
    status: StatusCode,
    /// Explanation for people
    #[schema(value_type = String, example = "No such room.")]
    detail: Cow<'static, str>,
    /// The value of `WWW-Authenticate`, for requests without a valid token.
    #[serde(skip)]
    challenge: Option<&'static str>,
}

impl Problem {
    /// A problem with this status and an explanation for people.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        Self { kind: "about:blank", title, status, detail: detail.into(), challenge: None }
    }

    /// The request has no token.
    pub(super) fn no_token() -> Self {
        Self {
            challenge: Some("Bearer realm=\"vestibule\""),
            ..Self::new(StatusCode::UNAUTHORIZED, "A bearer token is required.")
        }
    }

    /// The token is unknown.
    pub(super) fn wrong_token() -> Self {
        let challenge = Some("Bearer realm=\"vestibule\", error=\"invalid_token\"");
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, "This token is unknown.") }
    }

    /// The token does not allow this, but only what it says.
    pub(super) fn not_allowed(access: &Access) -> Self {
        let challenge = Some("Bearer realm=\"vestibule\", error=\"insufficient_scope\"");
        let detail = format!("This token does not allow this. It allows only: {access}.");
        Self { challenge, ..Self::new(StatusCode::FORBIDDEN, detail) }
    }

    /// The header `Idempotency-Key` cannot be read.
    pub(super) fn bad_key() -> Self {
        let detail = "The header Idempotency-Key must be one string of 1 to 128 visible ASCII characters, without \
                      quotation marks and backslashes inside.";
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The request failed, for a reason that is in the log.
    pub(super) fn unanswered() -> Self {
        let detail = "The server failed to handle this request: see the log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// The path is unknown.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "No endpoint has this path.")
    }

    /// The path is valid, but the item does not exist.
    pub(super) fn missing(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The path has no such method.
    pub(super) fn no_such_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "This path does not support this method.")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = match error {
            StoreError::Full => "The disk is full.",
            StoreError::Overloaded => "The store is busy: try again later.",
            _ => "The store failed: see the log.",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Store(error) => error.into(),
            CommandError::Refused(_) => Self::new(StatusCode::CONFLICT, "The rules do not allow this."),
        }
    }
}

impl From<InputError> for Problem {
    fn from(error: InputError) -> Self {
        let status = match &error {
            InputError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            InputError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            InputError::Body(fault) if !fault.is_malformed => StatusCode::UNPROCESSABLE_ENTITY,
            InputError::Body(_) | InputError::Query(_) | InputError::Broken => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(challenge) = self.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        response.insert_header((CACHE_CONTROL, "no-store"));
        response.content_type("application/problem+json").json(self)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
