//! Fuzz targets: what outsiders send, and the machines of a session.
//!
//! Each target is a function of bytes that must neither panic, hang nor take memory without bound.
//! `targets/` holds a program per target for libFuzzer, `cargo xtask fuzz` builds and runs them;
//! the test `replay` runs every input that is kept here in the ordinary way.
//!
//! | file | what it takes |
//! |---|---|
//! | `frames.rs`, `reencode.rs` | a message of either encoding |
//! | `args.rs` | application content |
//! | `handshakes.rs` | HELLO, WELCOME, and attempts to resume |
//! | `sessions.rs`, `sessions/` | a script of what happens to two ends of a session |
//! | `server.rs` | what a client sends to a server, message by message |
//! | `client.rs` | what a server sends to a client, message by message |
//! | `accept.rs` | an HTTP request and a WebSocket client's bytes |
//! | `dial.rs` | a URL, headers, and a server's answer |
//! | `proxy_header.rs` | what a proxy says ahead of a connection's first byte |
//! | `input.rs`, `stream.rs` | how targets read their bytes; a byte stream in memory |
#![forbid(unsafe_code)]

pub mod accept;
pub mod args;
pub mod client;
pub mod dial;
pub mod frames;
pub mod handshakes;
mod input;
pub mod proxy_header;
mod reencode;
pub mod server;
pub mod sessions;
mod stream;

/// What a target does with an input.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 9] = [
    ("frames", frames::run),
    ("args", args::run),
    ("handshakes", handshakes::run),
    ("sessions", sessions::run),
    ("server", server::run),
    ("client", client::run),
    ("accept", accept::run),
    ("dial", dial::run),
    ("proxy-header", proxy_header::run),
];
