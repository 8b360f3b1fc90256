//! Over which transport positions travel, and how.

use std::{error::Error, path::PathBuf, sync::Arc};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use trunkline::client::{Client, Dial as _, DialConfig, Transports, Trust};
use trunkline_quic::{Congestion, Settings, WebTransportDialer};
use trunkline_wtransport::Wtransport;

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// WebSocket over TLS.
    #[value(name = "websocket")]
    #[serde(rename = "websocket")]
    WebSocket,
    /// WebTransport with the facade's backend, web-transport-quinn.
    #[value(name = "webtransport")]
    #[serde(rename = "webtransport")]
    WebTransport,
    /// WebTransport with the other backend, wtransport.
    Wtransport,
    /// Both in a race, as a client does that is told nothing.
    Race,
}

/// Which server, and how it is reached.
#[derive(Debug, Clone, clap::Args)]
pub struct Reach {
    /// The server.
    #[arg(long)]
    url: String,
    /// Its certificate.
    #[arg(long)]
    certificate: PathBuf,
    /// QUIC's congestion control.
    #[arg(long, value_enum, default_value_t)]
    control: Control,
}

impl Reach {
    /// A client of the server.
    ///
    /// # Errors
    /// The file holds no certificate, or the URL cannot be dialled.
    pub fn client(&self, carrier: Carrier) -> Result<Client, Box<dyn Error>> {
        let trust = Trust::nobody().with_pem_file(&self.certificate)?;
        let quic = self.control.settings();
        let config = DialConfig {
            trust: trust.clone(),
            quic: quic.clone(),
        };
        let client = Client::to_with(&self.url, config);
        let client = match carrier {
            Carrier::WebSocket => client.transports(Transports::WebSocketOnly),
            Carrier::WebTransport => client.transports(Transports::WebTransportOnly),
            Carrier::Wtransport => client
                .dialer(Arc::new(WebTransportDialer::<Wtransport>::new(trust, quic)))
                .transports(Transports::WebTransportOnly),
            Carrier::Race => client,
        };
        Ok(client.build()?)
    }
}

impl Carrier {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::WebTransport => "WebTransport (web-transport-quinn)",
            Self::Wtransport => "WebTransport (wtransport)",
            Self::Race => "race of both",
        }
    }
}

/// How positions travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As the latest of a player over WebSocket, where that is emulated.
    #[value(name = "websocket")]
    #[serde(rename = "websocket")]
    WebSocket,
    /// As the latest of a player over WebTransport, in datagrams.
    #[value(name = "webtransport")]
    #[serde(rename = "webtransport")]
    WebTransport,
    /// The same, with the other backend.
    Wtransport,
    /// As plain events over WebSocket: every one arrives.
    #[value(name = "websocket-reliable")]
    #[serde(rename = "websocket-reliable")]
    WebSocketReliable,
    /// As plain events over WebTransport, on its one stream.
    #[value(name = "webtransport-reliable")]
    #[serde(rename = "webtransport-reliable")]
    WebTransportReliable,
}

impl Way {
    /// What it needs.
    #[must_use]
    pub const fn carrier(self) -> Carrier {
        match self {
            Self::WebSocket | Self::WebSocketReliable => Carrier::WebSocket,
            Self::WebTransport | Self::WebTransportReliable => Carrier::WebTransport,
            Self::Wtransport => Carrier::Wtransport,
        }
    }

    /// Whether it is over QUIC.
    #[must_use]
    pub const fn is_quic(self) -> bool {
        !matches!(self.carrier(), Carrier::WebSocket)
    }

    /// Whether every position arrives.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::WebSocketReliable | Self::WebTransportReliable)
    }

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "`latest` over WebSocket",
            Self::WebTransport => "`latest` over WebTransport (web-transport-quinn)",
            Self::Wtransport => "`latest` over WebTransport (wtransport)",
            Self::WebSocketReliable => "plain events over WebSocket",
            Self::WebTransportReliable => "plain events over WebTransport",
        }
    }
}

/// QUIC's congestion control, on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Trunkline's default.
    #[default]
    Default,
    /// Cubic with a floor.
    CubicWithFloor,
    /// Cubic.
    Cubic,
    /// New Reno.
    NewReno,
    /// quinn's BBR.
    Bbr,
}

impl Control {
    /// Trunkline's settings with it.
    #[must_use]
    pub fn settings(self) -> Settings {
        let default = Settings::default();
        let congestion = match self {
            Self::Default => default.congestion,
            Self::CubicWithFloor => Congestion::CubicWithFloor,
            Self::Cubic => Congestion::Cubic,
            Self::NewReno => Congestion::NewReno,
            Self::Bbr => Congestion::Bbr,
        };
        Settings {
            congestion,
            ..default
        }
    }

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::CubicWithFloor => "Cubic with a floor",
            Self::Cubic => "Cubic",
            Self::NewReno => "New Reno",
            Self::Bbr => "BBR",
        }
    }
}
