//! The async loop that joins a Trunkline session to a transport, and what handlers are made of: what
//! is the same on both sides.
//!
//! | file | what it holds |
//! |---|---|
//! | `session.rs` | [`Session`]: what survives connections; any thread may push to it |
//! | `driver.rs` | [`Driver`]: the connection's future |
//! | `link.rs` | the write half of the present connection |
//! | `turn.rs` | [`Turn`]: many pushes, one write per connection |
//! | `dispatch.rs`, `ended.rs` | [`Dispatch`]: what a session tells its side; [`Ended`]: how a connection ends |
//! | [`handler`] | what handlers return, how they fail, and what contains their panics |
//! | `best_effort.rs` | [`Delivery`]: how an event travels that may be lost |
//! | `latest.rs` | which LATEST frames are stale |
//! | `ignored.rs` | [`Ignored`]: the best-effort frames of a peer that were dropped, by cause |
//! | [`spans`] | the spans that logs stand in |
//! | `tap.rs`, `tap/` | [`Tap`]: shows each frame of a connection |
//! | `traffic.rs` | [`Traffic`]: how much a session has moved |
//! | `size.rs` | [`message_len`]: whether a frame is within what the peer takes |
//! | `clock.rs`, `sync.rs` | the clock; locks and atomics in one place |
#![forbid(unsafe_code)]

mod best_effort;
pub mod clock;
mod dispatch;
mod driver;
mod ended;
pub mod handler;
mod ignorable;
mod ignored;
mod intake;
mod latest;
mod link;
mod session;
mod size;
pub mod spans;
pub mod sync;
mod tap;
mod traffic;
mod turn;

pub use best_effort::{BestEffortFrame, Delivery};
pub use dispatch::{BEST_EFFORT_BYTES, BEST_EFFORT_WAITING, BestEffort, DeliveryClass, Dispatch};
pub use driver::{CLOSE_LIMIT, Driver};
pub use ended::Ended;
pub use ignored::Ignored;
pub use intake::Pace;
pub use link::message_kind;
pub use session::{Attach, Session};
pub use size::{TooLarge, message_len};
pub use tap::{Direction, TAP_QUEUE_BYTES, TAP_TEXT_MAX, Tap, TappedFrame};
pub use traffic::{Flow, Traffic};
pub use turn::Turn;
