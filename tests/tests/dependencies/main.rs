//! Which crate may depend on which, in the manifests and in all that they bring along.

mod packages;
