//! What a lossy link does to a game: Trunkline as its users run it, over the kernel's TCP and UDP,
//! between two network namespaces.
//!
//! | file | what it holds |
//! |---|---|
//! | `lossy/way.rs` | [`Way`]: over which transport positions travel, and how |
//! | `lossy/server.rs` | the server, which passes positions on to a room |
//! | `lossy/players.rs` | players who send their positions, and see those of the others |
//! | `lossy/ages.rs` | how old the positions are that they see |
//! | `lossy/upload.rs` | how fast a reliable stream is |
//! | `lossy/process.rs` | server and clients as programs on the two sides of a link |
//! | `lossy/compare.rs` | rounds over all ways, and their table |
//! | `lossy/plot.rs` | the ages as curves |
//! | `lossy/first_event.rs` | the time to the first event |

mod ages;
mod compare;
mod first_event;
mod players;
mod plot;
mod process;
mod server;
mod upload;
mod way;

pub use compare::{Comparison, Lossy};
pub use first_event::{Dial, FirstEvent, FirstEvents};
pub use players::Play;
pub use server::Serve;
pub use upload::{Upload, Uploads};
pub use way::{Carrier, Control, Reach, Way};
