//! Seeded links between two ends, for tests in virtual time: [`Link`] carries an ordered stream of
//! bytes, as TCP does, and [`PacketLink`] one direction of packets, as UDP does.
//!
//! A link does no I/O, reads no clock and holds no global state: the caller passes the time in, and
//! everything the link decides (delays, losses, where a delivery is split) follows from its [`Seed`].
//! Two runs with the same seed and the same calls are the same run.
//!
//! ```
//! use std::time::Duration;
//! use trunkline_netem::{End, Link, Profile, Seed, Time};
//!
//! let mut link = Link::new(Seed::new(7), Profile::default());
//! link.send(End::Client, Time::ZERO, b"hello");
//!
//! let mut arrived = Vec::new();
//! while let Some(now) = link.next_event() {
//!     arrived.extend(link.poll(End::Server, now));
//! }
//! assert_eq!(arrived, b"hello");
//! ```

mod link;
mod packet_link;
mod pipe;
mod random;
mod time;

pub use link::{End, Link, Profile};
pub use packet_link::{MAX_PACKETS, PacketCounters, PacketLink, PacketProfile};
pub use random::{InvalidSeed, Rng, Seed};
pub use time::Time;
