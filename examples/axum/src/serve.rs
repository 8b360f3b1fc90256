//! Serving, up to the orderly end.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use trunkline::server::Server;

/// Serves `app`, with `server` mounted in it, until that is shut down and its last connection has
/// ended.
///
/// axum lets upgraded connections go on by themselves, so it is the Trunkline server that says when
/// all is over; until then the readiness check answers that no more is taken.
///
/// # Errors
/// The listening socket failed.
pub async fn serve(listener: TcpListener, app: Router, server: Server) -> io::Result<()> {
    // With it requests carry their peer's address.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move { server.closed().await })
        .await
}
