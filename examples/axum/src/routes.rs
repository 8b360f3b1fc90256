//! What is served: the program's own pages, Trunkline's endpoint, health and readiness.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use trunkline::server::{Data, Failure, Mount as _, Server, Socket};

use crate::metrics;

/// Registers what clients may say.
pub fn handlers(server: &Server) {
    let namespace = server.namespace("/");
    namespace.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        Ok::<_, Failure>(())
    });
    namespace.on(
        "say",
        |socket: Socket, Data(line): Data<String>| async move {
            socket.to("lobby").emit("said", &line)?;
            Ok::<_, Failure>(line.len())
        },
    );
}

/// All routes, behind the layers of the program.
pub fn routes(server: &Server) -> Router {
    let endpoint = server.mount().with_peer(|extensions| {
        let info: &ConnectInfo<SocketAddr> = extensions.get()?;
        Some(info.0)
    });
    Router::new()
        .route("/", get("An axum server. Trunkline is at /trunkline.\n"))
        .route("/say", post(say))
        .route("/metrics", get(metrics))
        .route("/healthz", get("alive\n"))
        .route("/readyz", get(ready))
        .with_state(server.clone())
        .route_service("/trunkline", endpoint)
        .layer(map_response(signed))
}

/// From a plain request into the room.
async fn say(State(server): State<Server>, line: String) -> Result<StatusCode, String> {
    let lobby = server.namespace("/");
    match lobby.to("lobby").emit("said", &line) {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(error) => Err(error.to_string()),
    }
}

async fn metrics(State(server): State<Server>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    (
        [(header::CONTENT_TYPE, kind)],
        metrics::text(&server.stats()),
    )
}

/// For a balancer: whether new clients belong here.
async fn ready(State(server): State<Server>) -> (StatusCode, &'static str) {
    if server.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "going down\n")
    }
}

/// A layer of the program's own: it sees every answer, also those of Trunkline's endpoint.
async fn signed(mut response: Response) -> Response {
    let name = HeaderValue::from_static("example-axum");
    response.headers_mut().insert(header::SERVER, name);
    response
}
