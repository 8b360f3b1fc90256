//! A chat room: `cargo run --release -p example-chat` serves it, with a web page; `… -- join` enters
//! it from a terminal.

mod page;
mod room;
mod terminal;
mod words;

use std::error::Error;
use std::io;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use trunkline::server::{Bind, Drain, FloodLimits, Server, terminated};

/// A chat room, served to browsers and terminals.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serving: Serving,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enter the room from this terminal.
    Join(terminal::Joining),
}

#[derive(Debug, Args)]
struct Serving {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// Milliseconds between PINGs.
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,
    /// Milliseconds a client may leave a PING unanswered.
    #[arg(long, default_value_t = 20_000)]
    ping_timeout: u64,
    /// Milliseconds a session waits to be resumed.
    #[arg(long, default_value_t = 120_000)]
    resume_window: u64,
    /// Also answer GET /counts: the sessions, acks, tasks and descriptors there are.
    #[arg(long)]
    counts: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let options = Options::parse();
    match options.command {
        Some(Command::Join(joining)) => terminal::join(joining).await,
        None => serve(options.serving).await,
    }
}

async fn serve(serving: Serving) -> Result<(), Box<dyn Error>> {
    let limits = FloodLimits {
        connections: CONNECTIONS_MAX,
        ..FloodLimits::default()
    };
    let server = Server::builder()
        .flood_limits(limits)
        .ping_interval(Duration::from_millis(serving.ping_interval))
        .ping_timeout(Duration::from_millis(serving.ping_timeout))
        .resume_window(Duration::from_millis(serving.resume_window))
        .state(room::Lobby::default())
        .build();
    room::register(&server.namespace("/"));
    let taken = |error| format!("cannot listen on {}: {error}; see --listen", serving.listen);
    let bound = server.bind(&*serving.listen).await.map_err(taken)?;
    println!("Chat on http://{}", bound.local_addr());
    println!("Open it in two tabs, or enter from a terminal:");
    println!(
        "  cargo run --release -p example-chat -- join http://{}",
        bound.local_addr()
    );
    let counted = serving.counts.then(|| server.clone());
    // All are asked at once: a room is no crowd.
    let farewell = Drain::new().spread(Duration::ZERO).deadline(PATIENCE);
    bound
        .with_http(move |request| page::answer(request, counted.as_ref()))
        .serve_until(terminated(), farewell)
        .await?;
    Ok(())
}

/// How long those who chat may take to leave, for another server if one has the address by now.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a process may have open without asking its system for more, and more than a room holds.
const CONNECTIONS_MAX: usize = 500;
