//! Masking keys: what a client XORs its frames with (RFC 6455 section 5.3).

use std::cell::RefCell;
use std::io;

/// Random bytes fetched at once: 64 keys for one call to the operating system.
const BATCH: usize = 256;

struct Keys {
    bytes: [u8; BATCH],
    used: usize,
}

thread_local! {
    static KEYS: RefCell<Keys> = const { RefCell::new(Keys { bytes: [0; BATCH], used: BATCH }) };
}

/// A fresh unpredictable key, from the operating system's generator.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn random_key() -> io::Result<[u8; 4]> {
    KEYS.with_borrow_mut(|keys| {
        if keys.used == BATCH {
            getrandom::fill(&mut keys.bytes)?;
            keys.used = 0;
        }
        let mut key = [0; 4];
        key.copy_from_slice(&keys.bytes[keys.used..keys.used + 4]);
        // A key is never seen again, also not in a memory dump.
        keys.bytes[keys.used..keys.used + 4].fill(0);
        keys.used += 4;
        Ok(key)
    })
}

/// XORs `bytes` with `key`, repeated from its first byte.
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3],
    ]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        // chunks_exact gives eight bytes each, and the copy keeps this free of alignment.
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (index, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_follows_the_example_of_rfc_6455() {
        // Section 5.7: a single-frame masked text message, "Hello".
        let mut bytes = *b"Hello";
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn mask_equals_the_bytewise_definition_at_every_length() {
        let key = [1, 2, 3, 250];
        for length in 0..70_usize {
            let plain: Vec<u8> = (0..length).map(|index| (index * 37) as u8).collect();
            let expected: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(index, byte)| byte ^ key[index % 4])
                .collect();
            let mut masked = plain;
            apply(&mut masked, key);
            assert_eq!(masked, expected, "at length {length}");
        }
    }

    #[test]
    fn keys_differ_across_more_than_one_batch() {
        let keys: std::collections::HashSet<_> = (0..200).map(|_| random_key().unwrap()).collect();
        assert!(keys.len() > 190, "{} different keys of 200", keys.len());
    }
}
