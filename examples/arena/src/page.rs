//! The web page, built into the program.

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Request, Response, StatusCode, header};

use crate::link::Relays;

/// What the page is made of: path, kind, content.
const FILES: [(&str, &str, &str); 12] = [
    ("/", "text/html", include_str!("../page/index.html")),
    ("/arena.css", "text/css", include_str!("../page/arena.css")),
    ("/arena.js", JAVASCRIPT, include_str!("../page/arena.js")),
    ("/ages.js", JAVASCRIPT, include_str!("../page/ages.js")),
    ("/clock.js", JAVASCRIPT, include_str!("../page/clock.js")),
    ("/draw.js", JAVASCRIPT, include_str!("../page/draw.js")),
    ("/game.js", JAVASCRIPT, include_str!("../page/game.js")),
    ("/input.js", JAVASCRIPT, include_str!("../page/input.js")),
    ("/net.js", JAVASCRIPT, include_str!("../page/net.js")),
    ("/panel.js", JAVASCRIPT, include_str!("../page/panel.js")),
    ("/sparks.js", JAVASCRIPT, include_str!("../page/sparks.js")),
    (
        "/trunkline.js",
        JAVASCRIPT,
        include_str!("../../../clients/typescript/bundle/trunkline.js"),
    ),
];
const JAVASCRIPT: &str = "text/javascript";

/// Answers what is not the endpoint. `/relays` tells pages that were loaded from this machine where the
/// relays are, and others that there is none for them: `null`.
pub(crate) fn answer(request: &Request<()>, relays: Option<Relays>) -> Response<Bytes> {
    let path = request.uri().path();
    if path == "/relays" {
        let relays = relays.filter(|_| is_for_this_machine(request.headers()));
        let text = serde_json::to_string(&relays).unwrap_or_else(|_| "null".to_owned());
        return text_of(StatusCode::OK, "application/json", text);
    }
    let file = FILES.iter().find(|(name, ..)| *name == path);
    file.map_or_else(
        || {
            text_of(
                StatusCode::NOT_FOUND,
                "text/plain",
                format!("no page at {path}\n"),
            )
        },
        |(_, kind, content)| text_of(StatusCode::OK, kind, *content),
    )
}

/// Whether a request names this machine by a name that only this machine has.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| ["127.0.0.1", "localhost"].contains(&host.host()))
}

fn text_of(status: StatusCode, kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))
        .header(header::CACHE_CONTROL, "no-store")
        .body(body.into());
    answer.expect("the parts are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, host: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(path).header(header::HOST, host);
        let relays = Relays {
            websocket: 1,
            webtransport: 2,
        };
        let answer = answer(&request.body(()).unwrap(), Some(relays));
        let body = String::from_utf8(answer.body().to_vec()).unwrap();
        (answer.status(), body)
    }

    #[test]
    fn every_module_that_the_page_imports_is_served() {
        for (path, kind, content) in FILES.iter().filter(|(path, ..)| *path != "/trunkline.js") {
            for line in content.lines().filter(|line| line.starts_with("import ")) {
                let module = line.split('"').nth(1).unwrap();
                assert_eq!(
                    asked(module, "localhost").0,
                    StatusCode::OK,
                    "{path}: {line}"
                );
                assert_eq!(*kind, JAVASCRIPT);
            }
        }
        assert_eq!(asked("/other", "localhost").0, StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_relays_are_told_to_this_machine_alone() {
        let told = r#"{"websocket":1,"webtransport":2}"#;
        assert_eq!(asked("/relays", "127.0.0.1:3000").1, told);
        assert_eq!(asked("/relays", "localhost:3000").1, told);
        assert_eq!(asked("/relays", "192.0.2.1:3000").1, "null");
        assert_eq!(asked("/relays", "arena.example").1, "null");
    }
}
