//! The network of users' tests, as such a test meets it.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use trunkline::client::{Client, ConnectError, Data, Datagrams, Socket, State};
use trunkline::protocol::Encoding;
use trunkline::server::{self, Admission, Credentials, Failure, PeerAddress, Server};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

/// Everybody is in one room, and hears what anybody says.
fn chat() -> Server {
    let server = Server::new();
    let namespace = server.namespace("/");
    namespace.on_connect(|socket: server::Socket| async move {
        socket.join("lobby")?;
        Ok::<_, Failure>(())
    });
    namespace.on(
        "say",
        |socket: server::Socket, Data(line): Data<String>| async move {
            socket.within("lobby").emit("said", &line)?;
            Ok::<_, Failure>(line.len())
        },
    );
    server
}

/// A client's socket on its way in, and what it will hear.
fn guest(client: &Client) -> (Socket, UnboundedReceiver<String>) {
    let (heard, hears) = unbounded_channel();
    let socket = client.socket("/");
    socket.on("said", move |Data(line): Data<String>| {
        let heard = heard.clone();
        async move {
            // The test may have heard enough.
            let _ = heard.send(line);
        }
    });
    (socket, hears)
}

async fn say(socket: &Socket, line: &str) -> Result {
    let _: usize = socket
        .emit_with_ack("say", line)
        .timeout(Duration::from_secs(600))
        .await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn several_clients_share_one_server_in_both_encodings() -> Result {
    let net = Net::new(&chat());
    let ada = net.client().build()?;
    let bob = net.client().encoding(Encoding::Json).build()?;
    let (adas, mut ada_hears) = guest(&ada);
    let (bobs, mut bob_hears) = guest(&bob);
    adas.connect().await?;
    bobs.connect().await?;
    say(&adas, "one").await?;
    say(&bobs, "two").await?;
    for hears in [&mut ada_hears, &mut bob_hears] {
        assert_eq!(hears.recv().await.as_deref(), Some("one"));
        assert_eq!(hears.recv().await.as_deref(), Some("two"));
    }
    assert_eq!((net.connections(), net.dials()), (2, 2));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_around_a_cut_arrives_once() -> Result {
    let net = Net::new(&chat());
    let client = net.client().build()?;
    let (socket, mut hears) = guest(&client);
    socket.connect().await?;
    let mut state = client.state();
    for round in 0..20_u32 {
        socket.emit("say", &round.to_string())?;
        net.cut();
        assert_eq!(hears.recv().await, Some(round.to_string()));
    }
    say(&socket, "the last").await?;
    assert_eq!(hears.recv().await.as_deref(), Some("the last"));
    assert!(hears.try_recv().is_err());
    assert!(matches!(
        state.current(),
        State::Connected { resumed: true, .. }
    ));
    assert_eq!(net.connections(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_network_to_the_same_server_is_not_cut_along() -> Result {
    let server = chat();
    let (here, there) = (Net::new(&server), Net::new(&server));
    let (ada, bob) = (here.client().build()?, there.client().build()?);
    let (adas, _) = guest(&ada);
    let (bobs, _) = guest(&bob);
    adas.connect().await?;
    bobs.connect().await?;
    here.cut();
    say(&adas, "back").await?;
    assert_eq!((here.dials(), there.dials()), (2, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_noticed_by_heartbeats_alone_and_heals() -> Result {
    let net = Net::new(&chat());
    let client = net.client().build()?;
    let (socket, mut hears) = guest(&client);
    socket.connect().await?;
    let mut state = client.state();
    net.black_hole();
    socket.emit("say", "into the dark")?;
    let since = Instant::now();
    let is_down = |state: &State| matches!(state, State::Reconnecting { .. });
    state.wait_for(is_down).await;
    // The server asks every 25 s and waits 20 s for its answer; so long it may be silent.
    assert!(since.elapsed() > Duration::from_secs(40));
    assert!(hears.try_recv().is_err());
    net.heal();
    assert_eq!(hears.recv().await.as_deref(), Some("into the dark"));
    assert!(matches!(
        state.current(),
        State::Connected { resumed: true, .. }
    ));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_that_heals_in_time_ends_no_connection() -> Result {
    let net = Net::new(&chat());
    let client = net.client().build()?;
    let (socket, mut hears) = guest(&client);
    socket.connect().await?;
    net.black_hole();
    socket.emit("say", "later")?;
    tokio::time::sleep(Duration::from_secs(5)).await; // tidy: allow sleep: virtual time that passes in the hole
    assert!(hears.try_recv().is_err());
    net.heal();
    assert_eq!(hears.recv().await.as_deref(), Some("later"));
    assert_eq!(net.dials(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_does_not_learn_through_a_black_hole_that_the_client_is_gone() -> Result {
    let server = chat();
    let net = Net::new(&server);
    let client = net.client().build()?;
    let (socket, _) = guest(&client);
    socket.connect().await?;
    say(&socket, "here").await?;
    net.black_hole();
    client.close().await;
    drop((socket, client));
    server
        .namespace("/")
        .emit("said", "is anybody there?")
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await; // tidy: allow sleep: virtual time that passes in the hole
    assert_eq!(server.stats().sessions_attached, 1);
    net.heal();
    while server.stats().sessions > 0 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refused_dials_are_tried_again_until_they_are_not() -> Result {
    let net = Net::new(&chat());
    net.refuse_dials();
    let client = net.client().build()?;
    let (socket, _) = guest(&client);
    let connecting = tokio::spawn(async move { socket.connect().await.map(|_| ()) });
    let mut state = client.state();
    let is_third = |state: &State| matches!(state, State::Reconnecting { attempt: 3, .. });
    state.wait_for(is_third).await;
    net.heal();
    connecting.await??;
    assert_eq!(net.dials(), 4);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dial_into_a_black_hole_runs_into_its_time_out() -> Result {
    let net = Net::new(&chat());
    net.black_hole();
    let client = net.client().attempts_max(1).build()?;
    let since = Instant::now();
    let refused = client.socket("/").connect().await;
    assert!(matches!(refused, Err(ConnectError::GaveUp { .. })));
    assert_eq!(since.elapsed(), trunkline::client::DIAL_TIMEOUT);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_takes_its_time_and_keeps_the_order() -> Result {
    let net = Net::new(&chat());
    net.set_delay(Duration::from_millis(200));
    let client = net.client().build()?;
    let (socket, mut hears) = guest(&client);
    let since = Instant::now();
    socket.connect().await?;
    // A round trip for the dial, one for HELLO with CONNECT.
    assert_eq!(since.elapsed(), Duration::from_millis(800));
    net.set_bandwidth(Some(10_000));
    let since = Instant::now();
    let long = "x".repeat(500_000);
    socket.emit("say", &long)?;
    say(&socket, "short").await?;
    let took = since.elapsed();
    // Half a megabyte there; what comes back is behind as much.
    assert!((50..=101).contains(&took.as_secs()), "{took:?}");
    assert_eq!(hears.recv().await, Some(long));
    assert_eq!(hears.recv().await.as_deref(), Some("short"));
    assert_eq!(net.dials(), 1, "a long message is a sign of life");
    Ok(())
}

/// A server that sends each position back as the latest of its player, and says when it is asked.
fn positions() -> Server {
    let server = Server::new();
    let game = server.namespace("/");
    game.on(
        "at",
        |socket: server::Socket, Data(at): Data<String>| async move {
            socket.latest("me").emit("at", &at)?;
            Ok::<_, Failure>(())
        },
    );
    game.on("sync", || async {});
    server
}

#[tokio::test(start_paused = true)]
async fn datagrams_of_the_link_s_own_arrive_after_its_delay_or_are_lost() -> Result {
    let net = Net::new(&positions());
    net.set_datagrams(Some(200));
    net.set_delay(Duration::from_millis(30));
    let client = net.client().build()?;
    let (heard, mut hears) = unbounded_channel();
    let socket = client.socket("/");
    socket.on("at", move |Data(at): Data<String>| {
        let heard = heard.clone();
        async move { heard.send((at, Instant::now())).unwrap() }
    });
    socket.connect().await?;
    let transport = client.transport().current().ok_or("not connected")?;
    assert_eq!(transport.datagrams, Datagrams::Native);

    let since = Instant::now();
    socket.latest("me").emit("at", "here")?;
    let (at, then) = hears.recv().await.ok_or("no more")?;
    assert_eq!((&*at, then - since), ("here", Duration::from_millis(60)));
    let too_large = socket.datagram().emit("at", "x".repeat(300).as_str());
    let error = too_large.err().ok_or("taken")?.to_string();
    assert!(error.contains("200"), "{error}");

    net.lose_datagrams(true);
    socket.latest("me").emit("at", "nowhere")?;
    let _: () = socket.emit_with_ack("sync", ()).await?;
    net.lose_datagrams(false);
    socket.latest("me").emit("at", "there")?;
    assert_eq!(hears.recv().await.ok_or("no more")?.0, "there");

    net.black_hole();
    socket.latest("me").emit("at", "nowhere")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    net.heal();
    socket.latest("me").emit("at", "home")?;
    assert_eq!(hears.recv().await.ok_or("no more")?.0, "home");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn hooks_see_the_address_the_query_and_the_headers_of_a_client() -> Result {
    let server = Server::builder()
        .authenticate(|credentials: Credentials| async move {
            assert_eq!(credentials.query("ticket").as_deref(), Some("7"));
            assert_eq!(credentials.headers()["x-test"], "yes");
            Ok(Admission::anyone())
        })
        .build();
    server
        .namespace("/")
        .on("whence", |PeerAddress(peer): PeerAddress| async move {
            Ok::<_, Failure>(peer.map(|peer| peer.to_string()))
        });
    let net = Net::new(&server);
    let peer: SocketAddr = "192.0.2.7:4000".parse()?;
    net.set_peer(Some(peer));
    let client = Client::builder("https://example.org/?ticket=7")
        .dialer(net.dialer())
        .header("x-test".parse()?, "yes".parse()?)
        .build()?;
    let socket = client.socket("/");
    socket.connect().await?;
    let whence: Option<String> = socket.emit_with_ack("whence", ()).await?;
    assert_eq!(whence, Some(peer.to_string()));
    Ok(())
}
