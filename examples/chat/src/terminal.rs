//! The terminal client.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader};
use trunkline::client::{AckError, Client, Data, Dial, Socket, State, Watch};

use crate::words::{Join, Joined, Member, Receipt, Said, Say, Who};

/// How to enter.
#[derive(Debug, Args)]
pub(crate) struct Joining {
    /// The chat's address.
    #[arg(default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The name to have in the room.
    #[arg(long, default_value = "terminal")]
    name: String,
}

/// Enters, prints what is said, and says what is typed, line by line, until the input ends.
pub(crate) async fn join(joining: Joining) -> Result<(), Box<dyn Error>> {
    let client = Client::new(&joining.url)?;
    let socket = client.socket("/");
    let visit = Arc::new(Visit {
        name: joining.name,
        newest: AtomicU64::new(0),
    });
    listen(&socket, &visit);
    come_back(&socket, &visit);
    tokio::spawn(tell_connection(client.state()));
    socket.connect().await?;
    visit.enter(&socket).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(text) = lines.next_line().await? {
        if text.is_empty() {
            continue;
        }
        let sent: Result<Receipt, AckError> = socket
            .emit_with_ack("say", &Say { text })
            .timeout(LIMIT)
            .await;
        match sent {
            Ok(Receipt { id }) => {
                visit.saw(id);
                println!("* delivered");
            }
            Err(AckError::Timeout) => println!("* no answer yet; it is still on its way"),
            Err(error) => println!("* not delivered: {error}"),
        }
    }
    client.close().await;
    Ok(())
}

/// Who is here, and what was seen so far.
struct Visit {
    name: String,
    /// The id of the newest line.
    newest: AtomicU64,
}

impl Visit {
    /// Enters the room, which tells what was said since the newest line, and prints who is there.
    async fn enter(&self, socket: &Socket) -> Result<(), AckError> {
        let hello = Join {
            name: self.name.clone(),
            after: self.newest.load(Ordering::Relaxed),
        };
        let joined: Joined = socket.emit_with_ack("join", &hello).timeout(LIMIT).await?;
        let names: Vec<_> = joined
            .members
            .into_iter()
            .map(|member| member.name)
            .collect();
        println!("* in the room: {}", names.join(", "));
        Ok(())
    }

    fn show(&self, said: &Said) {
        self.saw(said.id);
        println!("{}: {}", said.from, said.text);
    }

    fn saw(&self, id: u64) {
        self.newest.fetch_max(id, Ordering::Relaxed);
    }
}

/// The room forgets those whose session is lost. What was typed meanwhile waits until the room knows
/// this one again.
fn come_back(socket: &Socket, visit: &Arc<Visit>) {
    let visit = Arc::clone(visit);
    socket.on_reattach(move |socket| {
        let visit = Arc::clone(&visit);
        async move {
            if let Err(error) = visit.enter(&socket).await {
                println!("* not in the room any more: {error}");
            }
        }
    });
}

/// Says when there is no connection any more, or none yet, and when it is back.
async fn tell_connection(mut states: Watch<State>) {
    let mut is_away = false;
    while let Some(state) = states.changed().await {
        match state {
            State::Reconnecting { cause, .. } if !is_away => {
                is_away = true;
                println!("* no connection: {cause}. What you type waits for it");
            }
            State::Connected { .. } if is_away => {
                is_away = false;
                println!("* connected");
            }
            _ => {}
        }
    }
}

fn listen(socket: &Socket, visit: &Arc<Visit>) {
    let visit = Arc::clone(visit);
    socket.on("said", move |Data(said): Data<Said>| {
        let visit = Arc::clone(&visit);
        async move { visit.show(&said) }
    });
    socket.on("joined", |Data(who): Data<Who>| async move {
        println!("* {} joined", who.name)
    });
    socket.on("left", |Data(who): Data<Who>| async move {
        println!("* {} left", who.name)
    });
    socket.on("away", |Data(member): Data<Member>| async move {
        let what = if member.away {
            "was cut off"
        } else {
            "is back"
        };
        println!("* {} {what}", member.name);
    });
    socket.on("typing", |Data(who): Data<Who>| async move {
        println!("* {} is typing", who.name)
    });
}

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
