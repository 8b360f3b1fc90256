//! Trunkline in an axum server: `cargo run -p example-axum`, then open the printed address.

use std::error::Error;
use std::io;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use trunkline::server::{Drain, Server, terminated};

/// An axum server with Trunkline beside its routes.
#[derive(Debug, Parser)]
struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// Seconds that clients may take to go elsewhere, once this process is asked to end.
    #[arg(long, default_value_t = 10)]
    patience: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let options = Options::parse();
    let server = Server::new();
    example_axum::handlers(&server);
    let app = example_axum::routes(&server);
    let taken = |error| format!("cannot listen on {}: {error}; see --listen", options.listen);
    let listener = TcpListener::bind(&*options.listen).await.map_err(taken)?;
    println!("Serving http://{}", listener.local_addr()?);
    println!(
        "Its routes: / /healthz /readyz /metrics, and POST /say, which everybody in the lobby hears"
    );
    let (handle, patience) = (server.clone(), Duration::from_secs(options.patience));
    tokio::spawn(async move {
        if terminated().await.is_ok() {
            handle.drain(Drain::new().deadline(patience)).await;
        }
    });
    example_axum::serve(listener, app, server).await?;
    Ok(())
}
