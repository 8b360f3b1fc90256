//! The server as a client sees it: every test is a dialogue over the in-memory transport, in JSON.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod acks;
mod authorizing;
mod credentials;
mod delivery;
mod draining;
mod handlers;
mod leaving;
mod life;
mod order;
mod outliving;
mod peer;
mod rooms;
mod shutting_down;
mod upgrading;
