//! For the tests of programs: a server and its clients in one process, over a network that fails on
//! demand, in virtual time.
//!
//! A [`Net`] lies between a [`Server`](crate::server::Server) and any number of
//! [`Client`](crate::client::Client)s. Both are those of production, with the handlers of the
//! program under test; only the sockets of the operating system are left out. Nothing here is
//! random, and with tokio's clock paused nothing waits: a test that spans minutes of reconnecting
//! takes milliseconds, and takes the same steps each time.
//!
//! ```toml
//! [dev-dependencies]
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! trunkline = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A whole test: a chat that survives a cut. What is said while nobody is connected arrives
//! afterwards, once.
//!
//! ```
//! # /*
//! #[tokio::test(start_paused = true)]
//! # */
//! async fn a_chat_survives_a_cut() -> Result<(), Box<dyn std::error::Error>> {
//!     use trunkline::client::{Data, State};
//!     use trunkline::server::{Failure, Server, Socket};
//!     use trunkline::testing::Net;
//!
//!     // The program under test: in a real one, a function that registers its handlers.
//!     let server = Server::new();
//!     let chat = server.namespace("/");
//!     chat.on_connect(|socket: Socket| async move {
//!         socket.join("lobby")?;
//!         Ok::<_, Failure>(())
//!     });
//!     chat.on("say", |socket: Socket, Data(line): Data<String>| async move {
//!         socket.to("lobby").emit("said", &line)?;
//!         Ok::<_, Failure>(line.len())
//!     });
//!
//!     // Two clients, each behind a network of its own.
//!     let (net_of_ada, net_of_bob) = (Net::new(&server), Net::new(&server));
//!     let (ada, bob) = (net_of_ada.client().build()?, net_of_bob.client().build()?);
//!     let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
//!     let bobs_socket = bob.socket("/");
//!     bobs_socket.on("said", move |Data(line): Data<String>| {
//!         let heard = heard.clone();
//!         async move { heard.send(line).unwrap() }
//!     });
//!     bobs_socket.connect().await?;
//!     let adas_socket = ada.socket("/");
//!     adas_socket.connect().await?;
//!
//!     let length: usize = adas_socket.emit_with_ack("say", "hello").await?;
//!     assert_eq!(length, 5);
//!     assert_eq!(hears.recv().await.as_deref(), Some("hello"));
//!
//!     // Bob goes into a tunnel, and comes out of it.
//!     net_of_bob.refuse_dials();
//!     net_of_bob.cut();
//!     let _: usize = adas_socket.emit_with_ack("say", "are you there?").await?;
//!     assert!(hears.try_recv().is_err());
//!     net_of_bob.heal();
//!     assert_eq!(hears.recv().await.as_deref(), Some("are you there?"));
//!     assert!(matches!(bob.state().current(), State::Connected { resumed: true, .. }));
//!     assert!(hears.try_recv().is_err(), "nothing arrives twice");
//!     Ok(())
//! }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     a_chat_survives_a_cut().await
//! # }
//! ```
//!
//! # What can befall a network
//!
//! | | what the two ends see |
//! |---|---|
//! | [`cut`](Net::cut) | the connection is gone, at once; what was under way is lost |
//! | [`black_hole`](Net::black_hole) | nothing: no byte, and no end, until somebody's heartbeat gives up |
//! | [`refuse_dials`](Net::refuse_dials) | connections go on, but new ones are refused |
//! | [`heal`](Net::heal) | the last two are over, and what waited arrives |
//! | [`set_delay`](Net::set_delay), [`set_bandwidth`](Net::set_bandwidth) | a slow link |
//! | [`set_datagrams`](Net::set_datagrams) | datagrams of the link's own, as over WebTransport |
//! | [`lose_datagrams`](Net::lose_datagrams) | no datagram arrives, while messages do |
//!
//! Single messages are never lost or exchanged: no transport that Trunkline runs on does that to a
//! session, and the sessions' own tests cut their links at every byte.
//!
//! # Virtual time
//!
//! `#[tokio::test(start_paused = true)]` pauses the clock of tokio's runtime; it goes on by itself,
//! to the next timer, whenever every task waits. That is so with the current-thread runtime, which
//! is the default of `#[tokio::test]`, and needs the feature `test-util` of tokio. Heartbeats,
//! time-outs, back-off, resume windows, delay and bandwidth all go by it.
//!
//! - Wait for what shall happen (an ack, an event on a channel,
//!   [`Watch::wait_for`](crate::client::Watch)), not for a time.
//! - For a time to pass, `tokio::time::sleep` is exact, and costs nothing.
//! - A task of the operating system's (`spawn_blocking`, a real socket) holds the clock or is
//!   overtaken by it: keep such things out of these tests.
//!
//! Without a paused clock everything works as well, in real time.

mod cable;
mod datagrams;
mod dialer;
mod net;
mod receiver;

pub use net::Net;
