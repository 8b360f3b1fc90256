//! A client that sends faster than the server allows, and what becomes of what it sent.

use std::error::Error;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use trunkline::client::{Args, Client, Data, State};
use trunkline::server::{Ack, Failure, FloodLimits, Rate, Server, Socket};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

/// Takes numbers, and gives each back; and what it took.
fn counting(limits: FloodLimits) -> (Server, UnboundedReceiver<u64>) {
    let (took, taken) = unbounded_channel();
    let server = Server::builder().flood_limits(limits).build();
    let namespace = server.namespace("/");
    namespace.on("number", move |socket: Socket, Data(number): Data<u64>| {
        // The test may have seen enough.
        let _ = took.send(number);
        async move {
            socket.emit("back", &number)?;
            Ok::<_, Failure>(number)
        }
    });
    namespace.on("echo", |Data(number): Data<u64>| async move { Ack(number) });
    (server, taken)
}

/// A client beside the others that asks once a second and is always answered, on one connection.
async fn good(net: &Net) -> std::result::Result<(Client, JoinHandle<u64>), Box<dyn Error>> {
    let client = net.client().build()?;
    let socket = client.socket("/");
    socket.connect().await?;
    let asking = tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        for number in 0.. {
            seconds.tick().await;
            let asked = socket.emit_with_ack::<u64, _>("echo", &number);
            let answer = asked.timeout(Duration::from_secs(1)).await;
            if !matches!(answer, Ok(answer) if answer == number) {
                return number;
            }
        }
        0
    });
    Ok((client, asking))
}

async fn everything_comes_once(limits: FloodLimits, padding: usize) -> Result {
    let (server, mut taken) = counting(limits);
    let net = Net::new(&server);
    let (good, asking) = good(&net).await?;
    let client = net.client().build()?;
    let socket = client.socket("/");
    let (came, mut back) = unbounded_channel();
    socket.on("back", move |Data(number): Data<u64>| {
        let _ = came.send(number);
        async {}
    });
    socket.connect().await?;
    let id = socket.id();
    let padding = "x".repeat(padding);
    for number in 0..NUMBERS {
        socket
            .emit_when_ready("number", Args((number, &padding)))
            .await?;
    }
    for number in 0..NUMBERS {
        assert_eq!(taken.recv().await, Some(number));
        assert_eq!(back.recv().await, Some(number));
    }
    let last: u64 = socket.emit_with_ack("number", &NUMBERS).await?;
    assert_eq!(last, NUMBERS);
    assert_eq!(taken.recv().await, Some(NUMBERS));
    assert_eq!(back.recv().await, Some(NUMBERS));
    assert!(taken.try_recv().is_err() && back.try_recv().is_err());
    let stats = server.stats();
    assert!(stats.closed_too_fast >= 2, "{}", stats.closed_too_fast);
    assert_eq!(stats.sessions, 2);
    assert_eq!(socket.id(), id, "the session was lost");

    assert!(!asking.is_finished(), "the other client was not answered");
    let state = good.state().current();
    assert!(matches!(state, State::Connected { resumed: false, .. }));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn too_many_frames_cost_time_and_nothing_else() -> Result {
    let limits = FloodLimits {
        frames: Rate::new(100, 200),
        ..FloodLimits::default()
    };
    everything_comes_once(limits, 0).await
}

#[tokio::test(start_paused = true)]
async fn too_many_bytes_cost_time_and_nothing_else() -> Result {
    let limits = FloodLimits {
        bytes: Rate::new(50_000, 100_000),
        ..FloodLimits::default()
    };
    everything_comes_once(limits, 500).await
}

/// Several times what a limit here allows at once.
const NUMBERS: u64 = 1_000;
