//! What tests of Trunkline's crates share.
//!
//! | file | what it holds |
//! |---|---|
//! | `drive.rs` | [`drive`]: the poll-shaped halves of a connection as async functions |
//! | `gate.rs` | [`gated`]: a connection whose writes and reads a test holds up |
//! | `conformance.rs`, `conformance/` | [`conformance`]: one suite that every transport passes |
//! | `udp_relay.rs`, `udp_relay/` | [`UdpRelay`]: a UDP relay that loses, delays and moves its clients |
//! | `webtransport.rs` | a WebTransport client and server of either library (feature `webtransport`) |

pub mod conformance;
pub mod drive;
mod gate;
mod udp_relay;
#[cfg(feature = "webtransport")]
pub mod webtransport;

pub use gate::{Gate, gated};
pub use udp_relay::{RelayConfig, RelayCounters, UdpRelay};
