//! The log of the whole test binary; tests find their own lines by their peer's address.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock};

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::house::soon;

fn lines() -> &'static watch::Sender<Vec<String>> {
    static LINES: OnceLock<watch::Sender<Vec<String>>> = OnceLock::new();
    LINES.get_or_init(|| watch::Sender::new(Vec::new()))
}

struct ToLines;

impl io::Write for ToLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).into_owned();
        lines().send_modify(|lines| lines.push(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep the log, once.
pub(crate) fn capture() {
    static CAPTURED: Mutex<bool> = Mutex::new(false);
    let mut captured = CAPTURED.lock().unwrap();
    if !*captured {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_env_filter(EnvFilter::new("trunkline=debug,trunkline_server=debug,trunkline_driver=debug,trunkline_websocket=debug,trunkline_tls=debug"))
            .with_writer(|| ToLines)
            .init();
        *captured = true;
    }
}

/// Waits for a line with this peer's address and this text.
pub(crate) async fn tells(peer: SocketAddr, text: &str) {
    says(&peer.to_string(), text).await;
}

/// Waits for a line with both texts.
pub(crate) async fn says(one: &str, text: &str) {
    let found = |lines: &Vec<String>| {
        let mut lines = lines.iter();
        lines.any(|line| line.contains(one) && line.contains(text))
    };
    let what = format!("a log line with {one} and {text:?}");
    let mut lines = lines().subscribe();
    let _ = soon(&what, lines.wait_for(found)).await.unwrap();
}

/// How many lines have this text.
pub(crate) fn count(text: &str) -> usize {
    let lines = lines().borrow();
    lines.iter().filter(|line| line.contains(text)).count()
}
