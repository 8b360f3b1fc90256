//! The server that every test, benchmark and foreign client talks to.
//!
//! What it does is written in `protocol/conformance.md`; a client in any language is tested against
//! it.

mod events;

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use trunkline::server::{
    Admission, Bind, Credentials, FloodLimits, ListenerConfig, Proxies, Server,
};

/// The fixture server of Trunkline's tests: see protocol/conformance.md.
#[derive(Debug, Parser)]
struct Options {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds between PINGs.
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,
    /// Milliseconds a client may leave a PING unanswered.
    #[arg(long, default_value_t = 20_000)]
    ping_timeout: u64,
    /// Milliseconds a session waits to be resumed.
    #[arg(long, default_value_t = 120_000)]
    resume_window: u64,
    /// Milliseconds that credentials hold; without it they hold without end.
    #[arg(long)]
    credentials_valid: Option<u64>,
    /// Write a line for every frame to standard error, with credentials masked.
    #[arg(long)]
    tap: bool,
    /// Has the default limits against floods; without it there are none.
    #[arg(long)]
    flood_limits: bool,
    /// Connections that one address may have; without it as many as come, or as the default says.
    #[arg(long)]
    connections_per_address: Option<usize>,
    /// A network whose proxies are believed in what they say of their clients' addresses.
    #[arg(long)]
    trusted_proxy: Vec<String>,
    /// Connections of those proxies begin with a header of the PROXY protocol.
    #[arg(long)]
    proxy_protocol: bool,
}

impl Options {
    fn flood_limits(&self) -> FloodLimits {
        let mut limits = if self.flood_limits {
            FloodLimits::default()
        } else {
            FloodLimits::OFF
        };
        if let Some(connections) = self.connections_per_address {
            limits.connections_per_address = connections;
        }
        limits
    }

    fn listener(&self) -> Result<ListenerConfig, Box<dyn Error>> {
        Ok(ListenerConfig {
            proxies: Proxies::in_networks(self.trusted_proxy.iter().map(String::as_str))?,
            proxy_protocol: self.proxy_protocol,
            ..ListenerConfig::default()
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let options = Options::parse();
    let valid_for = options.credentials_valid.map(Duration::from_millis);
    let mut builder = Server::builder();
    if let Some(valid_for) = valid_for {
        builder = builder.authenticate(move |_: Credentials| async move {
            Ok(Admission::anyone().valid_for(valid_for))
        });
    }
    let mut builder = builder
        .ping_interval(Duration::from_millis(options.ping_interval))
        .ping_timeout(Duration::from_millis(options.ping_timeout))
        .resume_window(Duration::from_millis(options.resume_window))
        .flood_limits(options.flood_limits());
    if options.tap {
        builder = builder.tap(|frame| eprintln!("{frame}"));
    }
    let server = builder.build();
    events::register(&server);
    events::register_auth(&server.namespace("/auth"));
    let bound = server
        .bind_with(("127.0.0.1", options.port), options.listener()?)
        .await?;
    println!("listening on {}", bound.local_addr());
    io::stdout().flush()?;
    bound.serve().await?;
    Ok(())
}
