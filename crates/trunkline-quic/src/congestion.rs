//! What decides how much a connection may have under way.

use std::any::Any;
use std::time::Instant;

use quinn::TransportConfig;
use quinn::congestion::{
    BbrConfig, Controller, ControllerFactory, ControllerMetrics, Cubic, CubicConfig, NewRenoConfig,
};
use quinn_proto::RttEstimator;

use crate::sync::Arc;

/// What decides how much a connection may have under way, of what this side sends; the other side has
/// its own.
///
/// It matters to datagrams too: what may not be sent yet waits, or goes for a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Congestion {
    /// Cubic that lets at least 12,000 bytes be under way, what every connection may begin with,
    /// unless nothing gets through at all.
    ///
    /// Whoever sends little never makes the window grow, and a loss now and then, as radio has it,
    /// makes it shrink to two packets: then the next datagrams wait for a round trip, though the
    /// network has room.
    #[default]
    CubicWithFloor,
    /// Cubic (RFC 9438).
    Cubic,
    /// New Reno (RFC 9002, section 7).
    NewReno,
    /// quinn's BBR, which quinn calls experimental.
    Bbr,
}

impl Congestion {
    pub(crate) fn set(self, config: &mut TransportConfig) {
        match self {
            Self::CubicWithFloor => config.congestion_controller_factory(Arc::new(Floored)),
            Self::Cubic => config.congestion_controller_factory(Arc::new(CubicConfig::default())),
            Self::NewReno => {
                config.congestion_controller_factory(Arc::new(NewRenoConfig::default()))
            }
            Self::Bbr => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
        };
    }
}

/// Makes Cubic with a floor.
#[derive(Debug)]
struct Floored;

impl ControllerFactory for Floored {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let cubic = Cubic::new(Arc::new(CubicConfig::default()), now, current_mtu);
        Box::new(CubicWithFloor {
            floor: Floor::new(cubic.initial_window()),
            cubic,
        })
    }
}

#[derive(Clone, Debug)]
struct CubicWithFloor {
    cubic: Cubic,
    floor: Floor,
}

impl Controller for CubicWithFloor {
    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.floor.on_ack(bytes);
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        if is_persistent_congestion {
            self.floor.give_way();
        }
        let cubic = &mut self.cubic;
        cubic.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.floor.under(self.cubic.window())
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.cubic.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// The least window. It gives way to persistent congestion (RFC 9002, section 7.6), and is there again
/// when as many bytes as it has got through.
#[derive(Clone, Debug)]
struct Floor {
    bytes: u64,
    /// Bytes acknowledged since it gave way.
    through: u64,
}

impl Floor {
    const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            through: bytes,
        }
    }

    const fn on_ack(&mut self, bytes: u64) {
        self.through = self.through.saturating_add(bytes);
    }

    const fn give_way(&mut self) {
        self.through = 0;
    }

    fn under(&self, window: u64) -> u64 {
        match self.through >= self.bytes {
            true => window.max(self.bytes),
            false => window,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MTU: u16 = 1_200;
    const INITIAL: u64 = 12_000;

    /// What is left of a window after losses that come one by one.
    fn after_losses(controller: &mut dyn Controller, is_persistent: bool) -> u64 {
        let mut now = Instant::now();
        for _ in 0..20 {
            now += Duration::from_secs(1);
            controller.on_congestion_event(now, now, is_persistent, MTU.into());
        }
        controller.window()
    }

    fn built(factory: Arc<dyn ControllerFactory>) -> Box<dyn Controller> {
        factory.build(Instant::now(), MTU)
    }

    #[test]
    fn losses_leave_cubic_two_packets_and_the_floor_stands() {
        let mut cubic = built(Arc::new(CubicConfig::default()));
        assert_eq!(after_losses(&mut *cubic, false), 2 * u64::from(MTU));
        let mut floored = built(Arc::new(Floored));
        assert_eq!(floored.window(), INITIAL);
        assert_eq!(after_losses(&mut *floored, false), INITIAL);
        assert_eq!(floored.metrics().congestion_window, INITIAL);
    }

    #[test]
    fn the_floor_gives_way_to_persistent_congestion() {
        let mut floored = built(Arc::new(Floored));
        assert_eq!(after_losses(&mut *floored, true), 2 * u64::from(MTU));
    }

    #[test]
    fn a_floor_is_there_again_when_as_much_has_got_through() {
        let mut floor = Floor::new(INITIAL);
        assert_eq!(
            (floor.under(5), floor.under(INITIAL + 1)),
            (INITIAL, INITIAL + 1)
        );
        floor.give_way();
        floor.on_ack(INITIAL - 1);
        assert_eq!(floor.under(5), 5);
        floor.on_ack(1);
        assert_eq!(floor.under(5), INITIAL);
    }
}
