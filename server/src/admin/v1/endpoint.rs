//! What all endpoints have in common: their path, and how they read requests.

use crate::{admin::problem::Problem, input};

/// A JSON body; errors are [`Problem`]s.
pub(super) type Body<T> = input::Body<T, Problem>;
/// The parameters of the URL; errors are [`Problem`]s.
pub(super) type Query<T> = input::Query<T, Problem>;

/// The path of all endpoints.
pub(in crate::admin) const PREFIX: &str = "/admin/v1";
