//! Which crate may depend on which, directly and through others.

mod packages;
