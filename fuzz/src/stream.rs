//! A byte stream in memory whose other end is bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What was written to a [`Script`], for whoever reads it later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the bytes that come out of what was written so far.
type Answer = Box<dyn FnOnce(&[u8]) -> Vec<u8> + Send>;

/// Gives its bytes in pieces of many lengths, waits between them, and then ends.
pub(crate) struct Script {
    answer: Option<Answer>,
    bytes: Vec<u8>,
    at: usize,
    pieces: Pieces,
    written: Written,
    /// It has just given a piece, and is not ready for the next.
    pausing: bool,
}

/// Lengths of pieces.
struct Pieces(u32);

impl Script {
    /// `pieces` chooses their lengths: 0 gives all at once. `answer` is asked at the first read.
    pub(crate) fn new(
        pieces: u8,
        written: Written,
        answer: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self {
            answer: Some(Box::new(answer)),
            bytes: Vec::new(),
            at: 0,
            pieces: Pieces(pieces.into()),
            written,
            pausing: false,
        }
    }
}

impl Pieces {
    fn next(&mut self) -> usize {
        if self.0 == 0 {
            return usize::MAX;
        }
        // The numerical recipes' generator: any will do.
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) | 1;
        let magnitude = (self.0 >> 20) % 10;
        1 + (self.0 >> 8) as usize % (1 << magnitude)
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(answer) = this.answer.take() {
            this.bytes = answer(&this.written.lock());
        }
        this.pausing ^= true;
        if !this.pausing && this.at < this.bytes.len() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = &this.bytes[this.at..];
        let length = this.pieces.next().min(rest.len()).min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        this.at += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let length = self.pieces.next().min(bytes.len());
        self.written.lock().extend_from_slice(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs a future in virtual time, for at most an hour of it.
pub(crate) fn run_in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it opens nothing that could fail");
    let limit = std::time::Duration::from_secs(3_600);
    runtime
        .block_on(async { tokio::time::timeout(limit, future).await })
        .expect("it waits for something that never comes")
}
