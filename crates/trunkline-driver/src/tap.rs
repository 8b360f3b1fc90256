//! A tap: shows each frame of a connection, without what is secret.

mod halves;

use std::fmt;

use trunkline_protocol::{Encoding, Frame, Kind, Sequenced, SessionId};
use trunkline_transport::Connection;

use self::halves::{Tapped, TappedReceiver, TappedSender};
use crate::handler::caught;
use crate::sync::{Arc, AtomicU64, Ordering};

/// Shows every frame of the connections it is put on, in either direction.
///
/// It stands between a session and its transport, so that it sees what no handler sees: the
/// handshake, receipts, heartbeats, frames that are dropped. A connection without one pays nothing.
#[derive(Clone)]
pub struct Tap {
    shared: Arc<Shared>,
}

struct Shared {
    show: Box<dyn Fn(&TappedFrame<'_>) + Send + Sync>,
    connections: AtomicU64,
}

/// A frame that a tap shows.
///
/// `Display` is a line for logs: the connection, the direction, the session, and the frame.
///
/// ```text
/// #1 in  - HELLO [0,{"v":1,"agent":"…","auth":"***","limits":{…}}]
/// #1 out 0b7…w WELCOME [1,{"v":1,"session":"0b7…w","secret":"***",…}]
/// #1 in  0b7…w EVENT [20,2,null,1,"say",["hello"]]
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TappedFrame<'a> {
    /// Which connection of those that the tap is on: 1, 2, 3, …
    pub connection: u64,
    /// Which way it went.
    pub direction: Direction,
    /// The session, from WELCOME on.
    pub session: Option<&'a SessionId>,
    /// The frame's kind; none for a message that is no frame.
    pub kind: Option<Kind>,
    /// The namespace, where the frame has one.
    pub namespace: Option<&'a str>,
    /// The message's length in bytes.
    pub bytes: usize,
    /// The frame as JSON, in one line, with credentials and secrets masked; cut after
    /// [`TAP_TEXT_MAX`] bytes. For a message that is no frame, why it is none.
    pub text: &'a str,
    /// How many frames that were sent before it are not shown, since more than [`TAP_QUEUE_BYTES`]
    /// waited to be shown.
    pub missed: u64,
}

/// Which way a frame went, seen from the side that has the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came from the peer.
    In,
    /// It was handed to the transport.
    Out,
}

impl Tap {
    /// A tap that calls `show` for each frame.
    ///
    /// `show` runs in the connection's task, with no lock held. While it runs the connection stands
    /// still, so it must not block, and what it keeps for later is to be bounded. If it panics, that
    /// is logged and changes nothing.
    pub fn new(show: impl Fn(&TappedFrame<'_>) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                show: Box::new(show),
                connections: AtomicU64::new(0),
            }),
        }
    }

    /// Puts the tap on a connection, before anything is sent or received on it.
    #[must_use]
    pub fn on(&self, connection: Connection) -> Connection {
        let number = 1 + self.shared.connections.fetch_add(1, Ordering::Relaxed);
        let encoding = Encoding::from_subprotocol(&connection.protocol);
        let tapped = Arc::new(Tapped::default());
        let viewer = Viewer {
            tap: self.clone(),
            connection: number,
            encoding,
            session: None,
        };
        Connection {
            sender: Box::new(TappedSender::new(connection.sender, Arc::clone(&tapped))),
            receiver: Box::new(TappedReceiver::new(connection.receiver, tapped, viewer)),
            ..connection
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}

impl fmt::Display for TappedFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            direction,
            text,
            missed,
            ..
        } = self;
        if *missed > 0 {
            write!(f, "({missed} not shown) ")?;
        }
        // The peer has chosen it, and may have put a line break in.
        let session = self.session.map_or("-", |session| session).escape_debug();
        write!(f, "#{connection} {direction} {session} ")?;
        match self.kind {
            Some(kind) => write!(f, "{kind} {text}"),
            None => write!(f, "no frame, {} bytes: {text}", self.bytes),
        }
    }
}

impl fmt::Display for Direction {
    /// `in ` and `out`, of one length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in ",
            Self::Out => "out",
        })
    }
}

/// Shows one connection's messages.
struct Viewer {
    tap: Tap,
    connection: u64,
    encoding: Option<Encoding>,
    session: Option<SessionId>,
}

impl Viewer {
    fn show(&mut self, direction: Direction, message: &[u8], missed: u64) {
        let frame = match self.encoding {
            Some(encoding) => Frame::decode(encoding, message).map_err(|error| error.to_string()),
            None => Err("the connection's protocol is not known here".to_owned()),
        };
        if let Ok(Frame::Welcome(welcome)) = &frame {
            self.session = Some(welcome.session.clone());
        }
        let text = match &frame {
            Ok(frame) => cut(frame.to_masked_json()),
            // It names no content.
            Err(problem) => problem.clone(),
        };
        let frame = frame.as_ref().ok();
        let shown = TappedFrame {
            connection: self.connection,
            direction,
            session: self.session.as_ref(),
            kind: frame.map(Frame::kind),
            namespace: frame.and_then(namespace_of),
            bytes: message.len(),
            text: &text,
            missed,
        };
        if let Err(panic) = caught(|| (self.tap.shared.show)(&shown)) {
            tracing::error!(panic, "a tap panicked");
        }
    }
}

fn namespace_of<'a>(frame: &'a Frame<'_>) -> Option<&'a str> {
    match frame {
        Frame::Datagram { namespace, .. } | Frame::Latest { namespace, .. } => Some(namespace),
        Frame::Sequenced { frame, .. } => match frame {
            Sequenced::Connect { namespace, .. }
            | Sequenced::Connected { namespace, .. }
            | Sequenced::Refused { namespace, .. }
            | Sequenced::Disconnect { namespace, .. }
            | Sequenced::Event { namespace, .. }
            | Sequenced::Ack { namespace, .. }
            | Sequenced::Failed { namespace, .. } => Some(namespace),
            Sequenced::Ignorable { .. } => None,
        },
        _ => None,
    }
}

/// The text up to its limit, and how much is missing.
fn cut(mut text: String) -> String {
    if text.len() > TAP_TEXT_MAX {
        let end = text.floor_char_boundary(TAP_TEXT_MAX);
        let missing = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({missing} bytes more)"));
    }
    text
}

/// How much of a frame's text a tap shows, bytes.
pub const TAP_TEXT_MAX: usize = 2048;

/// Bytes of sent frames of one connection that may wait to be shown. More are missed, and counted in
/// [`TappedFrame::missed`]. It is also the most memory that a tap takes for a connection.
pub const TAP_QUEUE_BYTES: usize = 4 << 20;
