//! The walk over content that checks all the value model asks for.

use smallvec::SmallVec;

use super::{Reader, Token};
use crate::BadArgs;

/// Checks that `bytes` are one value that keeps the value model, with nothing after it.
///
/// `depth` is the limit on nesting. The frame's array is level 1, so the value's own container is
/// level 2. Allocates only for more than [`INLINE_LEVELS`] open containers or [`INLINE_KEYS`] keys
/// of open maps, and never more than in proportion to the bytes at hand. Takes time of n log n at
/// most, whatever the bytes are.
pub(crate) fn walk(bytes: &[u8], depth: u32) -> Result<Walked, BadArgs> {
    match walk_flat(bytes, depth) {
        Some(walked) => Ok(walked),
        None => walk_nested(bytes, depth),
    }
}

/// Most args are scalars alone, which need no stack. Nothing for all else, right or wrong.
fn walk_flat(bytes: &[u8], depth: u32) -> Option<Walked> {
    let mut reader = Reader::new(bytes);
    let Ok(Token::Array(count)) = reader.token() else {
        return None;
    };
    let mut has_float_32 = false;
    for _ in 0..count {
        match reader.token().ok()? {
            Token::Text(text) => check_utf8(text).ok()?,
            Token::Float32(_) => has_float_32 = true,
            Token::Array(_) | Token::Map(_) | Token::Extension => return None,
            _ => {}
        }
    }
    (depth >= 2 && reader.rest().is_empty()).then_some(Walked { has_float_32 })
}

fn walk_nested(bytes: &[u8], depth: u32) -> Result<Walked, BadArgs> {
    let mut walk = Walk {
        reader: Reader::new(bytes),
        depth: depth as usize,
        open: SmallVec::new(),
        keys: SmallVec::new(),
        walked: Walked {
            has_float_32: false,
        },
    };
    loop {
        walk.value()?;
        if !walk.next_member()? {
            break;
        }
    }
    if walk.reader.rest().is_empty() {
        Ok(walk.walked)
    } else {
        Err(BadArgs::TrailingBytes)
    }
}

/// What a walk saw on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Whether there is a float 32, which peers take but ours never send.
    pub(crate) has_float_32: bool,
}

/// Open containers that need no allocation.
const INLINE_LEVELS: usize = 8;
/// Keys of open maps that need no allocation.
const INLINE_KEYS: usize = 16;
/// Keys of a map up to this size are compared pairwise as they come, those of larger ones sorted at
/// the map's end.
const PAIRWISE_KEYS: u32 = 8;

struct Walk<'a> {
    reader: Reader<'a>,
    depth: usize,
    open: SmallVec<[Open; INLINE_LEVELS]>,
    /// The keys of all open maps so far, the innermost map's last.
    keys: SmallVec<[&'a [u8]; INLINE_KEYS]>,
    walked: Walked,
}

/// A container whose members are not all read.
struct Open {
    /// Members that are still to come; a map's member is a key and a value.
    due: u32,
    map: Option<OpenMap>,
}

#[derive(Clone, Copy)]
struct OpenMap {
    /// Where in [`Walk::keys`] its keys begin.
    first_key: usize,
    /// Whether keys are compared as they come.
    pairwise: bool,
}

impl<'a> Walk<'a> {
    /// Reads a scalar, or the header of a container.
    fn value(&mut self) -> Result<(), BadArgs> {
        match self.reader.token()? {
            Token::Text(text) => check_utf8(text),
            Token::Float32(_) => {
                self.walked.has_float_32 = true;
                Ok(())
            }
            Token::Array(count) => self.open(Open {
                due: count,
                map: None,
            }),
            Token::Map(count) => {
                let map = OpenMap {
                    first_key: self.keys.len(),
                    pairwise: count <= PAIRWISE_KEYS,
                };
                self.open(Open {
                    due: count,
                    map: Some(map),
                })
            }
            Token::Extension => Err(BadArgs::Extension),
            _ => Ok(()),
        }
    }

    fn open(&mut self, container: Open) -> Result<(), BadArgs> {
        // Level 1 is the frame's array, which is not in `open`.
        if self.open.len() + 2 > self.depth {
            return Err(BadArgs::TooDeep {
                limit: self.depth as u32,
            });
        }
        self.open.push(container);
        Ok(())
    }

    /// Closes what is complete and goes to the next member's value. False when nothing is open.
    fn next_member(&mut self) -> Result<bool, BadArgs> {
        while let Some(innermost) = self.open.last_mut() {
            let map = innermost.map;
            if let Some(due) = innermost.due.checked_sub(1) {
                innermost.due = due;
                if let Some(map) = map {
                    self.key(map)?;
                }
                return Ok(true);
            }
            if let Some(map) = map {
                self.close(map)?;
            }
            self.open.pop();
        }
        Ok(false)
    }

    fn key(&mut self, map: OpenMap) -> Result<(), BadArgs> {
        let Token::Text(key) = self.reader.token()? else {
            return Err(BadArgs::KeyNotAString);
        };
        check_utf8(key)?;
        if map.pairwise && self.keys[map.first_key..].contains(&key) {
            return Err(BadArgs::DuplicateKey);
        }
        self.keys.push(key);
        Ok(())
    }

    fn close(&mut self, map: OpenMap) -> Result<(), BadArgs> {
        let keys = &mut self.keys[map.first_key..];
        if !map.pairwise {
            keys.sort_unstable();
            if keys.array_windows().any(|[one, next]| one == next) {
                return Err(BadArgs::DuplicateKey);
            }
        }
        self.keys.truncate(map.first_key);
        Ok(())
    }
}

fn check_utf8(text: &[u8]) -> Result<(), BadArgs> {
    // Most texts are ASCII, and that is seen faster.
    if text.is_ascii() || std::str::from_utf8(text).is_ok() {
        Ok(())
    } else {
        Err(BadArgs::NotUtf8)
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;

    const DEPTH: u32 = 64;

    /// A map whose keys are the numbers below `count`, then `last`.
    fn map_with_keys(count: u32, last: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write::map(&mut out, count + 1);
        for number in 0..count {
            write::text(&mut out, &number.to_string());
            write::nil(&mut out);
        }
        write::text(&mut out, last);
        write::nil(&mut out);
        out
    }

    fn nested_arrays(levels: usize) -> Vec<u8> {
        let mut out = vec![0x91; levels - 1];
        out.push(0x90);
        out
    }

    #[test]
    fn duplicate_keys_are_found_in_maps_of_every_size() {
        for count in [1, 2, 7, 8, 9, 15, 16, 17, 1000] {
            assert!(
                walk(&map_with_keys(count, "last"), DEPTH).is_ok(),
                "{count}"
            );
            let twice = walk(&map_with_keys(count, &(count / 2).to_string()), DEPTH);
            assert_eq!(twice, Err(BadArgs::DuplicateKey), "{count}");
        }
    }

    #[test]
    fn maps_within_maps_may_repeat_each_others_keys() {
        // {"a": {"a": 1, "b": {"a": 2}}, "b": 3}
        let bytes = b"\x82\xa1a\x82\xa1a\x01\xa1b\x81\xa1a\x02\xa1b\x03";
        assert!(walk(bytes, DEPTH).is_ok());
        // {"a": {"b": 1}, "b": 2, "a": 3}
        let twice = b"\x83\xa1a\x81\xa1b\x01\xa1b\x02\xa1a\x03";
        assert_eq!(walk(twice, DEPTH), Err(BadArgs::DuplicateKey));
    }

    #[test]
    fn the_frames_array_counts_as_the_first_level() {
        assert!(walk(&nested_arrays(63), DEPTH).is_ok());
        assert_eq!(
            walk(&nested_arrays(64), DEPTH),
            Err(BadArgs::TooDeep { limit: 64 })
        );
        assert_eq!(
            walk(&nested_arrays(1_000_000), DEPTH),
            Err(BadArgs::TooDeep { limit: 64 })
        );
        assert!(walk(&[0xc0], 1).is_ok());
        assert_eq!(walk(&[0x90], 1), Err(BadArgs::TooDeep { limit: 1 }));
    }

    #[test]
    fn what_needs_no_stack_is_judged_as_with_one() {
        for (header, first) in [0x90, 0x91, 0x92]
            .iter()
            .flat_map(|it| (0..=0xff).map(move |first| (*it, first)))
        {
            for second in 0..=0xff {
                for bytes in [&[header, first, second][..], &[header, first]] {
                    for depth in [1, 2] {
                        assert_eq!(walk(bytes, depth), walk_nested(bytes, depth), "{bytes:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_great_depth_is_walked_if_it_is_allowed() {
        assert!(walk(&nested_arrays(100_000), 200_000).is_ok());
    }

    #[test]
    fn float_32_is_a_value_and_is_noticed() {
        let narrow = walk(&[0x91, 0xca, 0, 0, 0, 0], DEPTH);
        assert_eq!(narrow, Ok(Walked { has_float_32: true }));
        assert_eq!(
            walk(&[0x91, 0x01], DEPTH),
            Ok(Walked {
                has_float_32: false
            })
        );
    }
}
