//! All that this process logs, from every crate and at every level.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::EnvFilter;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep the log, once; what goes through the crate `log` is in it.
pub(crate) fn capture() {
    static CAPTURED: Once = Once::new();
    CAPTURED.call_once(|| {
        // tungstenite tells the crate `log` what those messages hold that it reads, at `trace` and
        // nowhere else: see the documentation of trunkline-websocket.
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_env_filter(EnvFilter::new("trace,tungstenite::protocol=debug"))
            .with_writer(|| Writer)
            .init();
    });
    tracing::trace!("the log is kept");
}

/// Writes what a tap shows into the log.
pub(crate) fn keep(line: &impl std::fmt::Display) {
    let line = format!("{line}\n");
    WRITTEN.lock().unwrap().extend_from_slice(line.as_bytes());
}

pub(crate) fn written() -> String {
    String::from_utf8_lossy(&WRITTEN.lock().unwrap()).into_owned()
}

/// Texts that were found on the way.
#[derive(Clone, Default)]
pub(crate) struct Found(Arc<Mutex<Vec<String>>>);

impl Found {
    pub(crate) fn push(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
