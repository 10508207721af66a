//! What must be kept from the disk and from the log: keys of rooms, tokens, signatures, and whatever else clients send.

mod canaries;
mod failures;
mod flow;
mod malformed;
mod search;
