//! A server that passes numbers on, drains when it is asked to end, and says what it could not deliver.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline::server::{
    Bind, Data, DisconnectReason, Drain, Failure, FloodLimits, Server, Socket, SocketState, State,
    terminated,
};

use crate::words::{Fate, Heard, Say};

/// Who is here, by number.
#[derive(Default)]
struct Present(Mutex<HashMap<u32, Socket>>);

impl Present {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Socket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket's number.
struct Number(u32);

pub(crate) async fn serve(deadline: Duration) -> Result<(), Box<dyn Error>> {
    let server = Server::builder()
        .state(Present::default())
        // To the server, all the crowd comes from nginx's one address.
        .flood_limits(FloodLimits::OFF)
        .build();
    let root = server.namespace("/");
    root.on("enter", enter);
    root.on("say", say);
    root.on_disconnect(left);
    let bound = server.bind("127.0.0.1:0").await?;
    println!("port {}", bound.local_addr().port());
    let drain = Drain::new().deadline(deadline);
    let drained = bound.serve_until(terminated(), drain).await?;
    println!("drained {} left, {} cut", drained.left, drained.cut);
    Ok(())
}

async fn enter(socket: Socket, State(present): State<Present>, Data(number): Data<u32>) {
    socket.set(Number(number));
    present.lock().insert(number, socket);
}

async fn say(
    State(present): State<Present>,
    SocketState(me): SocketState<Number>,
    Data(Say { to, number }): Data<Say>,
) -> Result<Fate, Failure> {
    let Some(other) = present.lock().get(&to).cloned() else {
        return Ok(Fate::Absent);
    };
    let from = me.0;
    // One that is over by now is not there either.
    let relayed = other.emit("heard", &Heard { from, to, number });
    Ok(relayed.map_or(Fate::Absent, |()| Fate::Relayed))
}

/// A socket is over. What it was to be told and was not is known now, event by event.
async fn left(
    State(present): State<Present>,
    me: Option<SocketState<Number>>,
    reason: DisconnectReason,
) -> Result<(), Failure> {
    if let Some(SocketState(me)) = me {
        present.lock().remove(&me.0);
    }
    if let DisconnectReason::SessionEnded { undelivered, .. } = reason {
        for event in undelivered {
            let Heard { from, to, number } = event.args.first()?;
            let what = if event.sent { "unknown" } else { "undelivered" };
            println!("{what} {from} {to} {number}");
        }
    }
    Ok(())
}
