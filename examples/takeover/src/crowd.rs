//! Clients in pairs, each of which sends the other one numbers.

use std::error::Error;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use trunkline::client::{AckError, Client, Data, Dial, SessionLost, Socket};

use crate::ledger::Ledger;
use crate::words::{Fate, Heard, Say};

/// Clients that talk until they are told to stop.
pub(crate) struct Crowd {
    stop: watch::Sender<bool>,
    talking: JoinSet<()>,
}

impl Crowd {
    /// Has them all enter, and then talk.
    pub(crate) async fn gather(
        url: &str,
        clients: u32,
        interval: Duration,
        ledger: &Ledger,
    ) -> Result<Self, Box<dyn Error>> {
        let stop = watch::Sender::new(false);
        let mut members = Vec::new();
        for number in 0..clients {
            members.push(Member::enter(url, number, ledger).await?);
        }
        let mut talking = JoinSet::new();
        for member in members {
            talking.spawn(member.talk(interval, stop.subscribe()));
        }
        Ok(Self { stop, talking })
    }

    /// Has each finish its sentence and leave.
    pub(crate) async fn disperse(self) {
        self.stop.send_replace(true);
        self.talking.join_all().await;
    }
}

struct Member {
    number: u32,
    client: Client,
    socket: Socket,
    ledger: Ledger,
}

impl Member {
    async fn enter(url: &str, number: u32, ledger: &Ledger) -> Result<Self, Box<dyn Error>> {
        let client = Client::new(url)?;
        let socket = client.socket("/");
        let heard = ledger.clone();
        socket.on("heard", move |Data(said): Data<Heard>| {
            heard.heard(said);
            async {}
        });
        let lost = ledger.clone();
        client.on_session_lost(move |session: SessionLost| {
            for event in session.events.iter().filter(|event| &*event.event == "say") {
                if let Ok(Say { to, number: what }) = event.args.first() {
                    lost.lost(number, to, what);
                }
            }
            async {}
        });
        // Whoever takes over does not know it yet: it says so before what waited goes out.
        socket.on_reattach(move |socket| async move {
            let _: Result<(), AckError> = socket.emit_with_ack("enter", &number).await;
        });
        socket.connect().await?;
        let _: () = socket.emit_with_ack("enter", &number).await?;
        Ok(Self {
            number,
            client,
            socket,
            ledger: ledger.clone(),
        })
    }

    async fn talk(self, interval: Duration, mut stop: watch::Receiver<bool>) {
        let to = self.number ^ 1;
        let mut ticks = tokio::time::interval(interval);
        // Whoever waited for an answer does not make up for it: its hearer may not be back yet.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0.. {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                _ = ticks.tick() => {}
            }
            let said = self
                .socket
                .emit_with_ack::<Fate, _>("say", &Say { to, number });
            let fate = match said.timeout(LIMIT).await {
                Ok(fate) => Some(fate),
                // Nobody has said that it is lost, so it must have been heard.
                Err(AckError::Timeout) => Some(Fate::Relayed),
                // The call has said so itself.
                Err(_told) => None,
            };
            self.ledger.said(self.number, to, number, fate);
        }
        // What the other one says last may be on its way.
        tokio::time::sleep(AFTERMATH).await;
        self.client.close().await;
    }
}

/// How long an answer may take: longer than a server that is left only at its deadline keeps an event
/// waiting. The event is sent to the next server then, and may meet nobody there; an answer that nobody
/// waits for any more would be the only word of it.
const LIMIT: Duration = Duration::from_secs(120);

/// How long each listens on after its last word.
const AFTERMATH: Duration = Duration::from_secs(1);
