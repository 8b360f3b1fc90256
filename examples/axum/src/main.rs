//! Trunkline in an axum server: `cargo run -p example-axum`, then open the printed address.

use std::error::Error;
use std::io;

use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use trunkline::server::Server;

/// An axum server with Trunkline beside its routes.
#[derive(Debug, Parser)]
struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
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
    let listener = TcpListener::bind(&*options.listen).await?;
    println!("Serving http://{}", listener.local_addr()?);
    let handle = server.clone();
    tokio::spawn(async move {
        if example_axum::asked_to_stop().await.is_ok() {
            handle.shut_down();
        }
    });
    example_axum::serve(listener, app, server).await?;
    Ok(())
}
