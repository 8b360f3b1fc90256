//! A small game for browsers: positions by `latest`, shots with acks, chat in a room, and a link that can
//! be made bad while it is played.
//!
//! | file | what it holds |
//! |---|---|
//! | `words.rs` | what server and players say to each other |
//! | `world.rs`, `world/` | the rules: who is there, where one may fly, what a shot meets |
//! | `server.rs` | the handlers: the rules behind the words |
//! | `bots.rs`, `bots/` | players that are programs: a client each, with a pilot in it |
//! | `clock.rs` | the arena's time as a player knows it, by acked questions |
//! | `link.rs` | the relays in front of the server that lose and delay |
//! | `page.rs` | the web page, built into the program |
//! | `playing.rs` | the whole: ports, relays, bots |
#![forbid(unsafe_code)]

mod bots;
mod clock;
mod link;
mod page;
mod playing;
mod server;
pub mod words;
mod world;

pub use clock::ArenaClock;
pub use link::{BadQuality, Quality};
pub use playing::{BOTS_MAX, Playing};
