//! The peer: socketioxide with the same app as the fixture server and the hand-written room.
//!
//! As its documentation shows it: its default parser, limits and buffers, hyper's HTTP/1.1 under it
//! and no layers. The payload is text, which spares its default parser a second message for binary
//! attachments. It runs each event's handler in a task of its own and so keeps no order.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::net::TcpListener;

use crate::peer_room::RuntimeKind;

const ROOM: &str = "room";

/// Serves the app on a loopback port (0: a free one) until the process ends, after printing
/// `listening on ADDRESS`.
pub fn run(port: u16) -> io::Result<()> {
    RuntimeKind::MultiThread.build()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        println!("listening on {}", listener.local_addr()?);
        // On a worker, so that accepting costs what every other task costs.
        tokio::spawn(accept(listener)).await?
    })
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    let (service, io) = SocketIo::new_svc();
    io.ns("/", connected);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A connection that fails is over, and socketioxide has cleared up behind it.
            let _ = connection.with_upgrades().await;
        });
    }
}

async fn connected(socket: SocketRef) {
    socket.join(ROOM);
    socket.on(
        "echo",
        async |Data(payload): Data<String>, ack: AckSender| {
            // Fails when the client does not read; the load generator notices the missing ack.
            let _ = ack.send(&payload);
        },
    );
    socket.on(
        "bcast",
        async |socket: SocketRef, Data(payload): Data<String>| {
            // Fails when a member does not read; the load generator notices the missing message.
            let _ = socket.within(ROOM).emit("msg", &payload).await;
        },
    );
}
