//! The hook on requests, ahead of any connection.

use http::{HeaderMap, Method, Uri};
use trunkline_server::{HttpRefusal, Server, UpgradeRequest};

fn status(server: &Server, uri: &'static str) -> Option<u16> {
    let request = UpgradeRequest {
        method: &Method::GET,
        uri: &Uri::from_static(uri),
        headers: &HeaderMap::new(),
        peer: None,
    };
    let refused = server.judge_upgrade(&request).err();
    refused.map(|refusal| refusal.status().as_u16())
}

#[test]
fn a_request_is_refused_with_the_status_that_the_hook_says() {
    let builder = Server::builder().before_upgrade(|request| match request.uri.query() {
        Some("ticket=7") => Ok(()),
        Some(_) => Err(HttpRefusal::forbidden("not with this ticket")),
        None => Err(HttpRefusal::unauthorized("a ticket is missing")),
    });
    let server = builder.build();
    assert_eq!(status(&server, "/trunkline?ticket=7"), None);
    assert_eq!(status(&server, "/trunkline?ticket=8"), Some(403));
    assert_eq!(status(&server, "/trunkline"), Some(401));
    assert_eq!(server.stats().upgrades_refused, 2);
}

#[test]
fn without_a_hook_no_request_is_refused() {
    assert_eq!(status(&Server::new(), "/trunkline"), None);
}
