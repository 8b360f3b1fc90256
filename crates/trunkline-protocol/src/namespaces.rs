//! Which namespaces a session is attached to, on either side.

use crate::{Code, NamespaceName};

/// A server's namespaces of one session; `S` is its socket.
///
/// ```text
///   none ──CONNECT──> pending ──accept──> attached ──DISCONNECT──> none
///                        │ └───refuse───> none
///                        └──DISCONNECT──> cancelled ──accept or refuse──> none
/// ```
///
/// Every CONNECT gets exactly one answer. Specification: namespaces.md.
#[derive(Debug)]
pub struct ServerNamespaces<S> {
    entries: Vec<(NamespaceName, Attachment<S>)>,
    limit: usize,
}

#[derive(Debug)]
enum Attachment<S> {
    Pending { connect: u64 },
    Attached(S),
}

impl<S> ServerNamespaces<S> {
    /// None yet; at most `limit`, pending ones included.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit }
    }

    /// Takes a CONNECT, whose number is `connect`.
    ///
    /// # Errors
    /// The code to refuse it with at once; what is there is unharmed.
    pub fn connect(&mut self, name: NamespaceName, connect: u64) -> Result<(), Code> {
        if self.position(&name).is_some() {
            return Err(Code::ALREADY_CONNECTED);
        }
        if self.entries.len() >= self.limit {
            return Err(Code::TOO_MANY_NAMESPACES);
        }
        self.entries.push((name, Attachment::Pending { connect }));
        Ok(())
    }

    /// Attaches the socket of a CONNECT that passed, unless it was cancelled meanwhile: then the
    /// socket is handed back and the answer is REFUSED `disconnected`.
    ///
    /// # Errors
    /// The CONNECT was cancelled.
    pub fn accept(&mut self, name: &str, connect: u64, socket: S) -> Result<(), S> {
        match self.pending(name, connect) {
            Some(position) => {
                self.entries[position].1 = Attachment::Attached(socket);
                Ok(())
            }
            None => Err(socket),
        }
    }

    /// Ends a CONNECT that did not pass. False if it was cancelled meanwhile.
    pub fn refuse(&mut self, name: &str, connect: u64) -> bool {
        match self.pending(name, connect) {
            Some(position) => {
                self.entries.swap_remove(position);
                true
            }
            None => false,
        }
    }

    /// Takes a DISCONNECT, from either side: gives the socket, or cancels a pending CONNECT.
    pub fn disconnect(&mut self, name: &str) -> Option<S> {
        let (_, attachment) = self.entries.swap_remove(self.position(name)?);
        match attachment {
            Attachment::Attached(socket) => Some(socket),
            Attachment::Pending { .. } => None,
        }
    }

    /// The socket attached to a namespace.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&S> {
        match &self.entries[self.position(name)?].1 {
            Attachment::Attached(socket) => Some(socket),
            Attachment::Pending { .. } => None,
        }
    }

    /// All attached sockets.
    pub fn sockets(&self) -> impl Iterator<Item = &S> {
        self.entries.iter().filter_map(|(_, attachment)| match attachment {
            Attachment::Attached(socket) => Some(socket),
            Attachment::Pending { .. } => None,
        })
    }

    /// Takes all attached sockets and cancels what is pending: the session is over.
    pub fn drain(&mut self) -> Vec<S> {
        let entries = std::mem::take(&mut self.entries);
        entries
            .into_iter()
            .filter_map(|(_, attachment)| match attachment {
                Attachment::Attached(socket) => Some(socket),
                Attachment::Pending { .. } => None,
            })
            .collect()
    }

    /// Whether the session is attached to none and none is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|(entry, _)| entry.as_str() == name)
    }

    fn pending(&self, name: &str, connect: u64) -> Option<usize> {
        let position = self.position(name)?;
        let same = matches!(&self.entries[position].1,
            Attachment::Pending { connect: pending } if *pending == connect);
        same.then_some(position)
    }
}

/// A client's view of one namespace.
///
/// ```text
///   idle ──connect──> connecting ──CONNECTED──> connected ──DISCONNECT, either way──> idle
///                         └───────REFUSED──────> idle
/// ```
///
/// A CONNECT that was followed by this side's DISCONNECT still gets its answer, which is then for
/// nobody. Specification: namespaces.md.
#[derive(Debug, Default)]
pub struct ClientNamespace {
    state: ClientState,
    /// Answers that are due to CONNECTs given up since, ahead of the present one's.
    stale_answers: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ClientState {
    #[default]
    Idle,
    Connecting,
    Connected,
}

impl ClientNamespace {
    /// Begins to connect; push a CONNECT if this is true. False while connecting or connected.
    pub fn connect(&mut self) -> bool {
        let idle = self.state == ClientState::Idle;
        if idle {
            self.state = ClientState::Connecting;
        }
        idle
    }

    /// Takes a CONNECTED; true if it is the present CONNECT's.
    pub fn connected(&mut self) -> bool {
        self.answered(ClientState::Connected)
    }

    /// Takes a REFUSED; true if it is the present CONNECT's.
    pub fn refused(&mut self) -> bool {
        self.answered(ClientState::Idle)
    }

    /// Leaves; push a DISCONNECT if this is true.
    pub fn disconnect(&mut self) -> bool {
        match std::mem::take(&mut self.state) {
            ClientState::Idle => false,
            ClientState::Connecting => {
                self.stale_answers += 1;
                true
            }
            ClientState::Connected => true,
        }
    }

    /// Takes the server's DISCONNECT; true if this side was connected.
    pub fn disconnected(&mut self) -> bool {
        let connected = self.is_connected();
        if connected {
            self.state = ClientState::Idle;
        }
        connected
    }

    /// The session was lost, and with it every answer that was due; true if this side wants to be
    /// connected and must push its CONNECT again.
    pub fn session_lost(&mut self) -> bool {
        self.stale_answers = 0;
        let wanted = self.state != ClientState::Idle;
        if wanted {
            self.state = ClientState::Connecting;
        }
        wanted
    }

    /// Whether events of this namespace count.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == ClientState::Connected
    }

    fn answered(&mut self, next: ClientState) -> bool {
        if self.stale_answers > 0 {
            self.stale_answers -= 1;
            return false;
        }
        let due = self.state == ClientState::Connecting;
        if due {
            self.state = next;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> NamespaceName {
        NamespaceName::try_from(name).unwrap()
    }

    #[test]
    fn a_second_connect_is_refused_and_the_first_unharmed() {
        let mut namespaces = ServerNamespaces::new(2);
        namespaces.connect(name("/a"), 1).unwrap();
        assert_eq!(namespaces.connect(name("/a"), 2), Err(Code::ALREADY_CONNECTED));
        assert_eq!(namespaces.accept("/a", 1, "socket"), Ok(()));
        assert_eq!(namespaces.connect(name("/a"), 3), Err(Code::ALREADY_CONNECTED));
        assert_eq!(namespaces.get("/a"), Some(&"socket"));
    }

    #[test]
    fn pending_connects_count_towards_the_limit() {
        let mut namespaces = ServerNamespaces::<()>::new(1);
        namespaces.connect(name("/a"), 1).unwrap();
        assert_eq!(namespaces.connect(name("/b"), 2), Err(Code::TOO_MANY_NAMESPACES));
    }

    #[test]
    fn a_connect_cancelled_by_disconnect_is_not_accepted_nor_taken_for_the_next_one() {
        let mut namespaces = ServerNamespaces::new(9);
        namespaces.connect(name("/a"), 1).unwrap();
        assert_eq!(namespaces.disconnect("/a"), None);
        namespaces.connect(name("/a"), 3).unwrap();
        assert_eq!(namespaces.accept("/a", 1, "first"), Err("first"));
        assert_eq!(namespaces.accept("/a", 3, "second"), Ok(()));
        assert_eq!(namespaces.disconnect("/a"), Some("second"));
        assert!(namespaces.is_empty());
    }

    #[test]
    fn a_client_ignores_the_answer_to_a_connect_it_gave_up() {
        let mut namespace = ClientNamespace::default();
        assert!(namespace.connect());
        assert!(namespace.disconnect());
        assert!(namespace.connect());
        assert!(!namespace.connected(), "the answer to the first CONNECT");
        assert!(!namespace.is_connected());
        assert!(namespace.connected());
        assert!(namespace.is_connected());
        assert!(!namespace.connected(), "an answer nobody asked for");
    }

    #[test]
    fn a_lost_session_asks_to_connect_again_only_what_was_wanted() {
        let mut namespace = ClientNamespace::default();
        assert!(!namespace.session_lost());
        namespace.connect();
        namespace.connected();
        assert!(namespace.session_lost());
        assert!(!namespace.is_connected());
        assert!(namespace.connected());
    }
}
