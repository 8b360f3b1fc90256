//! What handlers are made of on both sides: how their content is named, what they may return, how
//! they fail, and what contains their panics.
//!
//! What a handler may ask for differs between the server and the client, and is theirs.
//!
//! | file | what it holds |
//! |---|---|
//! | `answer.rs` | [`Answer`]: the three shapes a handler may return, [`Ack`] among them |
//! | `data.rs` | [`Data`]: the first arg of an event |
//! | `event.rs` | [`Handled`], [`AnswerIn`]: which handlers fit which event |
//! | `failure.rs` | [`Failure`]: how a handler fails, and what the peer is told of it |
//! | `frames.rs` | [`ack_frame`], [`failed_frame`]: the frames of an answer, no larger than the peer takes |
//! | `guarded.rs` | [`Guarded`]: a handler under way, whose panics end nothing else |

mod answer;
mod data;
mod event;
mod failure;
mod frames;
mod guarded;

pub use answer::{Ack, AckArgs, Answer, Encoded, One, Several};
pub use data::Data;
pub use event::{AnswerIn, AnyAnswer, Handled, HasContent, OnEvent, OnTypedEvent};
pub use failure::Failure;
pub use frames::{ack_frame, failed_frame};
pub(crate) use guarded::caught;
pub use guarded::{Answering, Guarded, Outcome};
