//! Trunkline with the app of the fixture server, over TLS and mounted in axum, which the fixture
//! does not do.

use std::{
    error::Error,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{Router, extract::ConnectInfo};
use clap::ValueEnum;
use tokio::net::TcpListener;
use trunkline::server::{
    Ack, Bind, Certificate, Failure, FloodLimits, ListenerConfig, Mount, Payload, Server, Socket,
};

use crate::{identity::Files, peer_room::RuntimeKind};

const ROOM: &str = "room";

/// What is under the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Host {
    /// Trunkline's own listener.
    #[default]
    Listener,
    /// An axum server, with a route for Trunkline and no layers.
    Axum,
}

/// Serves the app on a loopback port (0: a free one) until the process ends, after printing
/// `listening on ADDRESS`.
///
/// # Errors
/// The port is taken, or there is no certificate in the files.
pub fn run(port: u16, host: Host, tls: Files) -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    RuntimeKind::MultiThread.build()?.block_on(async move {
        let server = app();
        match host {
            Host::Listener => listen(&server, address, tls).await,
            Host::Axum => mount(&server, address).await,
        }
    })
}

fn app() -> Server {
    // All of a run's clients come from one address.
    let server = Server::builder().flood_limits(FloodLimits::OFF).build();
    let root = server.namespace("/");
    root.on_connect(|socket: Socket| async move {
        socket.join(ROOM)?;
        Ok::<_, Failure>(())
    });
    root.on("echo", |args: Payload| async move { Ack(args) });
    root.on("bcast", |socket: Socket, args: Payload| async move {
        socket.within(ROOM).emit("msg", args)?;
        Ok::<_, Failure>(())
    });
    server
}

async fn listen(server: &Server, address: SocketAddr, tls: Files) -> Result<(), Box<dyn Error>> {
    let files = tls.given();
    let certificate = files.map(|(certificate, key)| Certificate::from_pem_files(certificate, key));
    let config = ListenerConfig {
        certificate: certificate.transpose()?,
        ..ListenerConfig::default()
    };
    let bound = server.bind_with(address, config).await?;
    println!("listening on {}", bound.local_addr());
    Ok(bound.serve().await?)
}

async fn mount(server: &Server, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let endpoint = server.mount().with_peer(|extensions| {
        let info = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(info.0)
    });
    let app = Router::new().route_service("/trunkline", endpoint);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}
