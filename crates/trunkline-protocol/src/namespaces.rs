//! Which namespaces a session is attached to, on either side.

use crate::{Code, NamespaceName, Prepared};

/// A server's namespaces of one session; `S` is its socket.
///
/// ```text
///   none ──CONNECT──> pending ──accept──> attached ──DISCONNECT──> none
///                        │ └───refuse───> none
///                        └─DISCONNECT, refused at once──> none
/// ```
///
/// Every CONNECT gets exactly one answer. Specification: namespaces.md.
///
/// The socket exists from the CONNECT on: what the client sends right behind it waits there.
#[derive(Debug)]
pub struct ServerNamespaces<S> {
    entries: Vec<Entry<S>>,
    /// CONNECTs that were left before their verdict: their hooks still run, and count.
    departing: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry<S> {
    name: NamespaceName,
    /// The number of the CONNECT that has no answer yet.
    pending: Option<u64>,
    socket: S,
}

impl<S> ServerNamespaces<S> {
    /// None yet; at most `limit`, pending ones included.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            departing: 0,
            limit,
        }
    }

    /// Whether a CONNECT to `name` may become pending.
    ///
    /// # Errors
    /// The code to refuse it with at once; what is there is unharmed.
    pub fn admit(&self, name: &str) -> Result<(), Code> {
        if self.position(name).is_some() {
            return Err(Code::ALREADY_CONNECTED);
        }
        if self.entries.len() + self.departing >= self.limit {
            return Err(Code::TOO_MANY_NAMESPACES);
        }
        Ok(())
    }

    /// Takes a CONNECT, whose number is `connect`, with the socket to be attached.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn connect(&mut self, name: NamespaceName, connect: u64, socket: S) -> Result<(), Code> {
        self.admit(&name)?;
        self.entries.push(Entry {
            name,
            pending: Some(connect),
            socket,
        });
        Ok(())
    }

    /// Attaches the socket of a CONNECT that passed. False if a DISCONNECT came meanwhile.
    pub fn accept(&mut self, name: &str, connect: u64) -> bool {
        let position = self.judged(name, connect);
        if let Some(position) = position {
            self.entries[position].pending = None;
        }
        position.is_some()
    }

    /// Ends a CONNECT that did not pass; gives the socket unless a DISCONNECT came meanwhile.
    pub fn refuse(&mut self, name: &str, connect: u64) -> Option<S> {
        let position = self.judged(name, connect)?;
        Some(self.entries.swap_remove(position).socket)
    }

    /// Takes a DISCONNECT, from either side: gives the socket, and the number of its CONNECT if that
    /// has no answer yet: it is to be refused now.
    pub fn disconnect(&mut self, name: &str) -> Option<(S, Option<u64>)> {
        let position = self.position(name)?;
        let entry = self.entries.swap_remove(position);
        self.departing += usize::from(entry.pending.is_some());
        Some((entry.socket, entry.pending))
    }

    /// The socket of a namespace, attached or pending.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&S> {
        self.position(name)
            .map(|position| &self.entries[position].socket)
    }

    /// All sockets, attached or pending.
    pub fn sockets(&self) -> impl Iterator<Item = &S> {
        self.entries.iter().map(|entry| &entry.socket)
    }

    /// Takes all sockets: the session is over.
    pub fn drain(&mut self) -> Vec<S> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| entry.socket)
            .collect()
    }

    /// Whether the session is attached to none and none is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.name.as_str() == name)
    }

    /// A verdict has come: the place of its CONNECT, unless that was left meanwhile.
    fn judged(&mut self, name: &str, connect: u64) -> Option<usize> {
        let same = |entry: &Entry<S>| entry.name.as_str() == name && entry.pending == Some(connect);
        let position = self.entries.iter().position(same);
        if position.is_none() {
            self.departing = self.departing.saturating_sub(1);
        }
        position
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
/// nobody: an answer counts if it names the newest CONNECT's number. Specification: namespaces.md.
#[derive(Debug, Default)]
pub struct ClientNamespace {
    state: ClientState,
    newest: Newest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ClientState {
    #[default]
    Idle,
    Connecting,
    Connected,
}

/// The newest CONNECT of a namespace.
#[derive(Debug, Default)]
enum Newest {
    #[default]
    None,
    /// It waits for a number: no answer can be its own.
    Waiting(Prepared),
    Numbered(u64),
}

impl ClientNamespace {
    /// Begins to connect; if this is true, push a CONNECT and tell of it with
    /// [`asked`](Self::asked). False while connecting or connected.
    pub fn connect(&mut self) -> bool {
        let idle = self.state == ClientState::Idle;
        if idle {
            self.state = ClientState::Connecting;
        }
        idle
    }

    /// Notes the CONNECT that is pushed: from now on the newest.
    pub fn asked(&mut self, connect: &Prepared) {
        self.newest = Newest::Waiting(connect.clone());
    }

    /// Notes the number a CONNECT took, of whichever namespace it is.
    pub fn numbered(&mut self, connect: &Prepared, seq: u64) {
        if let Newest::Waiting(newest) = &self.newest
            && newest.is_same(connect)
        {
            self.newest = Newest::Numbered(seq);
        }
    }

    /// Takes a CONNECTED; true if it is the newest CONNECT's and that was not given up.
    pub fn connected(&mut self, connect: u64) -> bool {
        self.answered(connect, ClientState::Connected)
    }

    /// Takes a REFUSED; true if it is the newest CONNECT's and that was not given up.
    pub fn refused(&mut self, connect: u64) -> bool {
        self.answered(connect, ClientState::Idle)
    }

    /// Leaves; push a DISCONNECT if this is true.
    pub fn disconnect(&mut self) -> bool {
        std::mem::take(&mut self.state) != ClientState::Idle
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
        self.newest = Newest::None;
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

    fn answered(&mut self, connect: u64, next: ClientState) -> bool {
        let named = matches!(self.newest, Newest::Numbered(newest) if newest == connect);
        let due = named && self.state == ClientState::Connecting;
        if due {
            self.state = next;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn name(name: &str) -> NamespaceName {
        NamespaceName::try_from(name).unwrap()
    }

    #[test]
    fn a_second_connect_is_refused_and_the_first_unharmed() {
        let mut namespaces = ServerNamespaces::new(2);
        namespaces.connect(name("/a"), 1, "first").unwrap();
        assert_eq!(
            namespaces.connect(name("/a"), 2, "second"),
            Err(Code::ALREADY_CONNECTED)
        );
        assert!(namespaces.accept("/a", 1));
        assert_eq!(
            namespaces.connect(name("/a"), 3, "third"),
            Err(Code::ALREADY_CONNECTED)
        );
        assert_eq!(namespaces.get("/a"), Some(&"first"));
    }

    #[test]
    fn pending_connects_count_towards_the_limit() {
        let mut namespaces = ServerNamespaces::new(1);
        namespaces.connect(name("/a"), 1, ()).unwrap();
        assert_eq!(
            namespaces.connect(name("/b"), 2, ()),
            Err(Code::TOO_MANY_NAMESPACES)
        );
    }

    #[test]
    fn a_connect_left_before_its_verdict_counts_until_that_has_come() {
        let mut namespaces = ServerNamespaces::new(1);
        namespaces.connect(name("/a"), 1, ()).unwrap();
        namespaces.disconnect("/a").unwrap();
        assert_eq!(namespaces.admit("/a"), Err(Code::TOO_MANY_NAMESPACES));
        assert!(!namespaces.accept("/a", 1));
        assert_eq!(namespaces.admit("/a"), Ok(()));
    }

    #[test]
    fn a_connect_cancelled_by_disconnect_is_not_taken_for_the_next_one() {
        let mut namespaces = ServerNamespaces::new(9);
        namespaces.connect(name("/a"), 1, "first").unwrap();
        assert_eq!(namespaces.disconnect("/a"), Some(("first", Some(1))));
        namespaces.connect(name("/a"), 3, "second").unwrap();
        assert!(!namespaces.accept("/a", 1));
        assert_eq!(namespaces.refuse("/a", 1), None);
        assert!(namespaces.accept("/a", 3));
        assert_eq!(namespaces.disconnect("/a"), Some(("second", None)));
        assert!(namespaces.is_empty());
    }

    /// A client's CONNECT, pushed and numbered.
    fn ask(namespace: &mut ClientNamespace, seq: u64) {
        assert!(namespace.connect());
        let connect = Prepared::connect(&name("/a"), &Value::nil());
        namespace.asked(&connect);
        namespace.numbered(&connect, seq);
    }

    #[test]
    fn a_client_ignores_the_answer_to_a_connect_it_gave_up() {
        let mut namespace = ClientNamespace::default();
        ask(&mut namespace, 1);
        assert!(namespace.disconnect());
        assert!(!namespace.connected(1), "nobody waits for it");
        ask(&mut namespace, 3);
        assert!(!namespace.connected(1), "the answer to the first CONNECT");
        assert!(!namespace.refused(1));
        assert!(!namespace.is_connected());
        assert!(namespace.connected(3));
        assert!(namespace.is_connected());
        assert!(!namespace.connected(3), "an answer nobody asked for");
        assert!(!namespace.refused(3), "it was answered already");
    }

    #[test]
    fn no_answer_is_that_of_a_connect_without_a_number() {
        let mut namespace = ClientNamespace::default();
        ask(&mut namespace, 1);
        namespace.disconnect();
        assert!(namespace.connect());
        let connect = |name: &NamespaceName| Prepared::connect(name, &Value::nil());
        let newest = connect(&name("/a"));
        namespace.asked(&newest);
        namespace.numbered(&connect(&name("/a")), 2);
        for number in [0, 1, 2] {
            assert!(!namespace.connected(number), "{number}");
        }
        namespace.numbered(&newest, 4);
        assert!(namespace.refused(4));
    }

    #[test]
    fn a_lost_session_asks_to_connect_again_only_what_was_wanted() {
        let mut namespace = ClientNamespace::default();
        assert!(!namespace.session_lost());
        ask(&mut namespace, 1);
        namespace.connected(1);
        assert!(namespace.session_lost());
        assert!(!namespace.is_connected());
        assert!(!namespace.connected(1), "of the lost session");
        let connect = Prepared::connect(&name("/a"), &Value::nil());
        namespace.asked(&connect);
        namespace.numbered(&connect, 1);
        assert!(namespace.connected(1));
    }
}
