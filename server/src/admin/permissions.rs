//! Which endpoints a token can use that allows neither everything nor all reading.

use std::collections::BTreeMap;

use actix_web::{dev::ServiceRequest, http::Method};

use super::access::{Access, Right};

/// The rights that endpoints are declared for, by method and pattern. All other endpoints need a
/// `read` or a `full` token, so that a new one is closed to all others until it declares its right.
#[derive(Debug, Default)]
pub struct Permissions(BTreeMap<(String, String), Right>);

impl Permissions {
    /// The permissions of these endpoints, each a method, a pattern and a right.
    pub fn new(declared: impl IntoIterator<Item = (String, String, Right)>) -> Self {
        Self(declared.into_iter().map(|(method, pattern, right)| ((method, pattern), right)).collect())
    }

    /// The right with which a token can use the endpoint of a request, if it has one.
    pub fn right(&self, request: &ServiceRequest) -> Option<Right> {
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(&(method.to_string(), request.match_pattern()?)).copied()
    }

    /// Whether a token allows a request, whatever topic it may name.
    pub fn permit(&self, access: &Access, request: &ServiceRequest) -> bool {
        // A safe method changes nothing (RFC 9110, section 9.2.1).
        *access == Access::Full
            || request.method().is_safe() && access.allows(Right::Read)
            || self.right(request).is_some_and(|right| access.allows(right))
    }
}
