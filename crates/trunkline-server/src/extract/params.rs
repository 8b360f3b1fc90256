//! What stands in a namespace's name for the parts of its pattern.

use std::fmt;

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};

use crate::Failure;
use crate::extract::Extract;
use crate::handler::Call;

/// What stands in the namespace's name for the parts of its pattern, as a `T`.
///
/// With `/org/{id}`, `Params<u32>` is the id. Several are a tuple, in the order of the pattern, or a
/// struct or map by their names. Numbers, `bool`, `char`, texts and enums of unit variants are read, as
/// they stand: nothing is unescaped.
///
/// A name that does not fit is no namespace: in `on_connect` and its middleware it is refused with
/// `unknown-namespace`. An event is failed with `bad-args`. In a namespace of no pattern the call
/// fails as internal, and the log says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<T>(pub T);

impl<S, T: DeserializeOwned> Extract<S> for Params<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let namespace = call.socket().namespace_inner();
        let Some(concrete) = namespace.concrete() else {
            return Err(Failure::from(Misfit("a namespace of no pattern".into())));
        };
        T::deserialize(concrete.params())
            .map(Self)
            .map_err(|misfit| {
                tracing::debug!(namespace = %namespace.name(), %misfit, "the name does not fit");
                match call.event() {
                    None => Failure::unknown_namespace(),
                    Some(_) => Failure::bad_args(format!("the namespace's name: {misfit}")),
                }
            })
    }
}

/// The parts of a pattern with what stands for them, in the pattern's order.
#[derive(Debug)]
pub(crate) struct PatternParams(Box<[(Box<str>, Box<str>)]>);

impl PatternParams {
    pub(crate) fn new<'a>(params: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            params
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
        )
    }

    fn texts(&self) -> impl ExactSizeIterator<Item = Text<'_>> {
        self.0.iter().map(|(_, text)| Text(text))
    }

    fn only(&self) -> Result<Text<'_>, Misfit> {
        match &*self.0 {
            [(_, text)] => Ok(Text(text)),
            several => Err(Misfit(format!(
                "one value is wanted where the pattern has {} parts",
                several.len()
            ))),
        }
    }

    fn sequence<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Misfit> {
        let mut texts = SeqDeserializer::new(self.texts());
        let value = visitor.visit_seq(&mut texts)?;
        texts.end()?;
        Ok(value)
    }
}

/// Why a namespace's name does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misfit(String);

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Kinds of values that the one part of a pattern may be.
macro_rules! of_the_only_text {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.only()?.$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de PatternParams {
    type Error = Misfit;

    of_the_only_text! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let entries = self.0.iter().map(|(name, text)| (&**name, Text(text)));
        visitor.visit_map(MapDeserializer::new(entries))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.sequence(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.sequence(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }
}

/// One part: text, read as what is wanted.
#[derive(Clone, Copy)]
struct Text<'de>(&'de str);

impl<'de> IntoDeserializer<'de, Misfit> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Values that are parsed from their text.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Misfit(format!("{:?} is no {}", self.0, stringify!($type)))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Misfit;

    parsed! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
        deserialize_char visit_char char,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    fn params(parts: &[(&str, &str)]) -> PatternParams {
        PatternParams::new(parts.iter().copied())
    }

    fn read<T: DeserializeOwned>(parts: &[(&str, &str)]) -> Result<T, String> {
        T::deserialize(&params(parts)).map_err(|misfit| misfit.to_string())
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Org {
        id: u32,
        name: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Id(u32);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        OpenSource,
    }

    const ONE: &[(&str, &str)] = &[("id", "7")];
    const TWO: &[(&str, &str)] = &[("id", "7"), ("name", "ada")];

    #[test]
    fn one_part_is_one_value() {
        assert_eq!(read::<u32>(ONE), Ok(7));
        assert_eq!(read::<String>(ONE), Ok("7".to_owned()));
        assert_eq!(read::<Id>(ONE), Ok(Id(7)));
        assert_eq!(read::<(u8,)>(ONE), Ok((7,)));
        assert_eq!(read::<Option<i64>>(ONE), Ok(Some(7)));
        assert_eq!(
            read::<Kind>(&[("kind", "open-source")]),
            Ok(Kind::OpenSource)
        );
    }

    #[test]
    fn several_parts_are_a_tuple_or_named() {
        assert_eq!(read::<(Id, String)>(TWO), Ok((Id(7), "ada".to_owned())));
        let name = "ada".to_owned();
        assert_eq!(read::<Org>(TWO), Ok(Org { id: 7, name }));
        let map = read::<HashMap<String, String>>(TWO).unwrap();
        assert_eq!((&*map["id"], &*map["name"]), ("7", "ada"));
    }

    #[test]
    fn what_does_not_fit_says_how() {
        assert_eq!(
            read::<u8>(&[("id", "300")]),
            Err("\"300\" is no u8".to_owned())
        );
        assert!(read::<u32>(TWO).unwrap_err().contains("2 parts"));
        assert!(read::<(u32,)>(TWO).unwrap_err().contains("invalid length"));
        assert!(read::<Org>(ONE).unwrap_err().contains("`name`"));
        assert!(read::<Kind>(ONE).unwrap_err().contains("unknown variant"));
        assert!(read::<Vec<Vec<u8>>>(ONE).is_err());
    }
}
