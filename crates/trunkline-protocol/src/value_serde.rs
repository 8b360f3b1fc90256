//! Content as a part of larger Rust values: a [`Value`] inside a struct or a tuple.
//!
//! A [`Payload`](crate::Payload) is no such part: it is all the args there are, and `&payload` as one
//! arg would be a trap.

use std::cell::Cell;

use bytes::Bytes;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Value;
use crate::message_pack::{Reader, Token, write};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Next(&Cell::new(Reader::new(self.as_message_pack()))).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written(bytes) = deserializer.deserialize_any(Writer)?;
        // Walked again, since the source may be of another format, with other rules.
        Self::from_message_pack(Bytes::from(bytes)).map_err(D::Error::custom)
    }
}

/// The next value of walked bytes. It nests no deeper than the walk allowed.
///
/// Serialising it moves the one cursor on, so that no member is read twice, however deep it is.
struct Next<'c, 'a>(&'c Cell<Reader<'a>>);

impl Serialize for Next<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reader = self.0.get();
        let token = reader.token().map_err(S::Error::custom)?;
        self.0.set(reader);
        match token {
            Token::Nil => serializer.serialize_unit(),
            Token::Boolean(value) => serializer.serialize_bool(value),
            Token::Unsigned(number) => serializer.serialize_u64(number),
            Token::Negative(number) => serializer.serialize_i64(number),
            Token::Float32(number) => serializer.serialize_f64(number.into()),
            Token::Float64(number) => serializer.serialize_f64(number),
            Token::Text(text) => {
                serializer.serialize_str(std::str::from_utf8(text).map_err(S::Error::custom)?)
            }
            Token::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Token::Array(count) => {
                let mut array = serializer.serialize_seq(Some(count as usize))?;
                for _ in 0..count {
                    array.serialize_element(&Next(self.0))?;
                }
                array.end()
            }
            Token::Map(count) => {
                let mut map = serializer.serialize_map(Some(count as usize))?;
                for _ in 0..count {
                    map.serialize_entry(&Next(self.0), &Next(self.0))?;
                }
                map.end()
            }
            Token::Extension => Err(S::Error::custom("extension types are not values")),
        }
    }
}

/// A value in MessagePack, not walked yet.
struct Written(Vec<u8>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Writer)
    }
}

struct Writer;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Written {
    let mut out = Vec::new();
    write(&mut out);
    Written(out)
}

impl<'de> Visitor<'de> for Writer {
    type Value = Written;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Written, E> {
        Ok(written(write::nil))
    }

    fn visit_none<E>(self) -> Result<Written, E> {
        Ok(written(write::nil))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Written, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Written, E> {
        Ok(written(|out| write::boolean(out, value)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Written, E> {
        Ok(written(|out| write::unsigned(out, number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Written, E> {
        Ok(written(|out| write::signed(out, number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Written, E> {
        Ok(written(|out| write::float(out, number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Written, E> {
        Ok(written(|out| write::text(out, text)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Written, E> {
        Ok(written(|out| write::bytes(out, bytes)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Written, A::Error> {
        let (mut count, mut members) = (0, Vec::new());
        while let Some(Written(element)) = elements.next_element()? {
            count += 1;
            members.extend(element);
        }
        Ok(written(|out| {
            write::array(out, count);
            out.extend(members);
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Written, A::Error> {
        let (mut count, mut members) = (0, Vec::new());
        while let Some((Written(key), Written(value))) = entries.next_entry()? {
            count += 1;
            members.extend(key);
            members.extend(value);
        }
        Ok(written(|out| {
            write::map(out, count);
            out.extend(members);
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::test_random::{Random, random_value};
    use crate::{Args, IntoArgs};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Envelope {
        auth: Value,
        kept: Option<Value>,
    }

    #[test]
    fn values_within_values_keep_their_bytes() {
        let mut random = Random::new(3);
        for _ in 0..500 {
            let mut bytes = Vec::new();
            random_value(&mut random, 5, &mut bytes);
            let value = Value::from_message_pack(bytes.into()).unwrap();
            assert_eq!(Value::encode(&value).as_ref(), Ok(&value));
            assert_eq!(value.decode::<Value>().as_ref(), Ok(&value));
        }
    }

    #[test]
    fn values_are_parts_of_structs_and_tuples() {
        let auth = Value::encode(&("token", 7)).unwrap();
        let envelope = Envelope {
            auth: auth.clone(),
            kept: None,
        };
        let payload = Args((&envelope, &auth)).into_args().unwrap();
        let json = crate::to_json(payload.as_message_pack());
        assert_eq!(json, r#"[{"auth":["token",7],"kept":null},["token",7]]"#);
        assert_eq!(payload.decode::<(Envelope, Value)>(), Ok((envelope, auth)));
    }

    #[test]
    fn other_formats_are_held_to_the_value_model() {
        let value: Value = serde_json::from_str(r#"{"a":[1,-1,null,true]}"#).unwrap();
        assert_eq!(
            crate::to_json(value.as_message_pack()),
            r#"{"a":[1,-1,null,true]}"#
        );
        assert!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).is_err());
    }
}
