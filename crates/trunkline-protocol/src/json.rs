//! JSON, which content is transcoded to and from at the edge.

mod parser;
mod read;
mod split;
mod write;

pub(crate) use parser::NotJson;
pub(crate) use read::{to_message_pack, unquote};
pub(crate) use split::{Shape, split};
pub(crate) use write::{write_text, write_value};

use crate::message_pack::Reader;

/// Content in JSON as it would travel, for taps and logs that show content on purpose.
///
/// `message_pack` is one value that keeps the value model; what does not is shown as `null`.
#[must_use]
pub fn to_json(message_pack: &[u8]) -> String {
    let mut out = Vec::with_capacity(message_pack.len() * 2);
    match write_value(&mut Reader::new(message_pack), &mut out) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_pack::walk;
    use crate::test_random::{Random, random_value};

    #[test]
    fn random_values_come_back_from_json_as_they_were() {
        let mut random = Random::new(7);
        for seed in 0..2_000 {
            let mut value = Vec::new();
            random_value(&mut random, 6, &mut value);
            assert!(walk(&value, 64).is_ok(), "value {seed}");
            let json = to_json(&value);
            assert_eq!(
                to_message_pack(&json, 64).as_deref(),
                Ok(&*value),
                "value {seed}: {json}"
            );
        }
    }

    #[test]
    fn random_json_never_panics() {
        let mut random = Random::new(8);
        for _ in 0..20_000 {
            let mut value = Vec::new();
            random_value(&mut random, 4, &mut value);
            let mut json = to_json(&value).into_bytes();
            let index = random.below(json.len() as u64) as usize;
            json[index] = b"[]{},:\"\\$0.e-nt "[random.below(16) as usize];
            if let Ok(text) = str::from_utf8(&json)
                && let Ok(bytes) = to_message_pack(text, 64)
                && walk(&bytes, 64).is_ok()
            {
                assert_eq!(to_message_pack(&to_json(&bytes), 64), Ok(bytes), "{text}");
            }
        }
    }

    #[test]
    fn what_breaks_the_value_model_is_shown_as_null() {
        assert_eq!(to_json(&[0xc1]), "null");
        assert_eq!(to_json(&[0xa1, 0xff]), "null");
    }
}
