//! What tests of Trunkline's crates share.
//!
//! | file | what it holds |
//! |---|---|
//! | `drive.rs` | [`drive`]: the poll-shaped halves of a connection as async functions |
//! | `gate.rs` | [`gated`]: a connection whose writes and reads a test holds up |
//! | `conformance.rs`, `conformance/` | [`conformance`]: one suite that every transport passes |
//! | `tcp_relay.rs`, `tcp_relay/` | [`TcpRelay`]: a TCP relay that imitates a lossy link, and is no basis for figures |
//! | `tun_link.rs`, `tun_link/` | [`TunLink`]: two network namespaces joined by a lossy link, under the kernel's own TCP and UDP (feature `tun`, Linux) |
//! | `udp_relay.rs`, `udp_relay/` | [`UdpRelay`]: a UDP relay that loses, delays and moves its clients |
//! | `counted.rs` | counters that a test can wait for |
//! | `webtransport.rs` | a WebTransport client and server of either library (feature `webtransport`) |

pub mod conformance;
mod counted;
pub mod drive;
mod gate;
mod tcp_relay;
#[cfg(all(feature = "tun", target_os = "linux"))]
mod tun_link;
mod udp_relay;
#[cfg(feature = "webtransport")]
pub mod webtransport;

pub use gate::{Gate, gated};
pub use tcp_relay::{LEAST_REPAIR, TcpRelay, TcpRelayConfig, TcpRelayCounters};
#[cfg(all(feature = "tun", target_os = "linux"))]
pub use tun_link::{
    InvalidLinkOptions, LinkOptions, TunCounters, TunLink, TunLinkConfig, TunLinkError, TunSide,
};
pub use udp_relay::{RelayConfig, RelayCounters, UdpRelay};
