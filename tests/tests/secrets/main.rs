//! What must stay off the disk and out of the log: keys of rooms, tokens, signatures, and whatever
//! else clients send.

mod canaries;
mod deleted;
mod failures;
mod flow;
mod malformed;
mod search;
