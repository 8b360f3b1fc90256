//! The client against a server that is played by hand, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aborting;
mod acks;
mod backing_off;
mod catching;
mod connecting;
mod credentials;
mod delivering;
mod dialer;
mod early;
mod going_away;
mod handles;
mod handling;
mod hostile;
mod losing;
mod racing;
mod resuming;
mod soak;
mod streaming;
mod support;
mod switching;
mod typed;
mod waiting;
