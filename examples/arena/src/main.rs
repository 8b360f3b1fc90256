//! A game that shows what datagrams buy: `cargo run --release -p example-arena`, then open the printed
//! address in a browser.

use std::error::Error;
use std::io;

use clap::Parser;
use example_arena::words::LinkQuality;
use example_arena::{Playing, Quality};
use tracing_subscriber::EnvFilter;
use trunkline::server::terminated;

/// A small arena, served to browsers over WebSocket and WebTransport on one port.
#[derive(Debug, Parser)]
struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// How many bots play, at most 20.
    #[arg(long, default_value_t = 8)]
    bots: usize,
    /// Percent of the packets that the link of this machine's pages loses, each way, at first.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Milliseconds that a packet travels on it, each way, at first.
    #[arg(long, default_value_t = 0.0)]
    delay: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let options = Options::parse();
    let quality = Quality::try_from(LinkQuality {
        loss_percent: options.loss,
        delay_ms: options.delay,
    })?;
    let taken = |error| format!("cannot listen on {}: {error}; see --listen", options.listen);
    let opened = Playing::open(&options.listen, options.bots, quality).await;
    let playing = opened.map_err(taken)?;
    println!("Arena on http://{}", playing.address());
    println!("Open it, make the link bad, and switch the transport while you play.");
    terminated().await?;
    playing.close().await;
    Ok(())
}

/// The library that is left out warns of every page that is left.
const LOGGED: &str = "warn,web_transport_quinn=error";
