//! What is tried.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use trunkline::client::{Client, ConnectError, Dial, DialError, Proxy, Socket, State};

use crate::processes::{Place, free_port};

type Scenario<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// All scenarios, by name.
pub(crate) fn all(place: &Place) -> Vec<(&'static str, Scenario<'_>)> {
    vec![
        ("events go through an open proxy", Box::pin(open(place))),
        ("the right credentials are taken", Box::pin(right(place))),
        ("wrong credentials end the client", Box::pin(wrong(place))),
        (
            "missing credentials end the client",
            Box::pin(missing(place)),
        ),
        (
            "a port that is not let through ends it",
            Box::pin(closed_port(place)),
        ),
        (
            "a server that comes later is reached",
            Box::pin(later(place)),
        ),
        (
            "a session survives the proxy's restart",
            Box::pin(restart(place)),
        ),
    ]
}

const CREDENTIALS: &str = "BasicAuth ada s3cret";

fn client(port: u16, server: SocketAddr, user_info: &str) -> Result<Client, String> {
    let proxy = Proxy::new(&format!("http://{user_info}127.0.0.1:{port}"));
    Client::to(&format!("http://{server}"))
        .proxy(proxy.map_err(|error| error.to_string())?)
        .back_off(Duration::from_millis(50), Duration::from_millis(200))
        .build()
        .map_err(|error| error.to_string())
}

async fn connected(client: &Client) -> Result<Socket, String> {
    let socket = client.socket("/");
    let connected = socket.connect().await;
    connected.map_err(|error| format!("not connected: {error}"))?;
    Ok(socket)
}

async fn echoes(socket: &Socket, number: u32) -> Result<(), String> {
    match socket.emit_with_ack::<u32, _>("echo", &number).await {
        Ok(echo) if echo == number => Ok(()),
        other => Err(format!("{other:?} in place of {number}")),
    }
}

async fn open(place: &Place) -> Result<(), String> {
    let (server, port) = (place.server(0).await?, free_port()?);
    let proxy = place.proxy(port, "")?;
    let client = client(port, server.address, "")?;
    let socket = connected(&client).await?;
    for number in 0..100 {
        echoes(&socket, number).await?;
    }
    let log = proxy.log();
    let asked = format!("CONNECT {}", server.address);
    if !log.contains(&asked) {
        return Err(format!("`{asked}` is not in the proxy's log: {log}"));
    }
    Ok(())
}

async fn right(place: &Place) -> Result<(), String> {
    let (server, port) = (place.server(0).await?, free_port()?);
    let _proxy = place.proxy(port, CREDENTIALS)?;
    let client = client(port, server.address, "ada:s3cret@")?;
    echoes(&connected(&client).await?, 1).await
}

/// The status that the proxy ends the client with.
async fn refused(place: &Place, lines: &str, user_info: &str) -> Result<u16, String> {
    let (server, port) = (place.server(0).await?, free_port()?);
    let _proxy = place.proxy(port, lines)?;
    let client = client(port, server.address, user_info)?;
    let outcome = client.socket("/").connect().await;
    let shown = format!("{outcome:?} {:?} {client:?}", client.state().current());
    if shown.contains("s3cret") || shown.contains("guess") {
        return Err(format!("credentials show: {shown}"));
    }
    match outcome {
        Err(ConnectError::Dial(DialError::Proxy {
            status: Some(status),
            ..
        })) => Ok(status),
        _ => Err(shown),
    }
}

fn expect(status: u16, expected: u16) -> Result<(), String> {
    match status == expected {
        true => Ok(()),
        false => Err(format!("{status} in place of {expected}")),
    }
}

async fn wrong(place: &Place) -> Result<(), String> {
    // Others say 407 to this too.
    expect(refused(place, CREDENTIALS, "ada:guess@").await?, 401)
}

async fn missing(place: &Place) -> Result<(), String> {
    expect(refused(place, CREDENTIALS, "").await?, 407)
}

async fn closed_port(place: &Place) -> Result<(), String> {
    expect(refused(place, "ConnectPort 443", "").await?, 403)
}

async fn later(place: &Place) -> Result<(), String> {
    let (server_port, port) = (free_port()?, free_port()?);
    let _proxy = place.proxy(port, "")?;
    let client = client(port, SocketAddr::from(([127, 0, 0, 1], server_port)), "")?;
    let mut state = client.state();
    let through_proxy = |state: &State| matches!(state, State::Reconnecting { cause, .. } if cause.contains("answers 5"));
    let come = async {
        // The proxy has said that the server is not there.
        state
            .wait_for(through_proxy)
            .await
            .ok_or("the client is gone")?;
        place.server(server_port).await
    };
    let (socket, server) = tokio::join!(connected(&client), come);
    let _server = server?;
    echoes(&socket?, 1).await
}

async fn restart(place: &Place) -> Result<(), String> {
    let (server, port) = (place.server(0).await?, free_port()?);
    let proxy = place.proxy(port, "")?;
    let client = client(port, server.address, "")?;
    let socket = connected(&client).await?;
    echoes(&socket, 0).await?;
    let mut state = client.state();
    let cut = |state: &State| matches!(state, State::Reconnecting { .. });
    proxy.end().await?;
    state.wait_for(cut).await.ok_or("the client is gone")?;
    let waiting = async {
        for number in 1..20 {
            echoes(&socket, number).await?;
        }
        Ok::<_, String>(())
    };
    let back = async {
        let unreachable = |state: &State| matches!(state, State::Reconnecting { cause, .. } if cause.contains("cannot be reached"));
        state
            .wait_for(unreachable)
            .await
            .ok_or("the client is gone")?;
        place.proxy(port, "")
    };
    let (echoed, proxy) = tokio::join!(waiting, back);
    let _proxy = proxy?;
    echoed?;
    match client.stats() {
        stats if (stats.resumed, stats.sessions_lost) == (1, 0) => Ok(()),
        stats => Err(format!("the session was not resumed once: {stats:?}")),
    }
}
