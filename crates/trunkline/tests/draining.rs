//! One server takes over from another, over real sockets.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use trunkline::client::{Client, Dial as _};
use trunkline::server::{
    Bind as _, Data, DisconnectReason, Drain, Drained, Failure, Server, Socket,
};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// A server that notes the numbers it is told, and says them back.
struct Teller {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u64>>>,
    /// What it said and had not been able to send when the session ended.
    undelivered: Arc<Mutex<Vec<u64>>>,
    end: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Drained>,
}

impl Teller {
    async fn start() -> Self {
        let heard: Arc<Mutex<Vec<u64>>> = Arc::default();
        let undelivered: Arc<Mutex<Vec<u64>>> = Arc::default();
        let server = Server::new();
        let namespace = server.namespace("/");
        let lost = Arc::clone(&undelivered);
        namespace.on_disconnect(move |reason: DisconnectReason| async move {
            if let DisconnectReason::SessionEnded { undelivered, .. } = reason {
                let unsent = undelivered.iter().filter(|event| !event.sent);
                let numbers = unsent.map(|event| event.args.first::<u64>().unwrap());
                lost.lock().unwrap().extend(numbers);
            }
        });
        let noted = Arc::clone(&heard);
        namespace.on(
            "tell",
            move |socket: Socket, Data(number): Data<u64>| async move {
                noted.lock().unwrap().push(number);
                socket.emit("told", &number)?;
                Ok::<_, Failure>(number)
            },
        );
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr();
        let (end, ended) = oneshot::channel();
        let signal = async {
            let _ = ended.await;
            Ok(())
        };
        let serving = bound.serve_until(signal, Drain::new().spread(Duration::ZERO));
        let serving = tokio::spawn(async { serving.await.unwrap() });
        Self {
            address,
            heard,
            undelivered,
            end: Some(end),
            serving,
        }
    }
}

/// What stands before the servers, and leads to the one of the moment.
async fn balancer(target: watch::Receiver<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let address = *target.borrow();
            let mut far = TcpStream::connect(address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    address
}

#[tokio::test]
async fn a_client_goes_from_one_server_to_the_next_and_no_event_or_ack_is_lost_or_doubled() {
    let mut old = Teller::start().await;
    let new = Teller::start().await;
    let (lead_to, target) = watch::channel(old.address);
    let url = format!("http://{}", balancer(target).await);
    let client = Client::new(&url).unwrap();
    let socket = client.socket("/");
    let told: Arc<Mutex<Vec<u64>>> = Arc::default();
    let noted = Arc::clone(&told);
    let _subscription = socket.on("told", move |Data(number): Data<u64>| async move {
        noted.lock().unwrap().push(number);
    });
    soon(socket.connect()).await.unwrap();
    let tell = |number: u64| {
        socket
            .emit_with_ack::<u64, _>("tell", &number)
            .timeout(SOON)
    };
    for number in 0..20 {
        assert_eq!(tell(number).await.unwrap(), number);
    }

    lead_to.send_replace(new.address);
    old.end.take().unwrap().send(()).unwrap();
    let mut number = 20;
    while new.heard.lock().unwrap().len() < 20 {
        // Two at a time, so that one is always under way.
        let (one, other) = soon(async { tokio::join!(tell(number), tell(number + 1)) }).await;
        assert_eq!((one.unwrap(), other.unwrap()), (number, number + 1));
        number += 2;
    }
    let drained = soon(&mut old.serving).await.unwrap();
    assert_eq!((drained.left, drained.cut), (1, 0));
    let all: Vec<_> = (0..number).collect();
    let heard = |teller: &Teller| teller.heard.lock().unwrap().clone();
    assert_eq!([heard(&old), heard(&new)].concat(), all);
    client.close().await;
    // Each of the servers' own events came, in order and once, or the server was told that it did not.
    let told = told.lock().unwrap().clone();
    assert!(told.is_sorted_by(|one, next| one < next), "{told:?}");
    let mut known = [told, old.undelivered.lock().unwrap().clone()].concat();
    known.sort_unstable();
    assert_eq!(known, all);
}
