//! Every event that a client takes is delivered once or told once, whatever happens to its
//! connections, its sessions and its namespace.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline::client::{Client, LostEvent, Socket};
use trunkline::server::{Data, Failure, Server};
use trunkline::testing::Net;

/// What became of each event.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<u32, Vec<Fate>>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    /// It may or may not have arrived.
    Unknown,
    NeverSent,
}

impl Ledger {
    fn note(&self, number: u32, fate: Fate) {
        let mut ledger = self.0.lock().unwrap();
        ledger.entry(number).or_default().push(fate);
    }

    fn tell(&self, events: &[LostEvent]) {
        for event in events {
            let fate = match event.sent {
                true => Fate::Unknown,
                false => Fate::NeverSent,
            };
            self.note(event.args.first().unwrap(), fate);
        }
    }

    fn check(&self, number: u32) -> Fate {
        let ledger = self.0.lock().unwrap();
        match ledger.get(&number).map_or(&[][..], Vec::as_slice) {
            [fate] => *fate,
            // Told as unknown, and here one knows.
            [Fate::Delivered, Fate::Unknown] | [Fate::Unknown, Fate::Delivered] => Fate::Delivered,
            other => panic!("{number}: {other:?}"),
        }
    }
}

const RESUME_WINDOW: Duration = Duration::from_secs(5);

/// A server that notes what it is sent, and a door that can be shut.
fn server(ledger: &Ledger) -> (Server, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(true));
    let server = Server::builder().resume_window(RESUME_WINDOW).build();
    let (door, ledger) = (Arc::clone(&open), ledger.clone());
    let namespace = server.namespace("/");
    // Not `authorize`, which is asked again at a resume: what had left for a socket that is
    // disconnected then is told by its ack alone.
    namespace.on_connect(move || {
        let is_open = door.load(Ordering::Relaxed);
        async move {
            match is_open {
                true => Ok(()),
                false => Err(Failure::unauthorized("not now")),
            }
        }
    });
    namespace.on("number", move |Data(number): Data<u32>| {
        let ledger = ledger.clone();
        async move { ledger.note(number, Fate::Delivered) }
    });
    (server, open)
}

fn client(net: &Net, ledger: &Ledger) -> (Client, Socket) {
    let client = net.client().build().unwrap();
    let (lost, dropped) = (ledger.clone(), ledger.clone());
    client.on_session_lost(move |loss| {
        lost.tell(&loss.events);
        async {}
    });
    client.on_events_dropped(move |told| {
        dropped.tell(&told.events);
        async {}
    });
    let socket = client.socket("/");
    (client, socket)
}

/// Emits the next number and notes a refusal as what it is.
fn emit(socket: &Socket, ledger: &Ledger, number: &mut u32) {
    if socket.emit("number", &*number).is_err() {
        ledger.note(*number, Fate::NeverSent);
    }
    *number += 1;
}

#[tokio::test(start_paused = true)]
async fn each_event_is_delivered_once_or_told_once() {
    let ledger = Ledger::default();
    let (server, open) = server(&ledger);
    let net = Net::new(&server);
    net.set_delay(Duration::from_millis(20));
    let (client, socket) = client(&net, &ledger);
    let mut number = 0;
    for round in 0..60_u64 {
        open.store(round % 5 != 3, Ordering::Relaxed);
        emit(&socket, &ledger, &mut number);
        let connecting = tokio::spawn({
            let socket = socket.clone();
            async move { socket.connect().await }
        });
        for step in 0..20 {
            emit(&socket, &ledger, &mut number);
            // Ahead of WELCOME, between it and CONNECTED, and behind that.
            tokio::time::sleep(Duration::from_millis(7 + round % 4)).await;
            match (round % 6, step) {
                (1, 5) | (2, 12) => net.cut(),
                // Long enough for the session to be lost.
                (4, 8) => {
                    net.refuse_dials();
                    net.cut();
                    for _ in 0..4 {
                        emit(&socket, &ledger, &mut number);
                        tokio::time::sleep(RESUME_WINDOW / 3).await;
                    }
                    net.heal();
                }
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_secs(40)).await;
        let _ = connecting.await.unwrap();
    }
    let mut fates = HashMap::new();
    for number in 0..number {
        *fates
            .entry(format!("{:?}", ledger.check(number)))
            .or_insert(0) += 1;
    }
    // All of it has been tried.
    assert!(fates["Delivered"] > 500, "{fates:?}");
    assert!(fates["NeverSent"] > 20, "{fates:?}");
    let stats = client.stats();
    assert!(stats.sessions_lost > 3 && stats.resumed > 3, "{stats:?}");
    assert!(stats.events_dropped > 5, "{stats:?}");
    assert_eq!((stats.queued_events, stats.queued_bytes), (0, 0));
}
