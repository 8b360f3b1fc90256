//! A value of the value model, comparable as the specification compares values.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// A value. An integer and a float of equal value are equal, and NaN equals NaN.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Nil,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Plain {
    /// The meaning of a case: application values and bytes in it have the marks of JSON.
    pub(crate) fn meaning(json: &Json) -> Self {
        Self::from_json(json, false)
    }

    /// An application value with the marks of JSON.
    pub(crate) fn marked(json: &Json) -> Self {
        Self::from_json(json, true)
    }

    fn from_json(json: &Json, has_marks: bool) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Boolean(*value),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer.into()),
                None => Self::Float(number.as_f64().expect("a number is a float")),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(elements) => Self::Array(
                elements
                    .iter()
                    .map(|one| Self::from_json(one, has_marks))
                    .collect(),
            ),
            Json::Object(members) => {
                let mark = members
                    .iter()
                    .next()
                    .filter(|_| has_marks && members.len() == 1);
                mark.and_then(|(key, value)| Self::from_mark(key, value))
                    .unwrap_or_else(|| {
                        let member = |(key, value): (&String, &Json)| {
                            let is_value = ["args", "auth", "data", "hashes"].contains(&&**key);
                            (key.clone(), Self::from_json(value, has_marks || is_value))
                        };
                        Self::Map(members.iter().map(member).collect())
                    })
            }
        }
    }

    fn from_mark(key: &str, value: &Json) -> Option<Self> {
        let mark = key.strip_prefix('$')?;
        if mark.starts_with('$') {
            let value = Self::from_json(value, true);
            return Some(Self::Map(BTreeMap::from([(mark.to_owned(), value)])));
        }
        let text = value.as_str().expect("a mark holds a string");
        Some(match mark {
            "bin" => Self::Bytes(URL_SAFE_NO_PAD.decode(text).expect("base64url")),
            "int" => Self::Integer(text.parse().expect("decimal digits")),
            "num" => Self::Float(text.parse().expect("Rust knows these names too")),
            _ => panic!("the vectors hold an unknown mark: {mark}"),
        })
    }
}

impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Boolean(one), Self::Boolean(two)) => one == two,
            (Self::Integer(one), Self::Integer(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one == two || (one.is_nan() && two.is_nan()),
            (Self::Integer(integer), Self::Float(float))
            | (Self::Float(float), Self::Integer(integer)) => {
                *float == *integer as f64 && *float as i128 == *integer
            }
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::Array(one), Self::Array(two)) => one == two,
            (Self::Map(one), Self::Map(two)) => one == two,
            _ => false,
        }
    }
}

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(integer) => match u64::try_from(*integer) {
                Ok(integer) => serializer.serialize_u64(integer),
                Err(_) => serializer.serialize_i64(i64::try_from(*integer).expect("in range")),
            },
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(elements) => elements.serialize(serializer),
            Self::Map(members) => members.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the value model")
    }

    fn visit_unit<E: Error>(self) -> Result<Plain, E> {
        Ok(Plain::Nil)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain::Boolean(value))
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<Plain, E> {
        Ok(Plain::Integer(integer.into()))
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<Plain, E> {
        Ok(Plain::Integer(integer.into()))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Plain, E> {
        Ok(Plain::Float(float))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Plain, E> {
        Ok(Plain::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Plain, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element()? {
            array.push(element);
        }
        Ok(Plain::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Plain, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = members.next_entry()? {
            map.insert(key, value);
        }
        Ok(Plain::Map(map))
    }
}
