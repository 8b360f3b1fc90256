//! What tests of Trunkline's crates share.
//!
//! | file | what it holds |
//! |---|---|
//! | `drive.rs` | [`drive`]: the poll-shaped halves of a connection as async functions |
//! | `gate.rs` | [`gated`]: a connection whose writes and reads a test holds up |
//! | `conformance.rs`, `conformance/` | [`conformance`]: one suite that every transport passes |

pub mod conformance;
pub mod drive;
mod gate;

pub use gate::{Gate, gated};
