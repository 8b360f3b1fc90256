//! The machines of a session one by one, in the situations that the specification names.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod credentials;
mod datagram_queue;
mod frames;
mod inbound;
mod namespaces;
mod overflow;
mod receipts;
mod resume;
mod window;
