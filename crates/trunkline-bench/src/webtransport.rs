//! What WebTransport costs, beside the bare libraries that it stands on.
//!
//! | file | what it holds |
//! |---|---|
//! | `webtransport/peer.rs` | the servers: each library bare, and Trunkline on each |
//! | `webtransport/load.rs` | sessions that keep echoes in flight |
//! | `webtransport/compare.rs` | rounds over all of them, and their table |

mod compare;
mod load;
mod peer;

pub use compare::{Comparison, Figures, Measured, table};
pub(crate) use peer::listen;
pub use peer::{Peer, run};
