//! What a server does with peers that break the rules: the named code, a line in the log with the
//! peer's address, and a healthy session beside each attack that misses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificate;
mod credentials;
mod floods;
mod handshake;
mod healthy;
mod hooks;
mod house;
mod log;
mod mounted;
mod names;
mod origins;
mod peer;
mod proxies;
mod resume;
mod session;
mod slow_peer;
mod vectors;
