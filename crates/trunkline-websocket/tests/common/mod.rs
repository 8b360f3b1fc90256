//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use trunkline_transport::{Connection, DialError, DialRequest, Dialer};
use trunkline_websocket::{Config, Handler, Handshake, Listener, ListenerConfig, WebSocketDialer};

/// Hands each connection to the test.
pub(crate) struct ToTest {
    out: mpsc::Sender<(Connection, Handshake)>,
}

impl Handler for ToTest {
    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        let _ = self.out.send((connection, handshake)).await;
    }
}

/// A listener on a free port, and what connects to it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connected: mpsc::Receiver<(Connection, Handshake)>,
    pub(crate) stop: trunkline_websocket::StopHandle,
    pub(crate) serving: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(config: ListenerConfig) -> Self {
        let (out, connected) = mpsc::channel(16);
        let listener = Listener::bind("127.0.0.1:0", config)
            .await
            .expect("a free port");
        let (address, stop) = (listener.local_addr(), listener.stop_handle());
        let serving = tokio::spawn(listener.serve(Arc::new(ToTest { out })));
        Self {
            address,
            connected,
            stop,
            serving,
        }
    }

    pub(crate) async fn next(&mut self) -> (Connection, Handshake) {
        self.connected.recv().await.expect("the listener runs")
    }
}

pub(crate) fn request(address: SocketAddr, max_message: usize) -> DialRequest {
    DialRequest {
        url: format!("http://{address}"),
        protocols: vec!["trunkline.v1.msgpack".into()],
        headers: HeaderMap::new(),
        max_message,
        proxy: None,
        certificate_hashes: Vec::new(),
    }
}

pub(crate) fn secure_request(address: SocketAddr, max_message: usize) -> DialRequest {
    DialRequest {
        url: format!("https://{address}"),
        ..request(address, max_message)
    }
}

pub(crate) async fn dial(request: &DialRequest) -> Result<Connection, DialError> {
    WebSocketDialer::new(Config::default()).dial(request).await
}

/// Passes bytes on between one client and `target`; dropping the task cuts both sides off.
pub(crate) async fn relay(target: SocketAddr) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let task = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("a client");
        let mut far = TcpStream::connect(target)
            .await
            .expect("the target listens");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    (address, task)
}

/// A client that writes its bytes by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    /// What has come and was not looked at yet.
    pub(crate) unread: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the server listens");
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn upgraded(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.write(HANDSHAKE.as_bytes()).await;
        assert!(raw.head().await.starts_with("HTTP/1.1 101 "));
        raw
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .await
            .expect("the server reads");
    }

    /// Reads an answer up to its empty line.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head = self.unread.drain(..end + 4).collect();
                return String::from_utf8(head).expect("a head is text");
            }
            self.more().await.expect("a head");
        }
    }

    /// Reads everything up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.is_some() {}
        std::mem::take(&mut self.unread)
    }

    /// Reads one unmasked frame: its first byte and its content.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let [first, length @ 0..126, rest @ ..] = &self.unread[..]
                && let Some(content) = rest.get(..usize::from(*length))
            {
                let frame = (*first, content.to_vec());
                self.unread.drain(..2 + usize::from(self.unread[1]));
                return frame;
            }
            self.more().await.expect("a frame");
        }
    }

    /// Reads one frame of 126 to 65,535 bytes: its first byte and its length.
    pub(crate) async fn long_frame(&mut self) -> (u8, usize) {
        loop {
            if let [first, 126, high, low, rest @ ..] = &self.unread[..] {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if rest.len() >= length {
                    let first = *first;
                    self.unread.drain(..4 + length);
                    return (first, length);
                }
            }
            self.more().await.expect("a frame");
        }
    }

    /// None at the end of the stream.
    async fn more(&mut self) -> Option<usize> {
        self.stream
            .read_buf(&mut self.unread)
            .await
            .ok()
            .filter(|&count| count > 0)
    }
}

pub(crate) const HANDSHAKE: &str = "GET /trunkline HTTP/1.1\r\nHost: localhost\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: trunkline.v1.json\r\n\r\n";

/// A client's frame of up to 65,535 bytes, masked.
pub(crate) fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match content.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(
        content
            .iter()
            .enumerate()
            .map(|(index, byte)| byte ^ key[index % 4]),
    );
    frame
}

/// Runs a test's body and fails it when it hangs.
pub(crate) async fn within_limit<T>(body: impl Future<Output = T>) -> T {
    trunkline_testkit::drive::within_limit(body).await
}
