//! From a CONNECT to its answer.

use std::task::{Context, Poll};

use tracing::Instrument as _;
use trunkline_driver::Turn;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Body, Code, NamespaceName, Prepared, Value};

use super::{Life, SessionContext};
use crate::Failure;
use crate::presence::Entering;
use crate::server::Found;
use crate::socket::{Connecting, DisconnectReason, Socket};

impl SessionContext {
    pub(super) fn connect(
        self: &Arc<Self>,
        name: NamespaceName,
        connect: u64,
        auth: Body<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Err(reason) = self.may_connect() {
            let code = Code::RATE_LIMITED;
            return self.refuse(&name, connect, code, &reason, &Value::nil());
        }
        if let Err(code) = self.namespaces.lock().admit(&name) {
            return self.refuse(&name, connect, code, "", &Value::nil());
        }
        let Some(found) = self.server.find_namespace(&name) else {
            let code = Code::UNKNOWN_NAMESPACE;
            return self.refuse(
                &name,
                connect,
                code,
                code.name().unwrap_or_default(),
                &Value::nil(),
            );
        };
        let auth = match auth.value(self.depth()) {
            Ok(auth) => auth,
            Err(bad) => {
                return self.refuse(
                    &name,
                    connect,
                    Code::BAD_ARGS,
                    &bad.to_string(),
                    &Value::nil(),
                );
            }
        };
        let namespace = match found {
            Found::Fixed(namespace) => namespace,
            Found::OfPattern(found) => found.hold(&name),
        };
        let socket = namespace.begin(self, connect);
        {
            let mut namespaces = self.namespaces.lock();
            if let Err(code) = namespaces.connect(name.clone(), connect, socket.clone()) {
                drop(namespaces);
                socket.leave_all();
                return self.refuse(&name, connect, code, "", &Value::nil());
            }
        }
        self.note_idle(false);
        if *self.life.lock() == Life::Ended {
            // Its end has been and did not see this socket: it never was.
            self.namespaces.lock().disconnect(&name);
            return socket.refused();
        }
        let waits = auth.as_message_pack().len();
        let hook = namespace.run_connect(&socket, auth);
        self.judge(socket, (name, connect), waits, hook, cx);
    }

    /// Awaits the verdict on a CONNECT whose auth is of `waits` bytes: inline as far as it gets.
    fn judge(
        self: &Arc<Self>,
        socket: Socket,
        (name, connect): (NamespaceName, u64),
        waits: usize,
        hook: Connecting,
        cx: &mut Context<'_>,
    ) {
        self.queued(waits, 0);
        let entering = Entering::of(&self.server);
        let context = Arc::clone(self);
        let mut connecting = Box::pin(async move {
            let verdict = context.in_time("on_connect", &socket, hook).await;
            let verdict = verdict.unwrap_or_else(|| Err(Failure::internal()));
            context.queued(0, waits);
            context.connect_judged(&name, connect, &socket, verdict);
            drop(entering);
        });
        if connecting.as_mut().poll(cx) == Poll::Pending {
            tokio::spawn(connecting.in_current_span());
        }
    }

    fn connect_judged(
        self: &Arc<Self>,
        name: &NamespaceName,
        connect: u64,
        socket: &Socket,
        verdict: Result<Value, Failure>,
    ) {
        let connected = verdict.and_then(|data| {
            let connected = Prepared::connected(name, connect, socket.id(), &data);
            match self.session.message_len(&connected) {
                Ok(_length) => Ok(connected),
                Err(too_large) => {
                    tracing::error!(namespace = %name, socket = %socket.id(), %too_large, "what on_connect returned");
                    Err(Failure::from(too_large))
                }
            }
        });
        match connected {
            Ok(connected) => {
                let _turn = Turn::enter();
                {
                    // Told under the lock, or a DISCONNECT could be on the wire before it.
                    let mut namespaces = self.namespaces.lock();
                    if !namespaces.accept(name, connect) {
                        // Left meanwhile: then it has its answer already.
                        drop(namespaces);
                        return socket.refused();
                    }
                    let _ = self.push(connected);
                }
                socket.start();
            }
            Err(failure) => {
                let refused = {
                    let mut namespaces = self.namespaces.lock();
                    let refused = namespaces.refuse(name, connect);
                    if namespaces.is_empty() {
                        self.note_idle(true);
                    }
                    refused
                };
                socket.refused();
                if refused.is_none() {
                    return;
                }
                // The hook let it in, but its data is too large: its farewell is due.
                socket.ended(DisconnectReason::ByServer {
                    code: failure.code(),
                    reason: failure.message().to_owned(),
                });
                self.refuse(
                    name,
                    connect,
                    failure.code(),
                    failure.message(),
                    failure.data(),
                );
            }
        }
    }

    pub(super) fn refuse(
        self: &Arc<Self>,
        name: &NamespaceName,
        connect: u64,
        code: Code,
        message: &str,
        data: &Value,
    ) {
        tracing::debug!(session = %self.id, peer = ?self.peer(), namespace = %name, %code, "connect refused");
        let refused = Prepared::refused(name, connect, code, message, data);
        let bare = || Prepared::refused(name, connect, code, "", &Value::nil());
        let fits = self.session.message_len(&refused).is_ok();
        let _ = self.push(if fits { refused } else { bare() });
    }
}
