//! What an operator reads off a server.

use std::error::Error;
use std::time::Duration;

use trunkline::client::{Client, State};
use trunkline::protocol::Encoding;
use trunkline::server::{
    Admission, Code, Credentials, Data, Failure, FigureKind, Server, Socket, Stats,
};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

fn house() -> Server {
    let server = Server::builder().ignorable_frames(false).build();
    let namespace = server.namespace("/");
    namespace.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        socket.join(socket.id())?;
        Ok::<_, Failure>(())
    });
    namespace.on(
        "say",
        |socket: Socket, Data(line): Data<String>| async move {
            socket.within("lobby").emit("said", &line)?;
            socket.volatile().emit("seen", ())?;
            Ok::<_, Failure>(line.len())
        },
    );
    namespace.on("panic", panics);
    namespace.on("fail", || async {
        let number = "no number".parse::<u32>()?;
        Ok::<_, Failure>(number)
    });
    namespace.on("refuse", || async {
        Err::<(), _>(Failure::new(4001, "no"))
    });
    server
}

async fn panics() {
    panic!("asked to");
}

async fn enter(net: &Net) -> std::result::Result<Client, Box<dyn Error>> {
    let client = net.client().ignorable_frames(false).build()?;
    client.socket("/").connect().await?;
    Ok(client)
}

async fn say(client: &Client, line: &str) -> Result {
    let _: usize = client.socket("/").emit_with_ack("say", line).await?;
    Ok(())
}

/// Waits until the server's tasks have seen to something.
async fn until(server: &Server, is_so: impl Fn(&Stats) -> bool) -> Stats {
    loop {
        let stats = server.stats();
        if is_so(&stats) {
            return stats;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_answers_and_bytes_are_counted_in_both_directions() -> Result {
    let server = house();
    let net = Net::new(&server);
    let (ada, bob) = (enter(&net).await?, enter(&net).await?);
    let before = server.stats();
    for client in [&ada, &bob, &ada] {
        say(client, "hello").await?;
    }
    let stats = server.stats();
    assert_eq!(stats.received.events, 3);
    assert_eq!(stats.sent.events, 6, "each of them to two members");
    assert_eq!((stats.sent.answers, stats.sent.best_effort), (3, 3));
    assert_eq!((stats.received.answers, stats.received.best_effort), (0, 0));
    let sent = stats.sent.bytes - before.sent.bytes;
    let received = stats.received.bytes - before.received.bytes;
    assert!(sent > 6 * 12 && received > 3 * 10, "{sent} {received}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_sessions_hold_is_told_with_those_that_wait_to_be_resumed() -> Result {
    let server = house();
    let net = Net::new(&server);
    let (ada, _bob) = (enter(&net).await?, enter(&net).await?);
    say(&ada, "hello").await?;
    let stats = server.stats();
    assert_eq!((stats.sessions, stats.sessions_attached), (2, 2));
    assert_eq!((stats.sockets, stats.rooms), (2, 3));
    net.refuse_dials();
    net.cut();
    let stats = until(&server, |stats| stats.sessions_attached == 0).await;
    assert_eq!((stats.sessions, stats.sockets, stats.rooms), (2, 2, 3));
    server
        .namespace("/")
        .emit("news", &"x".repeat(1000))
        .unwrap();
    let kept = server.stats();
    assert!(kept.kept_bytes > stats.kept_bytes + 2000, "{kept:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn connections_and_resumes_are_counted_by_how_they_ended() -> Result {
    let server = house();
    let net = Net::new(&server);
    let client = enter(&net).await?;
    say(&client, "hello").await?;
    net.cut();
    let resumed = |state: &State| matches!(state, State::Connected { resumed: true, .. });
    client.state().wait_for(resumed).await;
    client.close().await;
    let stats = until(&server, |stats| stats.sessions == 0).await;
    assert_eq!((stats.sessions_begun, stats.resumes), (1, 1));
    assert_eq!(stats.connections_opened, 2);
    let closed = [(Code::NORMAL, 1), (Code::ABNORMAL, 1)];
    assert_eq!(stats.connections_closed, closed);
    assert_eq!(stats.connections_refused, []);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_by_code_and_by_reason() -> Result {
    let server = Server::builder()
        .resume_window(Duration::from_secs(30))
        .authenticate(|credentials: Credentials| async move {
            match credentials.handshake().encoding() {
                Encoding::Json => Err(Failure::new(4001, "not in this")),
                Encoding::MessagePack => Ok(Admission::anyone()),
            }
        })
        .build();
    let _ = server.namespace("/");
    let net = Net::new(&server);
    let refused = net.client().encoding(Encoding::Json).build()?;
    assert!(refused.socket("/").connect().await.is_err());
    let client = enter(&net).await?;
    tokio::time::sleep(Duration::from_secs(1)).await; // tidy: allow sleep: virtual time, for a receipt
    net.refuse_dials();
    net.cut();
    until(&server, |stats| stats.sessions_attached == 0).await;
    tokio::time::sleep(Duration::from_secs(40)).await; // tidy: allow sleep: virtual time beyond the resume window
    assert_eq!(server.stats().sessions, 0);
    net.heal();
    client.probe();
    let fresh = |state: &State| matches!(state, State::Connected { resumed: false, .. });
    client.state().wait_for(fresh).await;
    let stats = server.stats();
    assert_eq!(stats.connections_refused, [(Code::new(4001), 1)]);
    let expired = stats.resumes_refused.iter().find(|(_, count)| *count > 0);
    assert_eq!(expired, Some(&("expired", 1)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_counter_goes_down_when_sessions_end() -> Result {
    let server = house();
    let net = Net::new(&server);
    let mut before = server.stats().figures();
    let mut rise = |server: &Server| {
        let now = server.stats().figures();
        for figure in before.iter().filter(|old| old.kind == FigureKind::Counter) {
            let same = |new: &&_| {
                let new: &trunkline::server::Figure = new;
                (new.name, &new.label) == (figure.name, &figure.label)
            };
            let value = now.iter().find(same).map_or(0, |new| new.value);
            assert!(value >= figure.value, "{figure:?} became {value}");
        }
        before = now;
    };
    for _ in 0..5 {
        let client = enter(&net).await?;
        say(&client, "hello").await?;
        rise(&server);
        net.cut();
        say(&client, "again").await?;
        rise(&server);
        client.close().await;
        until(&server, |stats| stats.sessions == 0).await;
        rise(&server);
    }
    let stats = server.stats();
    assert_eq!((stats.received.events, stats.sent.answers), (10, 10));
    assert!(stats.sent.bytes > 1000, "{stats:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn handlers_that_panic_or_fail_are_counted_and_refusals_are_not() -> Result {
    let server = house();
    let net = Net::new(&server);
    let client = enter(&net).await?;
    for event in ["panic", "fail", "fail", "refuse"] {
        let answer = client.socket("/").emit_with_ack(event, ()).await;
        let answer: std::result::Result<u32, _> = answer;
        assert!(answer.is_err());
    }
    let stats = server.stats();
    assert_eq!((stats.handlers_panicked, stats.handlers_failed), (1, 2));
    Ok(())
}
