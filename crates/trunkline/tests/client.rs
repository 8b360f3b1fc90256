//! The client and a real server, which crashes, or is left without a word.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use trunkline::client::{Client, Data, Dial as _, LossReason, Socket, State};
use trunkline::server::{self, Bind as _, BindConfig, DisconnectReason, EventName, Server};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// A server in a runtime of its own, which can therefore crash: nobody is told anything.
struct Crashing {
    address: SocketAddr,
    heard: UnboundedReceiver<String>,
    runtime: Option<Runtime>,
}

impl Crashing {
    async fn start(address: &str) -> Self {
        let (told, heard) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = address.to_owned();
        let starting = runtime.spawn(async move {
            let server = Server::builder()
                .resume_window(Duration::from_millis(300))
                .build();
            register(&server, &told);
            // On TCP alone: of UDP anybody may have the port by the time it is wanted back.
            let mut config = BindConfig::default();
            config.webtransport = None;
            let bound = server.bind_with(&*address, config).await.unwrap();
            let address = bound.local_addr();
            tokio::spawn(bound.serve());
            address
        });
        Self {
            address: starting.await.unwrap(),
            heard,
            runtime: Some(runtime),
        }
    }

    async fn hears(&mut self, expected: &str) {
        assert_eq!(soon(self.heard.recv()).await.unwrap(), expected);
    }

    /// Gone from one moment to the next, its port with it.
    async fn crash(mut self) -> SocketAddr {
        let runtime = self.runtime.take().unwrap();
        let gone = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(SOON));
        gone.await.unwrap();
        self.address
    }
}

impl Drop for Crashing {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What happens at the server is told to the test.
fn register(server: &Server, told: &UnboundedSender<String>) {
    let namespace = server.namespace("/");
    let any = told.clone();
    namespace.on("greet", |socket: server::Socket| async move {
        for number in 1..=3_u32 {
            socket.emit("tick", &number)?;
        }
        Ok::<_, server::Failure>(())
    });
    for event in ["join", "before", "between"] {
        let any = any.clone();
        namespace.on(event, move |event: EventName| async move {
            any.send(event.to_string()).unwrap();
        });
    }
    let detached = told.clone();
    namespace.on_detach(move || async move {
        detached.send("detached".to_owned()).unwrap();
    });
    let over = told.clone();
    namespace.on_disconnect(move |reason: DisconnectReason| async move {
        let ended = matches!(reason, DisconnectReason::SessionEnded { .. });
        let _ = over.send(format!("over, with its session: {ended}"));
    });
}

fn client(address: SocketAddr) -> Client {
    let wait = Duration::from_millis(20);
    let builder = Client::to(&format!("http://{address}")).back_off(wait, wait);
    builder.build().unwrap()
}

#[tokio::test]
async fn after_a_crash_the_hook_speaks_first_and_what_waited_follows() {
    let mut server = Crashing::start("127.0.0.1:0").await;
    let client = client(server.address);
    let socket = client.socket("/");
    let (lost, mut losses) = unbounded_channel();
    client.on_session_lost(move |loss| {
        lost.send(loss.reason).unwrap();
        async {}
    });
    socket.on_reattach(|socket: Socket| async move { socket.emit("join", ()).unwrap() });
    soon(socket.connect()).await.unwrap();
    socket.emit("before", ()).unwrap();
    server.hears("before").await;
    let mut state = client.state();
    let address = server.crash().await;
    let waits = |state: &State| matches!(state, State::Reconnecting { .. });
    soon(state.wait_for(waits)).await.unwrap();
    socket.emit("between", ()).unwrap();
    let mut server = Crashing::start(&address.to_string()).await;
    server.hears("join").await;
    server.hears("between").await;
    let reason = soon(losses.recv()).await.unwrap();
    assert!(matches!(reason, LossReason::NotResumed(_)), "{reason:?}");
    assert_eq!(client.stats().sessions_lost, 1);
    soon(client.close()).await;
}

#[tokio::test]
async fn an_aborted_client_is_a_cut_whose_session_ends_with_its_window() {
    let mut server = Crashing::start("127.0.0.1:0").await;
    let client = client(server.address);
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    // The server keeps the session of a client that has confirmed something.
    soon(socket.emit_with_ack::<(), _>("greet", ()))
        .await
        .unwrap();
    client.abort();
    server.hears("detached").await;
    server.hears("over, with its session: true").await;
}

#[tokio::test]
async fn events_of_a_real_server_are_read_as_a_stream_and_its_distance_is_measured() {
    let server = Crashing::start("127.0.0.1:0").await;
    let client = client(server.address);
    let socket = client.socket("/");
    let first = socket.next::<Data<u32>>("tick");
    soon(socket.connect()).await.unwrap();
    soon(socket.emit_with_ack::<(), _>("greet", ()))
        .await
        .unwrap();
    assert_eq!(soon(first).await.unwrap().0, 1);
    let mut ticks = socket.stream::<Data<u32>>("tick");
    soon(socket.emit_with_ack::<(), _>("greet", ()))
        .await
        .unwrap();
    for expected in 1..=3 {
        assert_eq!(soon(ticks.next()).await.unwrap().0, expected);
    }
    soon(socket.drained()).await;
    // The first PING went out with the connection, ahead of all that.
    assert!(client.round_trip().is_some());
    soon(client.close()).await;
}
