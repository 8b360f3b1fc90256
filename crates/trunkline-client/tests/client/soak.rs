//! Many connections cut at any moment: everything arrives once and in order all the same.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::Duration;

use crate::support::*;
use tokio::time::sleep;
use trunkline_client::{Args, Data, Socket};
use trunkline_driver::{Attach, BestEffort, Dispatch, Session, clock};
use trunkline_protocol::{
    Body, Encoding, Frame, Limits, NamespaceName, Prepared, Role, Sequenced, SocketId, Value,
};
use trunkline_transport::Connection;

/// Events each way.
const EVENTS: u32 = 200;

/// The server's end: connects whoever asks, notes every event, and answers those that ask.
#[derive(Default)]
struct Echo {
    heard: Mutex<Vec<u32>>,
}

impl Dispatch for Echo {
    fn sequenced(
        &self,
        session: &Arc<Session>,
        seq: u64,
        frame: Sequenced<'_>,
        _cx: &mut Context<'_>,
    ) {
        let root = NamespaceName::root();
        match frame {
            Sequenced::Connect { .. } => {
                let id = SocketId::try_from("s").unwrap();
                let connected = Prepared::connected(&root, seq, &id, &Value::nil());
                session.push(connected).unwrap();
            }
            Sequenced::Event { ack_id, args, .. } => {
                let args = args.args(64).unwrap();
                let (number, _): (u32, String) = args.decode().unwrap();
                self.heard.lock().unwrap().push(number);
                if let Some(ack_id) = ack_id {
                    session.push(Prepared::ack(&root, ack_id, &args)).unwrap();
                }
            }
            other => panic!("a client sent {other:?}"),
        }
    }

    fn best_effort(&self, _: &Arc<Session>, frame: BestEffort<'_>, _: &mut Context<'_>) -> bool {
        let _: Body<'_> = frame.args;
        true
    }
}

/// Random numbers that their seed fixes.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Accepts connections and cuts them, some before HELLO is answered.
async fn serve(mut server: Server, echo: Arc<Echo>, seed: u64) {
    let mut random = Seeded(seed);
    let mut session: Option<Arc<Session>> = None;
    loop {
        let Peer {
            mut connection,
            link,
            ..
        } = server.accept().await;
        let hello = read_hello(&mut connection).await;
        if random.below(5) == 0 {
            link.cut();
            continue;
        }
        let limits = Limits {
            replay: 4_000,
            inbound: 4_000,
            ..Limits::default()
        };
        let attach = |attach, received| Attach {
            connection,
            attach,
            received,
            heartbeat: (PING_INTERVAL, PING_TIMEOUT),
        };
        let welcome = |welcome: trunkline_protocol::Welcome| {
            let welcome = trunkline_protocol::Welcome { limits, ..welcome };
            Some(welcome.encode(Encoding::MessagePack))
        };
        let driver = match (&session, hello.resume) {
            (Some(session), Some(resume)) => {
                let attach = attach(resume.attach, resume.received);
                let first = |received| welcome(resumed("soak", received));
                let attached = session.attach(attach, echo.clone(), clock::now(), first);
                attached.expect("no receipt from the future")
            }
            (_, resume) => {
                assert!(resume.is_none(), "what was never welcomed is not resumed");
                assert!(echo.heard.lock().unwrap().is_empty(), "lost its session");
                let fresh_one =
                    Session::new(Role::Server, Encoding::MessagePack, &limits, &hello.limits);
                let fresh_one = Arc::new(fresh_one);
                tokio::spawn(say(fresh_one.clone(), seed));
                session = Some(fresh_one.clone());
                let first = |_| welcome(fresh("soak"));
                fresh_one.attach_first(attach(0, 0), echo.clone(), clock::now(), first)
            }
        };
        let life = Duration::from_millis(random.below(4_000));
        tokio::select! {
            ended = driver => assert!(ended.keeps_session(Role::Server), "{ended}"),
            () = sleep(life) => link.cut(),
        }
    }
}

async fn read_hello(connection: &mut Connection) -> trunkline_protocol::Hello {
    let receiver = &mut connection.receiver;
    let message = poll_fn(|cx| receiver.poll_receive(cx)).await.unwrap();
    match Frame::decode(Encoding::MessagePack, &message.bytes).unwrap() {
        Frame::Hello(hello) => *hello,
        other => panic!("{other:?} in place of HELLO"),
    }
}

/// The server's events.
async fn say(session: Arc<Session>, seed: u64) {
    let mut random = Seeded(seed ^ 1);
    for number in 0..EVENTS {
        session.push(event("said", None, &number)).unwrap();
        sleep(Duration::from_millis(random.below(100))).await;
    }
}

/// The client's events, one in three with an ack.
async fn emit_all(socket: Socket, seed: u64) {
    let mut random = Seeded(seed ^ 2);
    let mut asking = Vec::new();
    for number in 0..EVENTS {
        let filler = "x".repeat(random.below(400) as usize);
        if random.below(3) == 0 {
            let socket = socket.clone();
            let asked = tokio::spawn(async move {
                let asked = socket.emit_with_ack::<u32, _>("number", Args((number, filler)));
                asked.timeout(Duration::from_secs(3_000)).await
            });
            // It is emitted when it is first polled, and order counts.
            tokio::task::yield_now().await;
            asking.push((number, asked));
        } else {
            socket.emit("number", Args((number, filler))).unwrap();
        }
        sleep(Duration::from_millis(random.below(100))).await;
    }
    for (number, asked) in asking {
        assert_eq!(asked.await.unwrap(), Ok(number), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_once_and_in_order_over_connections_that_are_cut_at_any_moment() {
    for seed in 0..50 {
        let server = Server::new();
        let cap = Duration::from_millis(700);
        let builder = server.builder().back_off(cap / 2, cap);
        let client = builder.queue_bytes(1 << 20).build().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (note, done) = (heard.clone(), Arc::new(tokio::sync::Notify::new()));
        let told = done.clone();
        let socket = client.socket("/");
        socket.on("said", move |Data(number): Data<u32>| async move {
            // Some handlers wait, so that others queue behind them.
            if number % 7 == 0 {
                sleep(Duration::from_millis(50)).await;
            }
            note.lock().unwrap().push(number);
            if number + 1 == EVENTS {
                told.notify_one();
            }
        });
        client.on_session_lost(|lost| async move { panic!("lost: {lost:?}") });
        let echo = Arc::new(Echo::default());
        let serving = tokio::spawn(serve(server, echo.clone(), seed));
        socket.connect().await.unwrap();
        let all = async { tokio::join!(emit_all(socket.clone(), seed), done.notified()) };
        tokio::select! {
            _ = all => {}
            _ = sleep(Duration::from_secs(3_500)) => panic!("seed {seed} does not come to its end"),
        }
        // The last events without an ack may still be on their way.
        while echo.heard.lock().unwrap().len() < EVENTS as usize {
            sleep(Duration::from_secs(1)).await;
        }
        let expected: Vec<_> = (0..EVENTS).collect();
        assert_eq!(*heard.lock().unwrap(), expected, "seed {seed}");
        assert_eq!(*echo.heard.lock().unwrap(), expected, "seed {seed}");
        serving.abort();
    }
}
