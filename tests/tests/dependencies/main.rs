//! The directions of dependency: between the packages, and between the modules of the server.

mod layers;
mod packages;
