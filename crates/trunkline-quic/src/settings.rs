//! QUIC's timers, windows and buffers.

use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

use crate::Congestion;
use crate::sync::Arc;

/// How QUIC connections behave. The defaults are meant for many connections with little traffic
/// each, and for datagrams that are worthless when they are late.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Silence after which a connection is dead, milliseconds' precision. Default 30 s: what
    /// Chromium has too; the session's heartbeat notices sooner.
    pub idle_timeout: Duration,
    /// How often a packet goes out for the sake of devices between the peers that forget silent UDP
    /// flows. Default 15 s, below the 30 s after which the most forgetful do (RFC 9308, section 3.2).
    pub keep_alive: Duration,
    /// The socket's buffers in the kernel, bytes, each way; the kernel may give less. Default 4 MiB:
    /// its own default, about 200 KiB, loses datagrams of a burst of a few hundred.
    pub socket_buffer: usize,
    /// Bytes of datagrams that wait in QUIC for the network. Default 4 KiB, at least 2 KiB, which holds
    /// one of any size. Further ones wait in the session, where a newer value takes the place of an older
    /// one: what QUIC has, nothing can replace. Specification: best-effort.md, BEF-014.
    pub datagram_queue: usize,
    /// Bytes of datagrams that wait to be received; then the oldest goes. Default 64 KiB.
    pub datagram_inbox: usize,
    /// Bytes that may be under way to this side on all streams of a connection together, and so what a
    /// peer that is not read can fill. Default 1 MiB, one message of the largest default size. A peer that
    /// fills streams beside that of its messages takes it from these alone. Specification: TRN-022.
    pub receive_window: u32,
    /// Bytes that may wait in QUIC to be sent or acknowledged. Default 1 MiB.
    pub send_window: u64,
    /// What decides how much this side may have under way. Default [`Congestion::CubicWithFloor`].
    pub congestion: Congestion,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            socket_buffer: 4 * 1024 * 1024,
            datagram_queue: 4 * 1024,
            datagram_inbox: 64 * 1024,
            receive_window: 1024 * 1024,
            send_window: 1024 * 1024,
            congestion: Congestion::default(),
        }
    }
}

impl Settings {
    pub(crate) fn transport(&self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        let idle = IdleTimeout::try_from(self.idle_timeout).unwrap_or(VarInt::MAX.into());
        config
            .max_idle_timeout(Some(idle))
            .keep_alive_interval(Some(self.keep_alive))
            .datagram_send_buffer_size(self.datagram_queue.max(DATAGRAM_QUEUE_LEAST))
            .datagram_receive_buffer_size(Some(self.datagram_inbox))
            .stream_receive_window(self.receive_window.into())
            .receive_window(self.receive_window.into())
            .send_window(self.send_window)
            .max_concurrent_bidi_streams(STREAMS_BIDI.into())
            .max_concurrent_uni_streams(STREAMS_UNI.into());
        self.congestion.set(&mut config);
        Arc::new(config)
    }
}

/// Room for one datagram of the largest size that a path may carry: one that never has room would wait
/// for ever.
const DATAGRAM_QUEUE_LEAST: usize = 2 * 1024;

/// Bidirectional streams a peer may have open: the request's and the messages'. Further ones wait at the
/// peer until the session is over, at no cost here (specification: TRN-022).
const STREAMS_BIDI: u32 = 2;

/// Unidirectional ones: HTTP/3's control stream, QPACK's two, and some for whatever else a browser
/// opens to try a server's tolerance (RFC 9114, section 6.2.3).
const STREAMS_UNI: u32 = 8;
