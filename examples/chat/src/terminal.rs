//! The terminal client.

use std::error::Error;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader};
use trunkline::client::{AckError, Client, Data, Dial, Socket};

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
    listen(&socket);
    socket.connect().await?;
    let hello = Join {
        name: joining.name,
        after: 0,
    };
    let joined: Joined = socket.emit_with_ack("join", &hello).timeout(LIMIT).await?;
    let names: Vec<_> = joined
        .members
        .into_iter()
        .map(|member| member.name)
        .collect();
    println!("* in the room: {}", names.join(", "));
    for said in joined.missed {
        print_line(&said);
    }
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
            Ok(Receipt { id }) => println!("* delivered, line {id}"),
            Err(error) => println!("* not delivered: {error}"),
        }
    }
    client.close().await;
    Ok(())
}

fn listen(socket: &Socket) {
    socket.on(
        "said",
        |Data(said): Data<Said>| async move { print_line(&said) },
    );
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

fn print_line(said: &Said) {
    println!("{}: {}", said.from, said.text);
}

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
