//! What a tap shows, on both sides.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline::client::{Client, State};
use trunkline::protocol::Encoding;
use trunkline::server::{
    Admission, Data, Direction, Failure, Server, Socket, TAP_TEXT_MAX, TappedFrame,
};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

/// What a tap has shown: the direction, the kind, the line.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Direction, String, String)>>>);

impl Seen {
    fn tap(&self) -> impl Fn(&TappedFrame<'_>) + Send + Sync + 'static {
        let seen = self.clone();
        move |frame| {
            let kind = frame.kind.map_or("-".to_owned(), |kind| kind.to_string());
            let line = frame.to_string();
            assert!(!line.contains('\n'), "{line}");
            seen.locked().push((frame.direction, kind, line));
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<(Direction, String, String)>> {
        self.0.lock().expect("whoever holds it does not panic")
    }

    fn lines(&self) -> Vec<(Direction, String, String)> {
        self.locked().clone()
    }

    fn kinds(&self, wanted: Direction) -> Vec<String> {
        let lines = self.lines().into_iter();
        let kinds = lines.filter(|(direction, ..)| *direction == wanted);
        kinds.map(|(_, kind, _)| kind).collect()
    }
}

fn server(builder: trunkline::server::Builder) -> Server {
    let server = builder.ignorable_frames(false).build();
    let namespace = server.namespace("/");
    namespace.on(
        "say",
        |socket: Socket, Data(line): Data<String>| async move {
            socket.volatile().emit("heard", &line)?;
            Ok::<_, Failure>(line.len())
        },
    );
    server
}

async fn converse(client: &Client, line: &str) -> Result {
    let socket = client.socket("/");
    socket.set_auth(&"s3cret of the namespace")?;
    socket.connect().await?;
    let _: usize = socket.emit_with_ack("say", line).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_side_shows_what_the_other_one_shows_and_no_secret() -> Result {
    for encoding in Encoding::ALL {
        let (here, there) = (Seen::default(), Seen::default());
        let server = server(Server::builder().tap(there.tap()));
        let net = Net::new(&server);
        let client = Client::builder("https://example.org?ticket=s3cret")
            .dialer(net.dialer())
            .ignorable_frames(false)
            .encoding(encoding)
            .auth("s3cret of the session")
            .tap(here.tap())
            .build()?;
        converse(&client, "hello").await?;
        net.cut();
        let resumed = |state: &State| matches!(state, State::Connected { resumed: true, .. });
        client.state().wait_for(resumed).await;
        converse(&client, "again").await?;
        client.close().await;
        while net.connections() > 0 {
            tokio::task::yield_now().await;
        }
        let sent = here.kinds(Direction::Out);
        assert_eq!(sent, there.kinds(Direction::In), "{encoding:?}");
        assert_eq!(here.kinds(Direction::In), there.kinds(Direction::Out));
        for kind in ["HELLO", "CONNECT", "EVENT", "PING", "CLOSE"] {
            assert!(sent.iter().any(|sent| sent == kind), "{kind}: {sent:?}");
        }
        let received = here.kinds(Direction::In);
        for kind in ["WELCOME", "CONNECTED", "DATAGRAM", "ACK", "PONG"] {
            assert!(
                received.iter().any(|received| received == kind),
                "{kind}: {received:?}"
            );
        }
        let lines = [here.lines(), there.lines()].concat();
        assert!(
            lines
                .iter()
                .any(|(.., line)| line.contains(r#""say",["hello"]]"#))
        );
        // What a session was told to keep is shown by neither side, nor when it is offered.
        let secrets = ["s3cret", r#""secret":"#].map(|text| {
            let bare = |line: &&str| line.replace(r#""secret":"***""#, "").contains(text);
            lines.iter().map(|(.., line)| line.as_str()).find(bare)
        });
        assert_eq!(secrets, [None, None]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn lines_name_the_connection_the_session_and_the_way() -> Result {
    let there = Seen::default();
    let net = Net::new(&server(Server::builder().tap(there.tap())));
    let client = net.client().ignorable_frames(false).build()?;
    converse(&client, "hello").await?;
    let lines = there.lines();
    assert!(
        lines[0].2.starts_with("#1 in  - HELLO [0,{"),
        "{}",
        lines[0].2
    );
    let connected = lines.iter().find(|(_, kind, _)| kind == "CONNECTED");
    let (_, _, line) = connected.unwrap();
    let session = line.strip_prefix("#1 out ").unwrap();
    assert_eq!(session.find(' '), Some(22), "{line}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_from_elsewhere_is_shown_before_anything_arrives() -> Result {
    let there = Seen::default();
    let server = server(Server::builder().tap(there.tap()));
    let net = Net::new(&server);
    let client = net.client().build()?;
    converse(&client, "hello").await?;
    net.black_hole();
    server.namespace("/").emit("news", ()).unwrap();
    // Time stands still meanwhile: no heartbeat comes to its aid.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let lines = there.lines();
    assert!(lines.iter().any(|(.., line)| line.contains("news")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_long_frame_is_cut_and_its_length_told() -> Result {
    let there = Seen::default();
    let net = Net::new(&server(Server::builder().tap(there.tap())));
    let client = net.client().build()?;
    converse(&client, &"ä".repeat(100_000)).await?;
    let longest = there.lines().into_iter().map(|(.., line)| line);
    let longest = longest.max_by_key(String::len).unwrap();
    assert!(longest.len() < TAP_TEXT_MAX + 100, "{}", longest.len());
    assert!(longest.ends_with(" bytes more)"), "{longest}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_shown_with_its_close() -> Result {
    let there = Seen::default();
    let builder = Server::builder()
        .tap(there.tap())
        .authenticate(|_| async { Err::<Admission, _>(Failure::new(4001, "not you")) });
    let net = Net::new(&server(builder));
    let client = net.client().attempts_max(1).build()?;
    assert!(client.socket("/").connect().await.is_err());
    assert_eq!(there.kinds(Direction::In)[0], "HELLO");
    assert_eq!(there.kinds(Direction::Out), ["CLOSE"]);
    let lines = there.lines();
    let close = lines.iter().find(|(_, kind, _)| kind == "CLOSE");
    assert!(close.unwrap().2.contains("not you"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_panics_harms_nobody() -> Result {
    let net = Net::new(&server(Server::builder().tap(|_| panic!("asked to"))));
    let client = net.client().build()?;
    converse(&client, "hello").await?;
    assert_eq!(net.dials(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_tap_may_use_the_server_it_is_on() -> Result {
    let known: Arc<Mutex<Option<Server>>> = Arc::default();
    let looked = Arc::new(Mutex::new(0));
    let (late, looks) = (Arc::clone(&known), Arc::clone(&looked));
    let server = server(Server::builder().tap(move |_| {
        let server = late.lock().unwrap().clone();
        if let Some(server) = server {
            let _ = server.stats();
            *looks.lock().unwrap() += 1;
        }
    }));
    *known.lock().unwrap() = Some(server.clone());
    let net = Net::new(&server);
    let client = net.client().build()?;
    converse(&client, "hello").await?;
    tokio::time::timeout(Duration::from_secs(1), client.close()).await?;
    assert!(*looked.lock().unwrap() > 4);
    // The tap holds the server, and the server the tap.
    *known.lock().unwrap() = None;
    Ok(())
}
