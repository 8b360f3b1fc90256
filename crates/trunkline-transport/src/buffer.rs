//! The write buffer of a sending half.

use std::cell::RefCell;

/// Bytes on their way to a transport, in memory that is borrowed while there are any.
///
/// The allocation comes from a pool of the current thread with the first byte and goes back to the
/// (then current) thread's pool with the last, so an idle connection holds none. What is in it is
/// not bounded here: the caller looks at [`len`](Self::len) before it pushes.
///
/// ```
/// use trunkline_transport::WriteBuffer;
///
/// let mut buffer = WriteBuffer::new();
/// buffer.push(b"header");
/// buffer.push(b"payload");
/// assert_eq!(buffer.unwritten(), b"headerpayload");
/// buffer.advance(6); // the transport took six bytes
/// assert_eq!(buffer.unwritten(), b"payload");
/// buffer.advance(7);
/// assert_eq!(buffer.capacity(), 0);
/// ```
#[derive(Debug, Default)]
pub struct WriteBuffer {
    bytes: Vec<u8>,
    /// How many of `bytes` the transport has taken.
    offset: usize,
}

impl WriteBuffer {
    /// An empty buffer that holds no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            offset: 0,
        }
    }

    /// Appends bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends `parts` and returns them as they now lie in the buffer, to be changed in place (a
    /// WebSocket client masks what it sends).
    pub fn push_parts(&mut self, parts: &[&[u8]]) -> &mut [u8] {
        self.reserve(parts.iter().map(|part| part.len()).sum());
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        &mut self.bytes[start..]
    }

    /// Makes room for `additional` bytes: from the pool if this is the first, and otherwise by
    /// moving what is left to the front once more than half of the buffer has been written.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        if additional > self.bytes.capacity() - self.bytes.len() {
            self.grow(additional);
        }
    }

    fn grow(&mut self, additional: usize) {
        if self.bytes.capacity() == 0 {
            self.bytes = take();
        } else if self.offset > self.bytes.len() / 2 {
            // Each byte is moved at most once per doubling of the offset: amortised constant.
            self.bytes.drain(..self.offset);
            self.offset = 0;
        }
        self.bytes.reserve(additional);
    }

    /// What the transport has not taken yet.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.offset..]
    }

    /// Marks `count` bytes as taken by the transport. With the last one the memory goes back.
    ///
    /// # Panics
    /// If `count` is above [`len`](Self::len).
    pub fn advance(&mut self, count: usize) {
        assert!(
            count <= self.len(),
            "advanced by {count} of {} buffered bytes",
            self.len()
        );
        self.offset += count;
        if self.offset == self.bytes.len() {
            self.clear();
        }
    }

    /// Bytes not taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Whether all has been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets what has not been taken, and gives the memory back.
    pub fn clear(&mut self) {
        self.offset = 0;
        give_back(std::mem::take(&mut self.bytes));
    }
}

impl Drop for WriteBuffer {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Buffers that one thread keeps at most. A fan-out needs one at a time unless sockets block.
const POOLED_BUFFERS_MAX: usize = 32;

/// The largest buffer that is kept; one that a spike has grown further is freed.
const POOLED_BYTES_MAX: usize = 64 * 1024;

/// What a new buffer starts with: several small frames, and little for a socket that stays blocked.
const FIRST_CAPACITY: usize = 1024;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn take() -> Vec<u8> {
    // The pool is gone while its thread ends; then a buffer is simply allocated.
    POOL.try_with(|pool| pool.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| Vec::with_capacity(FIRST_CAPACITY))
}

fn give_back(mut bytes: Vec<u8>) {
    if bytes.capacity() == 0 || bytes.capacity() > POOLED_BYTES_MAX {
        return;
    }
    bytes.clear();
    // A pool that is gone or full lets the buffer go.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOLED_BUFFERS_MAX {
            pool.push(bytes);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> usize {
        POOL.with(|pool| pool.borrow().len())
    }

    /// Other tests may have run on this thread.
    fn empty_pool() {
        POOL.with(|pool| pool.borrow_mut().clear());
    }

    #[test]
    fn drained_buffer_gives_its_memory_to_the_pool_and_the_next_one_takes_it() {
        empty_pool();
        let mut buffer = WriteBuffer::new();
        buffer.push(b"abc");
        let held = buffer.unwritten().as_ptr();
        buffer.advance(3);
        assert_eq!((buffer.capacity(), pooled()), (0, 1));
        let mut next = WriteBuffer::new();
        next.push(b"x");
        assert_eq!((next.unwritten().as_ptr(), pooled()), (held, 0));
    }

    #[test]
    fn buffer_grown_by_a_spike_is_freed_and_not_pooled() {
        empty_pool();
        let mut buffer = WriteBuffer::new();
        buffer.push(&vec![7; POOLED_BYTES_MAX + 1]);
        buffer.advance(POOLED_BYTES_MAX + 1);
        assert_eq!((buffer.capacity(), pooled()), (0, 0));
    }

    #[test]
    fn pool_keeps_a_bounded_number_of_buffers() {
        empty_pool();
        let mut buffers: Vec<_> = (0..POOLED_BUFFERS_MAX + 5)
            .map(|_| WriteBuffer::new())
            .collect();
        buffers.iter_mut().for_each(|buffer| buffer.push(b"x"));
        drop(buffers);
        assert_eq!(pooled(), POOLED_BUFFERS_MAX);
    }

    #[test]
    fn partial_writes_keep_order_while_more_is_pushed() {
        let mut buffer = WriteBuffer::new();
        let (mut expected, mut taken) = (Vec::new(), Vec::new());
        for round in 0..200_usize {
            let chunk = vec![(round % 251) as u8; round * 7 % 500];
            expected.extend_from_slice(&chunk);
            buffer.push(&chunk);
            let count = buffer.len().min(round * 3 % 400);
            taken.extend_from_slice(&buffer.unwritten()[..count]);
            buffer.advance(count);
        }
        taken.extend_from_slice(buffer.unwritten());
        assert_eq!(taken, expected);
    }

    #[test]
    fn written_front_is_reused_so_that_a_steady_backlog_does_not_grow_the_buffer() {
        let mut buffer = WriteBuffer::new();
        buffer.push(&[0; 2000]);
        for _ in 0..10_000 {
            buffer.push(&[1; 100]);
            buffer.advance(100);
        }
        assert_eq!(buffer.len(), 2000);
        assert!(
            buffer.capacity() <= 16 * 1024,
            "{} bytes for 2000",
            buffer.capacity()
        );
    }

    #[test]
    fn pushing_nothing_takes_no_memory() {
        let mut buffer = WriteBuffer::new();
        buffer.push(b"");
        assert!(buffer.push_parts(&[b"", b""]).is_empty());
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn parts_are_handed_out_to_be_changed_in_place() {
        let mut buffer = WriteBuffer::new();
        buffer.push(b"head");
        buffer.push_parts(&[b"ab", b"c"]).make_ascii_uppercase();
        assert_eq!(buffer.unwritten(), b"headABC");
    }
}
