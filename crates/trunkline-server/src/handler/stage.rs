//! What a handler is for. A stage says which extractors make sense there; programs need to name one
//! only to write an extractor of their own that is for some stages alone.

/// An event arrived.
#[derive(Debug)]
pub enum OnEvent {}

/// A client wants to enter the namespace.
#[derive(Debug)]
pub enum OnConnect {}

/// A client wants to enter a room.
#[derive(Debug)]
pub enum OnJoin {}

/// A session was cut from its connection, or resumed on a new one.
#[derive(Debug)]
pub enum OnLife {}

/// The socket is over.
#[derive(Debug)]
pub enum OnDisconnect {}

/// Stages in which the peer has sent content: the args of an event, the auth of a CONNECT.
#[diagnostic::on_unimplemented(
    message = "there is no content to extract from in `{Self}`",
    note = "`Data`, `Args` and `Payload` are for handlers of events and for `on_connect`"
)]
pub trait HasArgs {}

impl HasArgs for OnEvent {}
impl HasArgs for OnConnect {}
