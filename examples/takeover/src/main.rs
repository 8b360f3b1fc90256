//! A server is replaced while 500 clients talk: `cargo run --release -p example-takeover`.
//!
//! It starts nginx, a server behind it, and a crowd of clients that send each other numbered events
//! without a pause. Then it starts a second server, leads nginx to it, and asks the first one to end.
//! In the end it compares what was sent with what was heard: an event that was neither heard, nor told
//! to be lost by whoever had it, would be lost in silence, and there must be none. With `--late` nginx
//! leads to the first server until its deadline, when it cuts all clients; none may be lost so either.

mod crowd;
mod ledger;
mod nginx;
mod process;
mod server;
mod words;

use std::error::Error;
use std::io;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::crowd::Crowd;
use crate::ledger::Ledger;
use crate::nginx::Nginx;
use crate::process::ServerProcess;

/// One server process takes over from another behind nginx, under load.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Clients, each of which talks to one other; an even number.
    #[arg(long, default_value_t = 500)]
    clients: u32,
    /// Milliseconds between the events of a client.
    #[arg(long, default_value_t = 100)]
    interval: u64,
    /// Lead nginx to the second server only when the first one has ended, which is left at its deadline
    /// then: the clients come back to it until it cuts them.
    #[arg(long)]
    late: bool,
    /// Seconds after which a server that is asked to end cuts who is still there.
    #[arg(long, global = true, default_value_t = 30)]
    deadline: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One of the servers, on a free port, which it prints.
    Serve,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let options = Options::parse();
    match options.command {
        Some(Command::Serve) => server::serve(Duration::from_secs(options.deadline)).await,
        None => take_over(&options).await,
    }
}

async fn take_over(options: &Options) -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::default();
    let old = ServerProcess::start(&ledger, options.deadline).await?;
    let mut nginx = Nginx::start(old.port).await?;
    let url = format!("http://127.0.0.1:{}", nginx.port);
    let interval = Duration::from_millis(options.interval);
    let crowd = Crowd::gather(&url, options.clients, interval, &ledger).await?;
    println!("{} clients talk through nginx at {url}", options.clients);
    tokio::time::sleep(TALK).await;

    let new = ServerProcess::start(&ledger, options.deadline).await?;
    if !options.late {
        nginx.lead_to(new.port).await?;
        println!("nginx leads to a second server; the first one is asked to end");
    }
    let drained = old.end().await?;
    println!("the first server ended: {drained}");
    if options.late {
        nginx.lead_to(new.port).await?;
        println!("nginx leads to a second server");
    }
    tokio::time::sleep(TALK).await;

    crowd.disperse().await;
    println!("the second server ended: {}", new.end().await?);
    nginx.stop().await?;
    ledger.close(options.clients)?;
    Ok(())
}

/// How long the crowd talks before the change, and after it.
const TALK: Duration = Duration::from_secs(3);
