//! The report: a table, JSON, and a document with plots.

pub mod document;
mod figure;
pub mod json;
pub mod svg;
pub mod table;
