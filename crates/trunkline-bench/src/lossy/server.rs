//! The server, which passes positions on to a room.

use std::{error::Error, net::SocketAddr};

use trunkline::server::{
    Bind as _, BindConfig, Certificate, Failure, FloodLimits, ListenerConfig, Payload, Server,
    Socket, WebTransportConfig,
};
use trunkline_wtransport::Wtransport;

use super::{Carrier, Control, process};
use crate::{identity::Files, peer_room::RuntimeKind, webtransport};

/// A server for one measurement.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where to listen, on TCP and UDP.
    #[arg(long)]
    address: SocketAddr,
    /// What it is for: wtransport is served alone, the others together.
    #[arg(long, value_enum)]
    carrier: Carrier,
    /// QUIC's congestion control.
    #[arg(long, value_enum, default_value_t)]
    control: Control,
    #[command(flatten)]
    tls: Files,
}

impl Serve {
    /// Serves until the process ends, after printing `listening on ADDRESS`.
    ///
    /// # Errors
    /// The port is taken, or there is no certificate in the files.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        process::end_with_parent()?;
        RuntimeKind::MultiThread.build()?.block_on(self.serve())
    }

    async fn serve(self) -> Result<(), Box<dyn Error>> {
        let files = self.tls.given();
        let (chain, key) = files.ok_or("a server over TLS needs --certificate and --key")?;
        let certificate = Certificate::from_pem_files(chain, key)?;
        let (server, settings) = (app(), self.control.settings());
        if self.carrier == Carrier::Wtransport {
            return webtransport::listen::<Wtransport>(
                self.address,
                &certificate,
                settings,
                server,
            )
            .await;
        }
        let mut config = BindConfig::from(ListenerConfig {
            certificate: Some(certificate),
            ..ListenerConfig::default()
        });
        config.webtransport = Some(WebTransportConfig {
            settings,
            ..WebTransportConfig::default()
        });
        let bound = server.bind_with(self.address, config).await?;
        println!("listening on {}", bound.local_addr());
        Ok(bound.serve().await?)
    }
}

fn app() -> Server {
    // All players come from one address.
    let server = Server::builder().flood_limits(FloodLimits::OFF).build();
    let root = server.namespace("/");
    root.on_connect(|socket: Socket| async move {
        socket.join(ROOM)?;
        Ok::<_, Failure>(())
    });
    root.on(MOVE, |socket: Socket, position: Payload| async move {
        socket.to(ROOM).latest(socket.id()).emit(MOVED, position)?;
        Ok::<_, Failure>(())
    });
    root.on(
        MOVE_RELIABLY,
        |socket: Socket, position: Payload| async move {
            socket.to(ROOM).emit(MOVED, position)?;
            Ok::<_, Failure>(())
        },
    );
    // An ack that says nothing: of bulk that arrived, of a first event.
    root.on(TAKE, |_content: Payload| async move {});
    server
}

const ROOM: &str = "arena";

/// A player's own position, as the latest.
pub(super) const MOVE: &str = "move";

/// A player's own position, as a plain event.
pub(super) const MOVE_RELIABLY: &str = "move-reliably";

/// Another player's position.
pub(super) const MOVED: &str = "moved";

/// Content that is acknowledged, and no more.
pub(super) const TAKE: &str = "take";
