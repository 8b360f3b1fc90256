//! The events of the namespaces, in the order of `protocol/conformance.md`.

use std::future::pending;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trunkline::protocol::{Code, Encoding};
use trunkline::server::{
    Ack, AckError, Args, Data, EmitError, Failure, Namespace, Params, Payload, Server, Socket,
    SocketState, Value,
};

/// The room that every socket is in.
const ROOM: &str = "room";

/// Events of one socket that may wait without holding up the others.
const WAITING_MAX: usize = 1024;

pub(crate) fn register(server: &Server) {
    let namespace = server.namespace("/");
    namespace.on_connect(connected);
    register_rooms(&namespace);
    register_acks(&namespace);
    register_rest(&namespace);
    register_best_effort(&namespace);
    register_looks(&namespace, server);
    let orgs = server.namespaces("/org/{id}");
    orgs.on("which", |Params(id): Params<String>| async move { Ack(id) });
}

/// The namespace that takes one token and no other.
pub(crate) fn register_auth(namespace: &Namespace) {
    namespace.authorize(|auth: Payload| async move {
        let login: Option<Login> = auth.first().ok();
        match login.as_ref().map(|login| &*login.token) {
            Some(TOKEN) => Ok(()),
            _ => Err(Failure::unauthorized("unauthorized").with_data(&Needs { needs: "token" })),
        }
    });
    namespace.on("echo", |args: Payload| async move { Ack(args) });
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// What a refusal says with it.
#[derive(Serialize)]
struct Needs {
    needs: &'static str,
}

/// The token of namespace "/auth".
const TOKEN: &str = "secret";

/// What a socket came with.
struct Came {
    auth: Value,
}

async fn connected(socket: Socket, auth: Payload) -> Result<(), Failure> {
    let auth = auth.first()?;
    socket.set(Came { auth });
    socket.join(ROOM)?;
    Ok(())
}

fn register_rooms(namespace: &Namespace) {
    namespace.on("bcast", |socket: Socket, args: Payload| async move {
        socket.within(ROOM).emit("msg", args)?;
        Ok::<_, Failure>(())
    });
    namespace.on(
        "join",
        |socket: Socket, Data(room): Data<String>| async move {
            socket
                .join(&room)
                .map_err(|error| Failure::bad_args(error.to_string()))?;
            Ok::<_, Failure>(true)
        },
    );
    namespace.on(
        "leave",
        |socket: Socket, Data(room): Data<String>| async move {
            socket.leave(&room);
            Ok::<_, Failure>(true)
        },
    );
    namespace.on("to", |socket: Socket, args: Payload| async move {
        let mut values = args.iter();
        let room = text(values.next())?;
        let event = text(values.next())?;
        socket
            .to(&room)
            .emit(&event, Payload::from_values(values)?)?;
        Ok::<_, Failure>(())
    });
}

fn register_acks(namespace: &Namespace) {
    namespace.on("echo", |args: Payload| async move { Ack(args) });
    namespace.on("ask", ask).concurrent(WAITING_MAX);
    namespace.on("ask-room", ask_room).concurrent(WAITING_MAX);
    namespace.on("never", pending::<()>).concurrent(WAITING_MAX);
    namespace.on("slow", |Data(ms): Data<u64>| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    });
    namespace.on(
        "fail",
        |Args((code, message)): Args<(u16, String)>| async move {
            if (4000..5000).contains(&code) {
                return Err::<(), _>(Failure::new(code, message));
            }
            Err(Failure::bad_args(format!(
                "{code} is no application's code"
            )))
        },
    );
    namespace.on("panic", panics);
}

fn register_rest(namespace: &Namespace) {
    namespace.on(
        "whoami",
        |socket: Socket, SocketState(came): SocketState<Came>| async move {
            let handshake = socket.handshake();
            Ok::<_, Failure>(WhoAmI {
                socket_id: socket.id().to_string(),
                namespace: socket.namespace().name().to_string(),
                transport: handshake.transport().to_string(),
                encoding: match handshake.encoding() {
                    Encoding::MessagePack => "messagepack",
                    Encoding::Json => "json",
                },
                resumed: socket.is_resumed(),
                auth: came.auth.clone(),
            })
        },
    );
    namespace.on(
        "close",
        |socket: Socket, Args((code, reason)): Args<(u16, String)>| async move {
            if !(1000..=4999).contains(&code) {
                return Err(Failure::bad_args(format!(
                    "a close code is 1000 to 4999, not {code}"
                )));
            }
            socket.close(Code::new(code), &reason);
            Ok(())
        },
    );
    namespace.on(
        "count",
        |socket: Socket, Args((n, ms)): Args<(u64, u64)>| async move {
            for number in 1..=n {
                socket.emit("tick", &number)?;
                if ms > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
            }
            Ok::<_, Failure>(())
        },
    );
}

/// What may be lost.
fn register_best_effort(namespace: &Namespace) {
    namespace.on(
        "volatile",
        |socket: Socket, Data(n): Data<u64>| async move {
            for number in 1..=n {
                socket.volatile().emit("v", &number)?;
            }
            Ok::<_, Failure>(())
        },
    );
    namespace.on("datagram", |socket: Socket, args: Payload| async move {
        let mut values = args.iter();
        let event = text(values.next())?;
        let args = Payload::from_values(values)?;
        let sent = socket.datagram().emit(&event, args);
        sent.map_err(too_large)
    });
    namespace.on("latest", |socket: Socket, args: Payload| async move {
        let mut values = args.iter();
        let event = text(values.next())?;
        let key = text(values.next())?;
        let args = Payload::from_values(values)?;
        let sent = socket.latest(&key).emit(&event, args);
        sent.map_err(too_large)
    });
    namespace.on(
        "burst",
        |socket: Socket, Args((n, size)): Args<(u64, usize)>| async move {
            if size > BURST_BYTES_MAX {
                let text = format!("{size} bytes where {BURST_BYTES_MAX} may be");
                return Err(Failure::bad_args(text));
            }
            let filler = "x".repeat(size);
            for number in 1..=n {
                let args = Args((number, &filler));
                socket.datagram().emit("b", args).map_err(too_large)?;
            }
            Ok(())
        },
    );
}

/// The args of a frame that does not fit a datagram are bad ones.
fn too_large(error: EmitError) -> Failure {
    match error {
        EmitError::TooLarge { .. } => Failure::bad_args(error.to_string()),
        other => other.into(),
    }
}

/// Text of a `burst` event, bytes.
const BURST_BYTES_MAX: usize = 65_536;

/// What shows how the server is doing.
fn register_looks(namespace: &Namespace, server: &Server) {
    namespace.on("laggards", |socket: Socket| async move {
        let namespace = socket.namespace();
        let laggards = namespace.everyone().laggards().into_iter();
        let told = laggards.map(|laggard| Lag {
            socket_id: laggard.socket.id().to_string(),
            bytes: laggard.bytes,
            behind_for: u64::try_from(laggard.behind_for.as_millis()).unwrap_or(u64::MAX),
        });
        Ack(told.collect::<Vec<_>>())
    });
    let server = server.clone();
    namespace.on("stats", |socket: Socket| async move {
        let (stats, namespace) = (server.stats(), socket.namespace());
        Ack(Statistics {
            sessions: stats.sessions,
            namespaces: stats.namespaces,
            sockets: namespace.socket_count(),
            rooms: namespace.room_count(),
            pending_acks: stats.pending_acks,
        })
    });
}

#[derive(Serialize)]
struct Lag {
    socket_id: String,
    bytes: usize,
    behind_for: u64,
}

#[derive(Serialize)]
struct Statistics {
    sessions: usize,
    namespaces: usize,
    sockets: usize,
    rooms: usize,
    pending_acks: usize,
}

#[derive(Serialize)]
struct WhoAmI {
    socket_id: String,
    namespace: String,
    transport: String,
    encoding: &'static str,
    resumed: bool,
    auth: Value,
}

async fn ask(socket: Socket, args: Payload) -> Result<Payload, Failure> {
    let mut values = args.iter();
    let event = text(values.next())?;
    let answer = socket
        .emit_with_ack(&event, Payload::from_values(values)?)
        .payload()
        .await;
    match answer {
        Ok(payload) => Ok(payload),
        Err(AckError::Failed { code, message, .. }) => {
            Err(Failure::new(4000, format!("{code}: {message}")))
        }
        Err(error) => Err(Failure::new(4000, error.to_string())),
    }
}

async fn ask_room(socket: Socket, args: Payload) -> Result<Args<(Vec<Value>, usize)>, Failure> {
    let mut values = args.iter();
    let room = text(values.next())?;
    let event = text(values.next())?;
    let ms: u64 = arg(values.next())?;
    let asked = socket
        .within(&room)
        .emit_with_ack(&event, Payload::from_values(values)?)
        .timeout(Duration::from_millis(ms));
    let answers = asked.payloads().await?;
    let silent = answers.failed.len() + answers.unanswered.len();
    let answered = answers.answered.iter();
    let answered =
        answered.map(|(_, args)| Value::from_message_pack(args.as_message_pack().clone()));
    Ok(Args((answered.collect::<Result<_, _>>()?, silent)))
}

async fn panics() {
    panic!("asked to");
}

fn text(value: Option<Value>) -> Result<String, Failure> {
    arg(value)
}

fn arg<T: DeserializeOwned>(value: Option<Value>) -> Result<T, Failure> {
    let value = value.ok_or_else(|| Failure::bad_args("an arg is missing"))?;
    value
        .decode()
        .map_err(|error| Failure::bad_args(error.to_string()))
}
