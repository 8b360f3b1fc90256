//! An HTTP request's head and a WebSocket client's bytes, in pieces, as the listener takes them.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::mpsc;
use trunkline_transport::{Connection, MessageKind};
use trunkline_websocket::{Config, Handler, Handshake, ListenerConfig, fuzzing};

use crate::input::Input;
use crate::stream::{Script, Written, run_in_virtual_time};

/// The first byte says whether a good handshake goes ahead of the bytes, the second into which
/// pieces they are cut; the rest are the bytes.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let head = match input.below(2) {
        0 => GOOD_HEAD,
        _ => b"",
    };
    let pieces = input.byte();
    let bytes = [head, input.rest()].concat();
    run_in_virtual_time(serve(bytes, pieces));
}

async fn serve(bytes: Vec<u8>, pieces: u8) {
    let (ended, mut ends) = mpsc::channel(1);
    let config = ListenerConfig {
        websocket: Config {
            max_message: MESSAGE_MAX,
            ..Config::default()
        },
        ..ListenerConfig::default()
    };
    let written = Written::default();
    let stream = Script::new(pieces, written.clone(), |_| bytes);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    fuzzing::serve_http(stream, peer, Arc::new(config), Arc::new(Echo { ended })).await;
    let came_about = ends.recv().await.is_some();
    let written = written.take();
    let expected: &[u8] = match came_about {
        true => b"HTTP/1.1 101 ",
        false => b"HTTP/1.",
    };
    assert!(
        written.is_empty() || written.starts_with(expected),
        "{:?}",
        String::from_utf8_lossy(&written)
    );
}

/// Sends every message back until the connection ends.
struct Echo {
    ended: mpsc::Sender<()>,
}

impl Handler for Echo {
    async fn connected(self: Arc<Self>, mut connection: Connection, handshake: Handshake) {
        assert_eq!(connection.protocol, handshake.negotiated.name());
        let Connection {
            sender, receiver, ..
        } = &mut connection;
        while let Ok(message) = poll_fn(|cx| receiver.poll_receive(cx)).await {
            assert!(message.bytes.len() <= MESSAGE_MAX);
            let is_text = message.kind == MessageKind::Text;
            assert!(!is_text || str::from_utf8(&message.bytes).is_ok());
            sender.push(message.kind, &[&message.bytes]);
            // Its end is told by the receiver too.
            let _ = poll_fn(|cx| sender.poll_flush(cx)).await;
        }
        // It stays over, and is closed once.
        poll_fn(|cx| {
            let again = receiver.poll_receive(cx);
            assert!(matches!(again, Poll::Ready(Err(_))));
            Poll::Ready(())
        })
        .await;
        let _ = poll_fn(|cx| sender.poll_close(cx, 1000, "over")).await;
        let _ = self.ended.send(()).await;
    }
}

/// What a browser sends, about.
const GOOD_HEAD: &[u8] = b"GET /trunkline HTTP/1.1\r\n\
    Host: localhost:3000\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: trunkline.v1.json\r\n\r\n";

/// The largest message that is taken, bytes: small, so that inputs reach it.
const MESSAGE_MAX: usize = 600;
