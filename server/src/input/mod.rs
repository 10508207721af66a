//! Parses what clients and operators send. Errors are sentences that name the field.
//!
//! [`json`] and [`query`] parse texts, [`Body`] and [`Query`] requests. Errors quote only names of
//! fields known here, never values: a value may be secret.

mod document;
mod extract;
mod kind;
mod parse;
mod sentence;

pub use self::{
    document::Document,
    extract::{Body, InputError, Query},
    parse::{json, query},
    sentence::Fault,
};

#[cfg(test)]
mod tests;
