//! The web page, built into the program.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use trunkline::server::Server;

/// Answers what is not the endpoint; `/counts` only where a server to count is given.
pub(crate) fn answer(request: &Request<()>, counted: Option<&Server>) -> Response<Bytes> {
    match (request.uri().path(), counted) {
        ("/" | "/plain", _) => text(
            StatusCode::OK,
            "text/html",
            include_str!("../page/index.html"),
        ),
        // The client of `clients/typescript`, as one file.
        ("/trunkline.js", _) => text(
            StatusCode::OK,
            "text/javascript",
            include_str!("../../../clients/typescript/bundle/trunkline.js"),
        ),
        ("/plain.js", _) => text(
            StatusCode::OK,
            "text/javascript",
            include_str!("../page/plain.js"),
        ),
        ("/counts", Some(server)) => text(StatusCode::OK, "application/json", &counts(server)),
        (path, _) => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            &format!("no page at {path}\n"),
        ),
    }
}

/// What would show a leak.
fn counts(server: &Server) -> String {
    let stats = server.stats();
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    serde_json::json!({
        "sessions": stats.sessions,
        "pending_acks": stats.pending_acks,
        "tasks": tasks,
        "descriptors": descriptors,
    })
    .to_string()
}

fn text(status: StatusCode, kind: &str, body: &str) -> Response<Bytes> {
    let answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))
        .header(header::CACHE_CONTROL, "no-store")
        .body(Bytes::copy_from_slice(body.as_bytes()));
    answer.expect("the parts are well-formed")
}
