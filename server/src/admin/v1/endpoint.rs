//! What all endpoints have in common: their path, and how they read requests.

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use futures_util::future::{Ready, ready};

use crate::{
    admin::{
        access::{Access, Right},
        problem::Problem,
        tokens::Operator,
    },
    input,
};

/// A JSON body; errors are [`Problem`]s.
pub(super) type Body<T> = input::Body<T, Problem>;
/// The parameters of the URL; errors are [`Problem`]s.
pub(super) type Query<T> = input::Query<T, Problem>;

/// The path of all endpoints.
pub(in crate::admin) const PREFIX: &str = "/admin/v1";

/// Who makes a request.
pub(super) struct Caller(Operator);

impl Caller {
    /// Whether the token allows everything.
    pub(super) fn is_full(&self) -> bool {
        self.0.access == Access::Full
    }

    /// Answers 403 unless the token allows this in a topic.
    pub(super) fn check(&self, right: Right, topic: &str) -> Result<(), Problem> {
        if self.0.access.allows_in(right, topic) { Ok(()) } else { Err(Problem::not_allowed(&self.0.access)) }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Operator>().cloned().map(Self).ok_or_else(Problem::no_token))
    }
}
