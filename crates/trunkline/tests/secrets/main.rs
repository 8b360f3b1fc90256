//! No token, ticket or session secret gets into a log: of a whole run, with everything logged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod log;
mod relay;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use tokio::sync::Notify;
use trunkline::client::{
    Builder, Client, Credentials as Offer, CredentialsError, Dial, DialConfig, Encoding, Occasion,
    State, Trust,
};
use trunkline::server::{
    Admission, Bind, Certificate, Credentials, Data, Failure, HttpRefusal, ListenerConfig,
    Principal, Secret, Server, Tickets,
};

use crate::relay::Relay;

/// What must not be found; each tells where it was.
const SECRETS: [&str; 8] = [
    "hello-t0ken",
    "connect-t0ken",
    "refresh-t0ken",
    "bearer-t0ken",
    "cookie-t0ken",
    "wrong-t0ken",
    "url-t0ken",
    "callback-t0ken",
];

/// So long that a client is asked for fresh credentials while a run goes on, halfway, and has time to give
/// them on a busy machine.
const VALID_FOR: Duration = Duration::from_secs(6);

/// A server that takes a ticket, a bearer token and a token in HELLO, for a short while.
fn server(tickets: &Tickets, refreshed: &Arc<Notify>) -> Server {
    let (tickets, refreshed) = (tickets.clone(), Arc::clone(refreshed));
    let builder = Server::builder()
        .before_upgrade(
            |request| match request.headers.contains_key(AUTHORIZATION) {
                true => Ok(()),
                false => Err(HttpRefusal::unauthorized("a token is missing")),
            },
        )
        .authenticate(move |credentials: Credentials| {
            let (tickets, refreshed) = (tickets.clone(), Arc::clone(&refreshed));
            async move {
                let token: String = credentials.decode()?;
                if token == "wrong-t0ken" {
                    return Err(Failure::unauthorized("no such token"));
                }
                if credentials.is_refresh() {
                    assert_eq!(token, "refresh-t0ken");
                    refreshed.notify_one();
                } else {
                    assert_eq!(credentials.bearer(), Some("bearer-t0ken"));
                    tickets.redeem_from(&credentials).await?;
                    assert_eq!(credentials.cookie("session"), Some("cookie-t0ken"));
                }
                let ada = Principal::with("ada", token);
                Ok(Admission::of(ada).valid_for(VALID_FOR))
            }
        });
    let server = builder.tap(|frame| log::keep(frame)).build();
    let chat = server.namespace("/");
    chat.authorize(|Data(token): Data<String>| async move {
        let is_known = token == "connect-t0ken";
        is_known
            .then_some(())
            .ok_or_else(|| Failure::unauthorized("no such token"))
    });
    chat.on("echo", |Data(word): Data<String>| async move { Ok(word) });
    server
}

/// Credentials that hold a fresh ticket for each dial, whose texts are kept.
fn offering(builder: Builder, tickets: &Tickets, issued: &log::Found) -> Builder {
    let (tickets, issued) = (tickets.clone(), issued.clone());
    builder.credentials(move |occasion| {
        let (tickets, issued) = (tickets.clone(), issued.clone());
        async move {
            if occasion != Occasion::Dial {
                return Ok(Offer::new().auth("refresh-t0ken")?);
            }
            let ticket: Secret = tickets.issue("ada").await?;
            issued.push(ticket.expose());
            Ok(Offer::new()
                .auth("hello-t0ken")?
                .query("ticket", ticket.expose())
                .header(
                    AUTHORIZATION,
                    HeaderValue::from_static("Bearer bearer-t0ken"),
                ))
        }
    })
}

/// A client that is refused: by its status, its token, or its own callback.
async fn is_refused(builder: Builder) {
    let client = builder.attempts_max(2).build().unwrap();
    client.socket("/").connect().await.unwrap_err();
    client.close().await;
}

#[derive(Debug, thiserror::Error)]
#[error("GET https://login.example/?token=callback-t0ken failed")]
struct Leaky;

async fn is_refused_in_every_way(relay: &Relay, replayed: &str) {
    let bare = format!("http://{}", relay.address);
    is_refused(Client::to(&bare).auth("wrong-t0ken")).await;
    let bearer = HeaderValue::from_static("Bearer bearer-t0ken");
    is_refused(
        Client::to(&bare)
            .auth("wrong-t0ken")
            .header(AUTHORIZATION, bearer),
    )
    .await;
    let failing = Client::to(&bare).credentials(|_| async { Err(Leaky)? });
    is_refused(failing.back_off(Duration::ZERO, Duration::ZERO)).await;
    let leaky = || CredentialsError::give_up(Leaky);
    is_refused(Client::to(&bare).credentials(move |_| async move { Err(leaky()) })).await;
    let with_password = format!("http://ada:url-t0ken@{}", relay.address);
    is_refused(Client::to(&with_password)).await;
    is_refused(
        Client::to(&format!("{bare}/trunkline?ticket={replayed}"))
            .header(
                AUTHORIZATION,
                HeaderValue::from_static("Bearer bearer-t0ken"),
            )
            .auth("hello-t0ken"),
    )
    .await;
}

/// How a run's clients talk to the server.
#[derive(Clone, Copy, Debug)]
struct Way {
    encoding: Encoding,
    tls: bool,
}

const WAYS: [Way; 3] = [
    Way {
        encoding: Encoding::Json,
        tls: false,
    },
    Way {
        encoding: Encoding::MessagePack,
        tls: false,
    },
    Way {
        encoding: Encoding::MessagePack,
        tls: true,
    },
];

#[tokio::test]
async fn a_run_with_everything_logged_and_tapped_shows_no_token_no_ticket_and_no_secret() {
    log::capture();
    for way in WAYS {
        let (issued, secrets) = run(way).await;
        let session_secrets = if way.tls { 0 } else { 1 };
        assert_eq!(
            (issued.len(), secrets.len()),
            (2, session_secrets),
            "the run was another: {way:?}"
        );
        let written = log::written();
        for expected in [
            "dialling",
            "connection refused",
            "no credentials",
            "TRACE",
            "\"secret\":\"***\"",
        ] {
            assert!(
                written.contains(expected),
                "nothing of {expected:?} was logged"
            );
        }
        let forbidden = SECRETS.iter().map(ToString::to_string);
        for secret in forbidden.chain(issued).chain(secrets) {
            let line = written.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret:?} was logged: {way:?}");
        }
    }
}

/// Connects, is refreshed, cut, resumed and refused; gives the tickets and the session secrets there were.
async fn run(way: Way) -> (Vec<String>, Vec<String>) {
    let (tickets, issued) = (Tickets::default(), log::Found::default());
    let refreshed = Arc::new(Notify::new());
    let server = server(&tickets, &refreshed);
    let certificate = Certificate::self_signed(["localhost"]).unwrap();
    let config = ListenerConfig {
        certificate: way.tls.then(|| certificate.clone()),
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    let relay = Relay::to(bound.local_addr()).await;
    tokio::spawn(bound.serve());

    let scheme = if way.tls { "https" } else { "http" };
    let port = relay.address.port();
    let url = format!("{scheme}://localhost:{port}/trunkline?also=url-t0ken");
    let trust = Trust::nobody().with_certificate(&certificate);
    let config = DialConfig {
        trust,
        ..DialConfig::default()
    };
    let client = Client::to_with(&url, config);
    // As a page of the server's own host would come.
    let origin = format!("{scheme}://localhost:{port}");
    let client = client
        .header(ORIGIN, HeaderValue::try_from(origin).unwrap())
        .header(COOKIE, HeaderValue::from_static("session=cookie-t0ken"));
    let client = client.encoding(way.encoding).tap(|frame| log::keep(frame));
    let client = offering(client, &tickets, &issued).build().unwrap();
    let socket = client.socket("/");
    socket.set_auth("connect-t0ken").unwrap();
    socket.connect().await.unwrap();
    refreshed.notified().await;
    let echo: String = socket.emit_with_ack("echo", "one").await.unwrap();
    assert_eq!(echo, "one");
    relay.cut();
    let is_resumed = |state: &State| matches!(state, State::Connected { resumed: true, .. });
    client.state().wait_for(is_resumed).await.unwrap();
    let echo: String = socket.emit_with_ack("echo", "two").await.unwrap();
    assert_eq!(echo, "two");

    is_refused_in_every_way(&relay, &issued.all()[0]).await;
    client.close().await;
    (issued.all(), relay.session_secrets())
}

/// What was asserted above can be seen: a line that holds a secret is found.
#[test]
fn a_line_that_holds_a_secret_would_be_found() {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    log::capture();
    let canary = format!("canary-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    tracing::trace!(target: "anything", %canary, "on purpose");
    assert!(log::written().contains(&canary));
}
