//! Namespaces coming and going: what the application asks, what the server answers.
//!
//! Specification: namespaces.md, "Client".

use tokio::sync::oneshot;
use trunkline_driver::sync::Arc;
use trunkline_driver::{Session, Turn};
use trunkline_protocol::{
    ClientNamespace, Code, Encoding, NamespaceName, Prepared, SocketId, Value,
};

use crate::book::{Book, Member, Phase};
use crate::losing::Due;
use crate::namespace::Namespace;
use crate::run;
use crate::shared::{Shared, push};
use crate::{ConnectError, Connected, DropReason, SocketState, State};

/// Where an answer to a connect arrives.
pub(crate) type Answer = oneshot::Receiver<Result<Connected, ConnectError>>;

impl Shared {
    /// The namespace of this name, made if there is none yet.
    pub(crate) fn namespace(&self, name: NamespaceName) -> Arc<Namespace> {
        let mut book = self.book.lock();
        let member = book
            .members
            .entry(name)
            .or_insert_with_key(|name| Member::new(Arc::new(Namespace::new(name.clone()))));
        Arc::clone(&member.namespace)
    }

    /// Sets the credentials of the CONNECTs to come.
    pub(crate) fn set_auth(&self, name: &str, auth: Value) {
        if let Some(member) = self.book.lock().members.get_mut(name) {
            member.auth = auth;
        }
    }

    /// Wants a namespace connected; starts the client's task if there is none.
    pub(crate) fn connect(self: &Arc<Self>, name: &str) -> Result<Answer, ConnectError> {
        let (waiter, answer) = oneshot::channel();
        let _turn = Turn::enter();
        let mut book = self.book.lock();
        if book.is_closing() {
            return Err(closed_here());
        }
        let Book {
            members, session, ..
        } = &mut *book;
        let Some(member) = members.get_mut(name) else {
            return Err(ConnectError::Disconnected);
        };
        if let Some(connected) = &member.connected {
            let _ = waiter.send(Ok(connected.clone()));
            return Ok(answer);
        }
        member.waiters.retain(|waiter| !waiter.is_closed());
        member.waiters.push(waiter);
        member.accepting = true;
        if !member.wanted {
            member.wanted = true;
            member.namespace.state.send_replace(SocketState::Connecting);
        }
        if member.machine.connect()
            && let Some(session) = session
        {
            let broken = push(session, member.ask()).err();
            book.broken = book.broken.take().or(broken);
            book.number_connects();
        }
        book.hurry = true;
        if book.phase == Phase::Idle {
            book.phase = Phase::Running;
            self.state.send_replace(State::Connecting);
            tokio::spawn(run::run(Arc::clone(self)));
        }
        drop(book);
        self.bell.notify_one();
        Ok(answer)
    }

    /// Leaves a namespace from this side.
    pub(crate) fn disconnect(&self, name: &str) {
        let _turn = Turn::enter();
        let mut book = self.book.lock();
        let Book {
            members, session, ..
        } = &mut *book;
        let Some(member) = members.get_mut(name).filter(|member| member.wanted) else {
            return;
        };
        let owed = member.machine.disconnect();
        let asked = std::mem::take(&mut member.asked);
        let mut broken = None;
        match session {
            Some(session) if owed => {
                let frame = Prepared::disconnect(&member.namespace.name, Code::DISCONNECTED, "");
                broken = push(session, frame).err();
            }
            Some(_) => {}
            None if asked => member.leaving = true,
            // Nothing was sent, so no answer is due.
            None => member.machine = ClientNamespace::default(),
        }
        let state = SocketState::Disconnected {
            code: Code::DISCONNECTED,
            reason: String::new(),
        };
        member.end(state, &ConnectError::Disconnected);
        let namespace = Arc::clone(&member.namespace);
        // Whoever leaves has asked for what that drops.
        drop(book.leave(name));
        book.broken = book.broken.take().or(broken);
        drop(book);
        namespace.inbox.clear(self);
        self.bell.notify_one();
    }

    /// Takes a CONNECTED. In a session that follows a lost one, hooks run before the queue opens.
    pub(crate) fn connected(
        self: &Arc<Self>,
        session: &Arc<Session>,
        name: &str,
        connect: u64,
        connected: Connected,
    ) {
        let mut book = self.book.lock();
        if !book.is_current(session) {
            return;
        }
        book.number_connects();
        let due = Due {
            losses: book.losses,
            session: book.sessions,
        };
        let Some(member) = book.members.get_mut(name) else {
            return;
        };
        if !member.machine.connected(connect) {
            return;
        }
        member.namespace.state.send_replace(SocketState::Connected {
            id: connected.id().clone(),
        });
        for waiter in member.waiters.drain(..) {
            let _ = waiter.send(Ok(connected.clone()));
        }
        member.connected = Some(connected);
        let reattached = std::mem::take(&mut member.reattaching);
        let namespace = Arc::clone(&member.namespace);
        drop(book);
        self.open_after_hooks(session, &namespace, reattached, due);
    }

    /// Takes a REFUSED.
    pub(crate) fn refused(
        &self,
        session: &Arc<Session>,
        name: &str,
        connect: u64,
        code: Code,
        message: &str,
        data: Value,
    ) {
        let mut book = self.book.lock();
        if !book.is_current(session) {
            return;
        }
        book.number_connects();
        let Some(member) = book.members.get_mut(name) else {
            return;
        };
        if !member.machine.refused(connect) {
            return;
        }
        member.asked = false;
        let state = SocketState::Disconnected {
            code,
            reason: message.to_owned(),
        };
        let error = ConnectError::Refused {
            code,
            message: message.to_owned(),
            data,
        };
        member.end(state, &error);
        let waiting = book.leave(name);
        drop(book);
        self.tell_dropped(DropReason::Refused(code), waiting);
    }

    /// Takes the server's DISCONNECT. Events that came before it are still handled.
    pub(crate) fn disconnected(
        &self,
        session: &Arc<Session>,
        name: &str,
        code: Code,
        reason: &str,
    ) {
        let mut book = self.book.lock();
        if !book.is_current(session) {
            return;
        }
        let Some(member) = book.members.get_mut(name) else {
            return;
        };
        if !member.machine.disconnected() {
            return;
        }
        member.asked = false;
        let state = SocketState::Disconnected {
            code,
            reason: reason.to_owned(),
        };
        member.end(state, &ConnectError::Disconnected);
        let namespace = member.namespace.name.clone();
        // A receipt ahead of the DISCONNECT says that its events came while the socket was connected.
        let unknown = session.unconfirmed_events(&namespace);
        let mut unsent = session.discard_events(&namespace);
        unsent.extend(book.leave(name));
        drop(book);
        self.tell_gone(DropReason::Disconnected(code), unknown, unsent);
    }

    /// The CONNECTs to send right behind a first HELLO.
    pub(crate) fn first_flight(&self) -> Vec<Prepared> {
        let mut book = self.book.lock();
        let wanted = book.members.values_mut().filter(|member| member.wanted);
        let mut room = FIRST_FLIGHT_BYTES;
        let mut flight = Vec::new();
        for member in wanted {
            let length = member.connect_frame().len(Encoding::MessagePack);
            let Some(left) = room.checked_sub(length) else {
                // It follows WELCOME.
                continue;
            };
            room = left;
            flight.push(member.ask());
        }
        flight
    }

    /// The first flight's WELCOME never came.
    pub(crate) fn first_flight_failed(&self) {
        let mut book = self.book.lock();
        for member in book.members.values_mut() {
            member.forget_session();
        }
    }

    /// A fresh session has begun; `flight` went ahead of its WELCOME.
    pub(crate) fn adopt(&self, session: &Arc<Session>, flight: Vec<Prepared>) {
        let _turn = Turn::enter();
        let mut book = self.book.lock();
        session.adopt(flight);
        let mut broken = None;
        for member in book.members.values_mut() {
            if std::mem::take(&mut member.leaving) {
                let name = &member.namespace.name;
                let frame = Prepared::disconnect(name, Code::DISCONNECTED, "");
                broken = broken.or(push(session, frame).err());
            }
            if member.wanted && !member.asked {
                broken = broken.or(push(session, member.ask()).err());
            }
        }
        book.sessions += 1;
        book.session = Some(Arc::clone(session));
        book.broken = broken;
    }
}

impl Book {
    /// Tells the namespaces which numbers their CONNECTs took (NSP-014).
    fn number_connects(&mut self) {
        let connects = self.session.as_ref().map(|session| session.take_connects());
        for (seq, frame) in connects.unwrap_or_default() {
            for member in self.members.values_mut() {
                member.machine.numbered(&frame, seq);
            }
        }
    }
}

impl Member {
    /// The CONNECT to send now.
    fn ask(&mut self) -> Prepared {
        let frame = self.connect_frame();
        self.asked = true;
        self.machine.asked(&frame);
        frame
    }

    /// No session is left that would answer a CONNECT.
    pub(crate) fn forget_session(&mut self) {
        self.asked = false;
        self.leaving = false;
        self.open = false;
        self.connected = None;
        // In no session an answer is due; only what is wanted remains.
        self.machine = ClientNamespace::default();
        if self.wanted {
            self.machine.connect();
        }
    }
}

/// Makes the data of a CONNECTED.
pub(crate) fn connected_as(id: &str, data: Value) -> Option<Connected> {
    SocketId::try_from(id)
        .ok()
        .map(|id| Connected::new(id, data))
}

/// What a connect after the end gets.
pub(crate) fn closed_here() -> ConnectError {
    ConnectError::Closed {
        code: Code::NORMAL,
        reason: "the client was closed".into(),
        data: Value::nil(),
    }
}

/// Bytes sent ahead of WELCOME: what every server takes before it has said more (SES-005).
const FIRST_FLIGHT_BYTES: usize = 16 * 1024;
