//! The server as a client sees it: every test is a dialogue over the in-memory transport, in JSON.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod acks;
mod authorizing;
mod budget;
mod catching;
mod credentials;
mod delivery;
mod draining;
mod handlers;
mod later;
mod leaving;
mod life;
mod many;
mod middleware;
mod order;
mod outliving;
mod patterns;
mod peer;
mod rooms;
mod shutting_down;
mod streams;
mod typed;
mod upgrading;
