//! Hooks that judge what a client may do in a namespace: enter it, and join its rooms.

use std::future::poll_fn;
use std::time::Duration;

use tokio::task::JoinSet;
use trunkline_driver::Turn;
use trunkline_driver::handler::{Guarded, Outcome};
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Payload, Room, Value};

use crate::context::SessionContext;
use crate::handler::{Call, ErasedHandler};
use crate::namespace::NamespaceInner;
use crate::socket::as_args;
use crate::worker::{log_failure, log_panic, span_of};
use crate::{Failure, JoinError, Socket};

/// The auth of a CONNECT that a hook let in, kept to be judged again.
pub(crate) struct ConnectAuth(Value);

impl NamespaceInner {
    /// Asks the namespace's own authentication, if it has one; the auth is then kept.
    pub(crate) async fn authorize(&self, socket: &Socket, auth: &Value) -> Result<(), Failure> {
        let Some(hook) = self.hooks().authorize.get() else {
            return Ok(());
        };
        let args = as_args(auth)?;
        run(hook, "authorize", Call::hook(socket, &args)).await?;
        socket.set(ConnectAuth(auth.clone()));
        Ok(())
    }
}

impl Socket {
    /// Enters the room that a client names, if [`on_join`](crate::Routes::on_join) lets it; false
    /// if it is in it already, which is asked nobody. Without that hook nobody is let in.
    ///
    /// For a handler whose room is the client's wish: `?` tells the client why not. What the program
    /// itself decides is [`join`](Self::join)ed.
    ///
    /// ```
    /// # use trunkline_server::{Data, Failure, Namespace, Principal, Room, Socket};
    /// # struct User { teams: Vec<String> }
    /// # fn routes(chat: &Namespace) {
    /// chat.on_join(|room: Room, user: Principal<User>| async move {
    ///     let is_member = user.teams.iter().any(|team| *room == **team);
    ///     is_member.then_some(()).ok_or_else(|| Failure::unauthorized("not your team"))
    /// });
    /// chat.on("join", |socket: Socket, Data(room): Data<String>| async move {
    ///     socket.join_if_allowed(&room).await
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// The hook's own failure; `unauthorized` if there is no hook; `bad-args` if the name is none, or
    /// the socket is in too many rooms; an internal one if the hook panics or takes longer than
    /// [`authentication_timeout`](crate::Builder::authentication_timeout), or the socket is over.
    ///
    /// # Cancel safety
    /// Dropping the future joins nothing.
    pub async fn join_if_allowed(&self, room: &str) -> Result<bool, Failure> {
        if self.is_in(room) {
            return Ok(false);
        }
        let bad_args = |error: JoinError| Failure::bad_args(error.to_string());
        let name = Room::try_from(room).map_err(|invalid| bad_args(invalid.into()))?;
        let namespace = self.namespace_inner();
        let Some(hook) = namespace.hooks().join.get() else {
            return Err(Failure::unauthorized("rooms are not joined on request"));
        };
        let context = self.context();
        context.may_join()?;
        let args = Payload::empty();
        let running = run(hook, "on_join", Call::join(self, &args, &name));
        let verdict = context.in_time("on_join", self, running).await;
        verdict.unwrap_or_else(|| Err(Failure::internal()))?;
        match self.join(room) {
            Err(error @ JoinError::TooManyRooms { .. }) => Err(bad_args(error)),
            joined => Ok(joined?),
        }
    }
}

impl SessionContext {
    /// Asks the namespaces' own authentication about all sockets again, at a resume. Who is not let
    /// in again, in time, is locked out. Specification: SES-043.
    pub(crate) async fn judge_again(self: &Arc<Self>) -> LockedOut {
        let mut judging = JoinSet::new();
        let mut unjudged = Vec::new();
        for socket in self.sockets() {
            let Some(auth) = socket.get::<ConnectAuth>() else {
                continue;
            };
            unjudged.push((socket.clone(), String::new()));
            judging.spawn(async move {
                let verdict = socket.namespace_inner().authorize(&socket, &auth.0).await;
                (socket, verdict)
            });
        }
        if unjudged.is_empty() {
            return LockedOut::default();
        }
        let all = async {
            while let Some(judged) = judging.join_next().await {
                // One that panicked stays unjudged.
                let Ok((socket, verdict)) = judged else {
                    continue;
                };
                let Some(place) = unjudged.iter().position(|(other, _)| *other == socket) else {
                    continue;
                };
                match verdict {
                    Ok(()) => drop(unjudged.swap_remove(place)),
                    Err(failure) => failure.message().clone_into(&mut unjudged[place].1),
                }
            }
        };
        let limit = self.server.config.authentication_timeout;
        if tokio::time::timeout(limit, all).await.is_err() {
            let peer = self.peer();
            tracing::error!(session = %self.id, ?peer, ?limit, "authorize took too long at a resume");
        }
        LockedOut(unjudged)
    }

    /// Awaits a hook for [`authentication_timeout`](crate::Builder::authentication_timeout) at most;
    /// none if it takes longer.
    pub(crate) async fn in_time<F: Future>(
        &self,
        what: &'static str,
        socket: &Socket,
        hook: F,
    ) -> Option<F::Output> {
        let limit: Duration = self.server.config.authentication_timeout;
        let outcome = tokio::time::timeout(limit, hook).await;
        if outcome.is_err() {
            self.server.count_aborted_handler();
            let namespace = socket.namespace_name();
            let peer = self.peer();
            tracing::error!(?peer, %namespace, socket = %socket.id(), ?limit, "{what} took too long");
        }
        outcome.ok()
    }
}

/// Sockets whose namespaces do not let them in again, each with the reason that the client is told.
#[derive(Default)]
pub(crate) struct LockedOut(Vec<(Socket, String)>);

impl LockedOut {
    pub(crate) fn has(&self, socket: &Socket) -> bool {
        self.0.iter().any(|(other, _)| other == socket)
    }

    /// Sends nothing more of them. To be called ahead of the connection that would get it.
    pub(crate) fn silence(&self, context: &Arc<SessionContext>) {
        for (socket, _) in &self.0 {
            context.silence(socket);
        }
    }

    /// Ends them, and nothing else of the session.
    pub(crate) fn disconnect(self, context: &Arc<SessionContext>) {
        for (socket, reason) in self.0 {
            let namespace = socket.namespace_name();
            let peer = context.peer();
            tracing::info!(session = %context.id, ?peer, %namespace, "a socket is locked out at a resume");
            // Not the one that may have come in its place meanwhile.
            context.lock_out_of(&socket, &reason);
        }
    }
}

/// Runs a hook to its end; a panic is contained, and an internal failure.
async fn run(hook: &ErasedHandler, what: &str, call: Call<'_>) -> Result<(), Failure> {
    let socket = call.socket();
    let mut running = Guarded::begin_in(span_of(socket, what), || hook.call(&call, false));
    let outcome = poll_fn(|cx| {
        let _turn = Turn::enter();
        running.poll(cx)
    });
    match outcome.await {
        Outcome::Done(_) => Ok(()),
        Outcome::Failed(failure) => {
            log_failure(socket, what, &failure);
            Err(failure)
        }
        Outcome::Panicked(panic) => {
            log_panic(socket, what, &panic);
            Err(Failure::internal())
        }
    }
}
