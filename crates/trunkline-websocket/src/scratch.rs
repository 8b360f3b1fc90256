//! Where bytes from the network land first: memory of the thread, not of the connection.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Read at once. It holds a few hundred small frames; larger messages take several reads.
const CHUNK: usize = 16 * 1024;

/// Chunks one thread keeps: one is in use at a time, more only while readers leave bytes unread.
const POOLED_MAX: usize = 8;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read and not used yet. Holds no memory when there are none.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    chunk: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Scratch {
    pub(crate) fn unread(&self) -> &[u8] {
        self.chunk
            .as_deref()
            .map_or(&[], |chunk| &chunk[self.start..self.end])
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            self.release();
        }
    }

    /// Reads once; only called when nothing is unread. Zero is the end of the stream.
    pub(crate) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        stream: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.unread().is_empty());
        let chunk = self.chunk.get_or_insert_with(take);
        let mut buffer = ReadBuf::new(chunk);
        let read = Pin::new(stream).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        (self.start, self.end) = (0, filled);
        if filled == 0 {
            self.release();
        }
        ready!(read)?;
        Poll::Ready(Ok(filled))
    }

    fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        let Some(chunk) = self.chunk.take() else {
            return;
        };
        // A pool that is gone (its thread ends) or full lets the chunk go.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_MAX {
                pool.push(chunk);
            }
        });
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.release();
    }
}

fn take() -> Box<[u8]> {
    POOL.try_with(|pool| pool.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice())
}
