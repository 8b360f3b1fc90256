//! A load generator that any server can be pointed at, and the peer Trunkline is measured against.
//!
//! `docs/benchmarks.md` says what is measured and how to read it. Linux only.
#![cfg(target_os = "linux")]

pub mod compare;
pub mod connection;
pub mod crowd;
pub mod dialect;
pub mod identity;
pub mod limits;
pub mod load_error;
pub mod lossy;
pub mod machine;
pub mod measure;
pub mod outgoing;
pub mod payload;
pub mod peer_room;
#[cfg(feature = "socketioxide")]
pub mod peer_socketioxide;
pub mod peer_trunkline;
pub mod plot;
pub mod report;
pub mod server_process;
mod stream;
pub mod tally;
pub mod target;
pub mod websocket;
pub mod webtransport;
#[cfg(feature = "socketioxide")]
pub mod wire_bytes;
pub mod workload;
