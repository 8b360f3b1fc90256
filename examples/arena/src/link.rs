//! The link of this machine's pages: relays in front of the server that lose and delay what passes.
//!
//! UDP packets are lost and delayed as they are. TCP cannot be treated so from outside of the kernel: the
//! relay only imitates what a loss does to a stream, by holding back all that follows.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use trunkline_netem::PacketProfile;
use trunkline_testkit::{RelayConfig, TcpRelay, TcpRelayConfig, UdpRelay};

use crate::words::LinkQuality;

/// How good a link is, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality(LinkQuality);

/// A link cannot be as bad as that.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadQuality {
    /// The loss is out of range.
    #[error("loss is 0 to {LOSS_PERCENT_MAX} percent")]
    Loss,
    /// The delay is out of range.
    #[error("delay is 0 to {DELAY_MS_MAX} ms")]
    Delay,
}

impl TryFrom<LinkQuality> for Quality {
    type Error = BadQuality;

    fn try_from(quality: LinkQuality) -> Result<Self, BadQuality> {
        if !(0.0..=LOSS_PERCENT_MAX).contains(&quality.loss_percent) {
            return Err(BadQuality::Loss);
        }
        if !(0.0..=DELAY_MS_MAX).contains(&quality.delay_ms) {
            return Err(BadQuality::Delay);
        }
        Ok(Self(quality))
    }
}

impl From<Quality> for LinkQuality {
    fn from(Quality(quality): Quality) -> Self {
        quality
    }
}

impl Default for LinkQuality {
    /// Nothing is lost, and all arrives at once.
    fn default() -> Self {
        Self {
            loss_percent: 0.0,
            delay_ms: 0.0,
        }
    }
}

impl Quality {
    /// The same for both relays: what that of TCP would lose, it holds back instead, and all that follows.
    fn profile(self) -> PacketProfile {
        let Self(quality) = self;
        PacketProfile {
            loss_per_million: per_million(quality.loss_percent),
            delay: Duration::from_secs_f64(quality.delay_ms / 1_000.0),
            ..PacketProfile::INSTANT
        }
    }
}

/// A relay for TCP and one for UDP, on the loopback interface.
#[derive(Debug)]
pub(crate) struct Link {
    tcp: TcpRelay,
    udp: UdpRelay,
}

/// Where pages find the relays.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Relays {
    /// The TCP port, for WebSocket.
    pub(crate) websocket: u16,
    /// The UDP port, for WebTransport.
    pub(crate) webtransport: u16,
}

impl Link {
    /// Starts relays to a server that listens on this address; none where they could not reach it.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn start(listening: SocketAddr, quality: Quality) -> io::Result<Option<Self>> {
        let ip = match listening.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => ip,
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST,
            _ => return Ok(None),
        };
        let server = SocketAddr::from((ip, listening.port()));
        let tcp = TcpRelayConfig {
            profile: quality.profile(),
            max_connections: CONNECTIONS_MAX,
            ..TcpRelayConfig::default()
        };
        let udp = RelayConfig {
            profile: quality.profile(),
            max_clients: CONNECTIONS_MAX,
            ..RelayConfig::default()
        };
        Ok(Some(Self {
            tcp: TcpRelay::start(server, tcp).await?,
            udp: UdpRelay::start(server, udp).await?,
        }))
    }

    /// Treats all that comes from now on as this says, also on connections there are.
    pub(crate) fn set(&self, quality: Quality) {
        self.tcp.set_profile(quality.profile());
        self.udp.set_profile(quality.profile());
    }

    /// Where they are.
    pub(crate) fn relays(&self) -> Relays {
        Relays {
            websocket: self.tcp.address().port(),
            webtransport: self.udp.address().port(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quality's loss is 0 to 30 percent"
)]
fn per_million(percent: f64) -> u32 {
    (percent * 10_000.0).round() as u32
}

/// Percent of the packets, each way.
pub(crate) const LOSS_PERCENT_MAX: f64 = 30.0;

/// Milliseconds, each way.
pub(crate) const DELAY_MS_MAX: f64 = 250.0;

/// Connections through each relay.
const CONNECTIONS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(loss_percent: f64, delay_ms: f64) -> Result<Quality, BadQuality> {
        Quality::try_from(LinkQuality {
            loss_percent,
            delay_ms,
        })
    }

    #[test]
    fn a_quality_is_within_its_bounds() {
        assert!(quality(0.0, 0.0).is_ok());
        assert!(quality(LOSS_PERCENT_MAX, DELAY_MS_MAX).is_ok());
        for loss in [-0.1, 30.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quality(loss, 0.0), Err(BadQuality::Loss), "{loss}");
        }
        for delay in [-0.1, 250.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quality(0.0, delay), Err(BadQuality::Delay), "{delay}");
        }
    }

    #[test]
    fn percent_and_milliseconds_are_what_the_relays_are_told() {
        let profile = quality(2.5, 30.0).unwrap().profile();
        assert_eq!(profile.loss_per_million, 25_000);
        assert_eq!(profile.delay, Duration::from_millis(30));
    }
}
